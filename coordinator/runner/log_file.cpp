#include "coordinator/runner/log_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::runner {
namespace {

/// Which part of the limit is kept for the log's end.
constexpr std::uint64_t kTailShare = 4;

}  // namespace

Result<LogFile> LogFile::open(const std::filesystem::path& path, std::uint64_t limit, Identity owner) {
    const ActingAs acting{owner};
    LogFile log;
    log.owner_ = owner;
    log.file_ = UniqueFd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644)};
    if (!log.file_) return system_error("create " + path.string(), errno);
    log.path_ = path;
    log.limit_ = limit;
    log.head_ = limit - limit / kTailShare;
    return log;
}

void LogFile::write(std::string_view bytes) {
    const auto first =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), head_ - std::min(head_, written_)));
    put(bytes.substr(0, first));
    if (first < bytes.size()) put_in_tail(bytes.substr(first));
}

void LogFile::put(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            refused_ += bytes.size();
            return;
        }
        written_ += static_cast<std::uint64_t>(put);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void LogFile::put_in_tail(std::string_view bytes) {
    if (!tail_) {
        const ActingAs acting{owner_};
        auto opened = LogTail::open(path_, written_, limit_ - head_);
        if (opened) tail_ = std::move(*opened);
    }
    if (!tail_ || !tail_.write(bytes)) refused_ += bytes.size();
}

void LogFile::finish() {
    const ActingAs acting{owner_};
    if (auto joined = join_log_tail(path_); !joined) spdlog::warn("{}", joined.error().to_string());
    if (refused_ == 0) return;
    put("\n[labhub] " + std::to_string(refused_) + " bytes of this log could not be written: the hub had no room\n");
}

}  // namespace labhub::coordinator::runner
