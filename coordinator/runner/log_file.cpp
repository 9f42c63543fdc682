#include "coordinator/runner/log_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace labhub::coordinator::runner {

Result<LogFile> LogFile::open(const std::filesystem::path& path, std::uint64_t limit) {
    LogFile log;
    log.file_ = UniqueFd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644)};
    if (!log.file_) return system_error("create " + path.string(), errno);
    log.limit_ = limit;
    return log;
}

void LogFile::write(std::string_view bytes) {
    const auto kept =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), limit_ - std::min(limit_, written_)));
    put(bytes.substr(0, kept));
    dropped_ += bytes.size() - kept;
}

void LogFile::put(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            dropped_ += bytes.size();
            return;
        }
        line_is_open_ = bytes[static_cast<std::size_t>(put) - 1] != '\n';
        written_ += static_cast<std::uint64_t>(put);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void LogFile::note(std::string_view line) {
    std::string text = line_is_open_ ? "\n" : "";
    text.append("[labhub] ").append(line).append("\n");
    put(text);
}

void LogFile::finish() {
    if (dropped_ > 0)
        note(std::to_string(dropped_) + " more bytes were written here and dropped: the limit is " +
             std::to_string(limit_) + " bytes");
}

}  // namespace labhub::coordinator::runner
