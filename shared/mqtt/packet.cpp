#include "shared/mqtt/packet.hpp"

#include <cstdint>

#include "shared/base/text.hpp"

namespace labhub::mqtt {
namespace {

constexpr std::uint8_t kPublish = 0x30;
constexpr std::uint8_t kRetain = 0x01;
constexpr std::size_t kMostLengthBytes = 4;

std::size_t byte_at(std::string_view bytes, std::size_t place) { return static_cast<std::uint8_t>(bytes[place]); }

}  // namespace

PlainMessage plain_message_at(std::string_view bytes) {
    if (bytes.empty() || (byte_at(bytes, 0) & ~std::size_t{kRetain}) != kPublish) return {};
    std::size_t length = 0, at = 1;
    bool is_more = true;
    for (unsigned shift = 0; is_more; shift += 7, ++at) {
        if (at > kMostLengthBytes || at >= bytes.size()) return {};
        length |= (byte_at(bytes, at) & 0x7F) << shift;
        is_more = byte_at(bytes, at) >= 0x80;
    }
    if (length < 2 || bytes.size() - at < length) return {};
    const std::string_view body = bytes.substr(at, length);
    const std::size_t topic_size = byte_at(body, 0) << 8 | byte_at(body, 1);
    if (topic_size == 0 || topic_size > body.size() - 2) return {};
    const std::string_view topic = body.substr(2, topic_size);
    if (topic.find('\0') != topic.npos || !is_utf8(topic)) return {};
    return {at + length, topic, body.substr(2 + topic_size), (byte_at(bytes, 0) & kRetain) != 0};
}

}  // namespace labhub::mqtt
