#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "coordinator/runner/acting_as.hpp"
#include "coordinator/runner/log_tail.hpp"

namespace labhub::coordinator::runner {

/// stdout.txt or stderr.txt of a job: what the script writes, as it comes, up to a limit. Of a log that outgrows it the
/// first three quarters of the limit and, once it is finished, the last quarter are kept, and what lies between is
/// counted in a line of its own. The file only ever grows, so that it can be followed. A write that the host refuses
/// (disk full) is counted too: a log must not end a job.
class LogFile {
  public:
    /// `owner`: as whom the file, and what goes with it, is opened.
    static Result<LogFile> open(const std::filesystem::path& path, std::uint64_t limit, Identity owner = ourselves());

    void write(std::string_view bytes);
    /// Adds the last part, where there is one, and how much could not be written. Call once, at the end.
    void finish();
    /// Whether what comes now goes to the last part.
    bool is_full() const { return written_ >= head_; }

  private:
    void put(std::string_view bytes);
    void put_in_tail(std::string_view bytes);

    std::filesystem::path path_;
    Identity owner_;  ///< as whom it was opened
    UniqueFd file_;
    LogTail tail_;
    std::uint64_t limit_ = 0, head_ = 0, written_ = 0, refused_ = 0;
};

}  // namespace labhub::coordinator::runner
