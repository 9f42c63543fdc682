#include <google/protobuf/io/coded_stream.h>

#include "shared/base/text.hpp"
#include "shared/sparkplug/codec.hpp"

namespace labhub::sparkplug {
namespace {

using Stream = google::protobuf::io::CodedInputStream;

constexpr std::uint32_t kSeqField = 3;  // Payload.seq in shared/proto/sparkplug_b.proto

/// Protocol buffers' wire types: 0 varint, 1 eight bytes, 2 with its length before it, 5 four bytes.
bool skip(Stream& in, std::uint32_t wire_type) {
    std::uint64_t number = 0;
    std::uint32_t length = 0;
    switch (wire_type) {
        case 0: return in.ReadVarint64(&number);
        case 1: return in.Skip(8);
        case 2: return in.ReadVarint32(&length) && length <= kMaxPayloadBytes && in.Skip(static_cast<int>(length));
        case 5: return in.Skip(4);
        default: return false;
    }
}

Error not_a_payload(std::string_view bytes) {
    return Error{ErrorCode::malformed, "the bytes are not a Sparkplug B payload: " + printable(bytes, 32)};
}

}  // namespace

Result<std::optional<std::uint8_t>> peek_seq(std::string_view bytes) {
    if (bytes.size() > kMaxPayloadBytes)
        return Error{ErrorCode::too_large, "a payload of " + std::to_string(bytes.size()) + " bytes is too large",
                     "at most " + std::to_string(kMaxPayloadBytes) + " bytes"};
    Stream in(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
    std::optional<std::uint64_t> seq;
    while (const std::uint32_t tag = in.ReadTag()) {
        const bool is_seq = tag == (kSeqField << 3);
        if (is_seq) seq.emplace(0);
        if (is_seq ? !in.ReadVarint64(&*seq) : !skip(in, tag & 7)) return not_a_payload(bytes);
    }
    if (!in.ConsumedEntireMessage()) return not_a_payload(bytes);
    if (!seq) return std::optional<std::uint8_t>{};
    if (*seq > 255) return Error{ErrorCode::malformed, "seq " + std::to_string(*seq) + " is out of range", "0 to 255"};
    return std::optional<std::uint8_t>{static_cast<std::uint8_t>(*seq)};
}

}  // namespace labhub::sparkplug
