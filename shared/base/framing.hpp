#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub {

/// The framing of agent_rpc.proto and runner.proto: each message preceded by its length, four bytes, most significant
/// first.
inline constexpr std::size_t kMaxFrameBytes = 1u << 20;

/// The message with its length before it. `message` must not exceed kMaxFrameBytes.
std::string encode_frame(std::string_view message);

/// Cuts a byte stream back into messages.
class FrameReader {
  public:
    void append(std::string_view bytes) { buffer_ += bytes; }
    /// The next whole message, or nothing while it has not all arrived. Error too_large for an impossible length: the
    /// stream can't be resynchronised and must be closed.
    Result<std::optional<std::string>> next();

  private:
    std::string buffer_;
};

}  // namespace labhub
