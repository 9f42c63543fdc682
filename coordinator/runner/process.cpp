#include "coordinator/runner/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "shared/base/files.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr int kExitNotFound = 127;
/// Above every descriptor that is set up, so that no dup2 below overwrites one that is still needed.
constexpr int kParking = 100;

int parked(int fd) {
    const int source = fd >= 0 ? fd : ::open("/dev/null", O_RDWR | O_CLOEXEC);
    return ::fcntl(source, F_DUPFD_CLOEXEC, kParking);
}

/// Best effort: a host may leave us without the right to, and then the runtime tries it its own way.
void set_oom_score(const std::string& score) {
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    (void)!::write(file, score.data(), score.size());
    ::close(file);
}

/// In the child: only async-signal-safe calls, as another thread may hold the allocator's lock.
[[noreturn]] void become(const Command& command, char* const* argv, char* const* environment,
                         const std::string& oom_score, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kExitNotFound);
    if (command.oom_score != 0) set_oom_score(oom_score);
    const int in = parked(command.in), out = parked(command.out), err = parked(command.err);
    const int pass = command.pass >= 0 ? parked(command.pass) : -1;
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    if (pass >= 0) ::dup2(pass, 3);
    ::syscall(SYS_close_range, pass >= 0 ? 4 : 3, ~0u, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvpe(argv[0], argv, environment);
    ::_exit(kExitNotFound);
}

/// Ours, without what is between us and the service manager: a runtime would give its socket to the container.
std::vector<char*> environment_of_children() {
    std::vector<char*> kept;
    for (char** variable = environ; *variable; ++variable)
        if (!std::string_view(*variable).starts_with("NOTIFY_SOCKET=")) kept.push_back(*variable);
    kept.push_back(nullptr);
    return kept;
}

}  // namespace

Result<pid_t> start_process(const Command& command) {
    std::vector<char*> argv;
    for (const auto& argument : command.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string oom_score = std::to_string(command.oom_score);
    const pid_t parent = ::getpid();
    const auto environment = environment_of_children();
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("fork for " + command.argv.front(), errno);
    if (pid == 0) become(command, argv.data(), environment.data(), oom_score, parent);
    return pid;
}

Result<int> open_process(pid_t pid) {
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (handle < 0) return system_error("pidfd_open of process " + std::to_string(pid), errno);
    return handle;
}

int exit_code_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int wait_process(pid_t pid, int seconds) {
    if (auto handle = open_process(pid)) {
        const UniqueFd process{*handle};
        pollfd event{process.get(), POLLIN, 0};
        if (::poll(&event, 1, seconds * 1000) == 0) ::kill(pid, SIGKILL);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return kExitNotFound;
    return exit_code_of(status);
}

}  // namespace labhub::coordinator::runner
