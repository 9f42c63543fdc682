#include "shared/base/framing.hpp"

namespace labhub {

std::string encode_frame(std::string_view message) {
    const auto length = static_cast<std::uint32_t>(message.size());
    std::string frame;
    frame.reserve(4 + message.size());
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>((length >> shift) & 0xFF);
    frame += message;
    return frame;
}

Result<std::optional<std::string>> FrameReader::next() {
    if (buffer_.size() < 4) return std::optional<std::string>{};
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = (length << 8) | static_cast<std::uint8_t>(buffer_[i]);
    if (length > kMaxFrameBytes)
        return Error{ErrorCode::too_large, "a message announces " + std::to_string(length) + " bytes",
                     "at most " + std::to_string(kMaxFrameBytes)};
    if (buffer_.size() < 4 + std::size_t{length}) return std::optional<std::string>{};
    std::string message = buffer_.substr(4, length);
    buffer_.erase(0, 4 + std::size_t{length});
    return std::optional<std::string>{std::move(message)};
}

}  // namespace labhub
