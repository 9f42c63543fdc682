#pragma once

#include <string>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub {

/// Bytes both ways between two programs that speak frames: a channel of an SSH session, or a Unix socket. Used from one
/// executor.
class ByteStream {
  public:
    virtual ~ByteStream() = default;
    /// The next bytes, at least one; an empty string once the peer has closed in good order. Error unavailable.
    virtual Task<Result<std::string>> read() = 0;
    /// Hands over all bytes without waiting. Error too_many, with nothing queued, when the peer doesn't read.
    virtual Result<void> try_write(std::string bytes) = 0;
    virtual void close() = 0;
};

}  // namespace labhub
