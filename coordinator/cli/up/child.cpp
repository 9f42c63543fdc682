#include "coordinator/cli/up/child.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli::up {
namespace {

constexpr std::uintmax_t kMostLogBytes = 16u << 20;
constexpr int kExecFailed = 127;

/// A log that has grown large becomes <log>.1 at the next start; the one before that is dropped.
UniqueFd open_log(const std::filesystem::path& log) {
    std::error_code none;
    if (std::filesystem::file_size(log, none) > kMostLogBytes && !none)
        std::filesystem::rename(log, log.string() + ".1", none);
    return UniqueFd(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

/// All that a new process needs of what was found out before fork.
struct Becoming {
    char* const* arguments;
    int input, log;
    pid_t parent;
    std::optional<std::pair<uid_t, gid_t>> user;
};

/// The child's side between fork and exec: only calls that are safe there (signal-safety(7)).
[[noreturn]] void become(const Becoming& with) {
    ::setpgid(0, 0);
    if (with.user &&
        (::setgroups(0, nullptr) != 0 || ::setgid(with.user->second) != 0 || ::setuid(with.user->first) != 0))
        ::_exit(kExecFailed);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != with.parent) ::_exit(kExecFailed);  // it died before the line above
    ::dup2(with.input, STDIN_FILENO);
    ::dup2(with.log, STDOUT_FILENO);
    ::dup2(with.log, STDERR_FILENO);
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    ::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(with.arguments[0], with.arguments);
    const char message[] = "can't be executed\n";
    if (::write(STDERR_FILENO, message, sizeof message - 1) < 0) ::_exit(kExecFailed);
    ::_exit(kExecFailed);
}

/// The user's ids when we may become that user; nothing when we are not root.
Result<std::optional<std::pair<uid_t, gid_t>>> ids_of(const std::optional<std::string>& user) {
    using Ids = std::optional<std::pair<uid_t, gid_t>>;
    if (!user || ::geteuid() != 0) return Ids();
    const passwd* const entry = ::getpwnam(user->c_str());
    if (!entry) return Error{ErrorCode::not_found, "there is no user " + *user};
    return Ids(std::pair(entry->pw_uid, entry->pw_gid));
}

std::string end_text(int status) {
    if (WIFSIGNALED(status))
        return "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<Child> Child::start(asio::any_io_executor executor, const ChildSpec& spec) {
    const UniqueFd log = open_log(spec.log);
    if (!log) return system_error("open " + spec.log.string(), errno);
    const UniqueFd input(::open(spec.input.c_str(), O_RDONLY | O_CLOEXEC));
    if (!input) return system_error("open " + spec.input.string(), errno);
    LABHUB_TRY(const auto user, ids_of(spec.user));
    std::vector<char*> arguments;
    for (const std::string& argument : spec.command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const Becoming becoming{arguments.data(), input.get(), log.get(), ::getpid(), user};
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("start " + spec.name, errno);
    if (pid == 0) become(becoming);
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        const int why = errno;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return system_error("watch " + spec.name, why);
    }
    asio::posix::stream_descriptor watched(executor, pidfd.release());
    return Child(pid, std::move(watched));
}

Task<std::string> Child::wait() {
    const auto [cancelled] = co_await pidfd_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (cancelled) co_return std::string("unknown: the wait for it was broken off");
    int status = 0;
    ::waitpid(pid_, &status, 0);
    co_return end_text(status);
}

void Child::signal(int number) { ::syscall(SYS_pidfd_send_signal, pidfd_.native_handle(), number, nullptr, 0U); }

Task<Result<std::string>> output_of(std::vector<std::string> command, std::filesystem::path scratch,
                                    std::chrono::milliseconds limit) {
    const auto executor = co_await asio::this_coro::executor;
    const std::string name = std::filesystem::path(command.front()).filename().string();
    const ChildSpec spec{name, std::move(command), scratch, "/dev/null", std::nullopt};
    auto child = Child::start(executor, spec);
    if (!child) {
        Error error = child.error();
        co_return error;
    }
    asio::steady_timer deadline(executor, limit);
    bool is_late = false;
    Child* const running = &*child;
    deadline.async_wait([&is_late, running](boost::system::error_code cancelled) {
        if (!cancelled) is_late = true, running->signal(SIGKILL);
    });
    const std::string end = co_await child->wait();
    deadline.cancel();
    auto output = read_file(scratch);
    std::error_code none;
    std::filesystem::remove(scratch, none);
    if (is_late) {
        Error late{ErrorCode::timed_out, name + " did not end within " + format_duration(limit)};
        co_return late;
    }
    if (end == "exit status 0") co_return output;
    Error failed{ErrorCode::unavailable, name + " failed: " + end, output ? std::string(trim(*output)) : ""};
    co_return failed;
}

std::string last_lines(const std::filesystem::path& log, std::size_t count) {
    const auto text = read_file(log, 2 * kMostLogBytes);
    if (!text) return {};
    const std::string_view all = trim(*text);
    std::size_t begin = all.size();
    while (count > 0 && begin != std::string_view::npos && begin > 0) {
        begin = all.rfind('\n', begin - 1);
        --count;
    }
    return std::string(begin == std::string_view::npos ? all : all.substr(begin + (begin < all.size() ? 1 : 0)));
}

}  // namespace labhub::cli::up
