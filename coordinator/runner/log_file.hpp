#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// stdout.txt or stderr.txt of a job: what the script writes, as it comes, up to a limit; the rest is counted and the
/// count noted in the file's last line. A write that the host refuses (disk full) counts as dropped too: a log must not
/// end a job.
class LogFile {
  public:
    static Result<LogFile> open(const std::filesystem::path& path, std::uint64_t limit);

    void write(std::string_view bytes);
    /// A line of the runner's own, past the limit if need be.
    void note(std::string_view line);
    /// Notes what was dropped. Call once, at the end.
    void finish();
    bool is_full() const { return written_ >= limit_; }
    std::uint64_t dropped() const { return dropped_; }

  private:
    void put(std::string_view bytes);

    UniqueFd file_;
    std::uint64_t limit_ = 0, written_ = 0, dropped_ = 0;
    bool line_is_open_ = false;
};

}  // namespace labhub::coordinator::runner
