#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// The last part of a log that has outgrown its limit: a ring in the file `LOG.tail` beside it, so that it outlives the
/// runner. The script can't reach either file.
class LogTail {
  public:
    LogTail() = default;
    /// `head`: how many bytes the log itself holds and keeps; `capacity`: how many of the last ones are kept here.
    static Result<LogTail> open(const std::filesystem::path& log, std::uint64_t head, std::uint64_t capacity);

    explicit operator bool() const { return static_cast<bool>(file_); }
    /// False where the host has no room for it; the bytes are counted as left out then.
    bool write(std::string_view bytes);

  private:
    bool put(std::string_view bytes);
    bool put_header();

    UniqueFd file_;
    std::uint64_t head_ = 0, capacity_ = 0, total_ = 0;
};

/// Appends the tail to its log, after a line that says how much is left out before it (and from the beginning of a
/// line on), and deletes it. Nothing where the log has no tail. May be repeated after it was interrupted.
Result<void> join_log_tail(const std::filesystem::path& log);

}  // namespace labhub::coordinator::runner
