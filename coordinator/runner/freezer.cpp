#include "coordinator/runner/freezer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr const char* kState1 = "freezer.state";
constexpr const char* kFreeze2 = "cgroup.freeze";
constexpr const char* kEvents2 = "cgroup.events";
constexpr int kLine = 3, kControl = 4;

bool has_member(const std::filesystem::path& folder, pid_t member) {
    const auto listed = read_file(folder / "cgroup.procs");
    if (!listed) return false;
    const auto lines = split(*listed, '\n');
    return std::find(lines.begin(), lines.end(), std::to_string(member)) != lines.end();
}

bool is_there(const std::filesystem::path& file) { return ::access(file.c_str(), W_OK) == 0; }

/// In the child, which shares nothing with the script or the coordinator: every descriptor but two is closed, the lock
/// on the job's folder among them. Only async-signal-safe calls, as another thread may hold the allocator's lock.
[[noreturn]] void watch(int line, int control, std::string_view thawing) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) ::signal(number, SIG_IGN);
    ::setsid();
    // Both may lie where the other is to go.
    line = ::fcntl(line, F_DUPFD, kControl + 1);
    control = ::fcntl(control, F_DUPFD, kControl + 1);
    ::dup2(line, kLine);
    ::dup2(control, kControl);
    ::syscall(SYS_close_range, kControl + 1, ~0u, 0);
    char word = 0;
    ssize_t got = 0;
    do got = ::read(kLine, &word, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) (void)!::write(kControl, thawing.data(), thawing.size());
    ::_exit(0);
}

}  // namespace

Freezer::Freezer(std::filesystem::path folder, int version)
    : folder_(std::move(folder)), control_(folder_ / (version == 1 ? kState1 : kFreeze2)), version_(version) {}

Result<Freezer> Freezer::of(const std::filesystem::path& folder) {
    if (is_there(folder / kState1)) return Freezer{folder, 1};
    if (is_there(folder / kFreeze2)) return Freezer{folder, 2};
    return Error{ErrorCode::unsupported, "no freezer in " + folder.string()};
}

Result<Freezer> Freezer::find(const Cgroup& cgroup, pid_t member) {
    std::optional<Freezer> found;
    for (const auto& folder : cgroup.folders()) {
        auto freezer = of(folder);
        if (!freezer || !has_member(folder, member)) continue;
        if (!found || freezer->version() < found->version()) found = std::move(*freezer);
    }
    if (found) return std::move(*found);
    return Error{ErrorCode::unsupported, "this host's cgroups can't freeze the sandbox",
                 "it takes the freezer controller of cgroup version 1, or version 2 from Linux 5.2 on"};
}

std::string_view Freezer::word(bool is_frozen) const {
    if (version_ == 1) return is_frozen ? "FROZEN" : "THAWED";
    return is_frozen ? "1" : "0";
}

Result<void> Freezer::write(bool is_frozen) const {
    const UniqueFd file{::open(control_.c_str(), O_WRONLY | O_CLOEXEC)};
    const std::string_view text = word(is_frozen);
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return system_error("write " + control_.string(), errno);
    return {};
}

bool Freezer::is_frozen() const {
    const auto text = read_file(version_ == 1 ? control_ : folder_ / kEvents2);
    if (!text) return false;
    if (version_ == 1) return trim(*text) == word(true);
    const auto lines = split(*text, '\n');
    return std::find(lines.begin(), lines.end(), "frozen 1") != lines.end();
}

Result<FreezeGuard> FreezeGuard::set(const Freezer& freezer) {
    int line[2];
    if (::pipe2(line, O_CLOEXEC) != 0) return system_error("make the freeze guard's line", errno);
    const UniqueFd theirs{line[0]};
    UniqueFd ours{line[1]};
    const UniqueFd control{::open(freezer.control().c_str(), O_WRONLY | O_CLOEXEC)};
    if (!control) return system_error("open " + freezer.control().string(), errno);
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("fork for the freeze guard", errno);
    if (pid == 0) watch(theirs.get(), control.get(), freezer.thawing());
    return FreezeGuard{std::move(ours), pid};
}

FreezeGuard& FreezeGuard::operator=(FreezeGuard&& other) noexcept {
    std::swap(line_, other.line_);
    std::swap(pid_, other.pid_);
    return *this;
}

FreezeGuard::~FreezeGuard() {
    if (pid_ < 0) return;
    // It may have been killed: then its end of the line is closed, and SIGPIPE is ignored in this program.
    (void)!::write(line_.get(), "x", 1);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace labhub::coordinator::runner
