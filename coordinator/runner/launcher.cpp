#include "coordinator/runner/launcher.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spdlog/spdlog.h>
#include <boost/asio/posix/stream_descriptor.hpp>

extern char** environ;

namespace labhub::coordinator::runner {
namespace {

constexpr std::chrono::minutes kCollectDeadline{10};
/// The program's exit status for "a runner is at work on this folder".
constexpr int kExitConflict = 4;

class SpawnAttributes {
  public:
    SpawnAttributes() {
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawn_file_actions_init(&actions_);
    }
    ~SpawnAttributes() {
        ::posix_spawnattr_destroy(&attributes_);
        ::posix_spawn_file_actions_destroy(&actions_);
    }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;

    void detach(const std::string& log) {
        sigset_t none, all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&actions_, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::posix_spawn_file_actions_adddup2(&actions_, 1, 2);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    }
    const posix_spawnattr_t* attributes() const { return &attributes_; }
    const posix_spawn_file_actions_t* actions() const { return &actions_; }

  private:
    posix_spawnattr_t attributes_{};
    posix_spawn_file_actions_t actions_{};
};

/// Waits until the process has ended, and reaps it. Its wait status, or -1 when that can't be had.
Task<int> wait_for(pid_t pid) {
    auto executor = co_await asio::this_coro::executor;
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (handle < 0) co_return -1;
    asio::posix::stream_descriptor process(executor, handle);
    co_await process.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    int status = -1;
    if (::waitpid(pid, &status, WNOHANG) != pid) co_return -1;
    co_return status;
}

Task<void> reap(pid_t pid, std::string job_dir) {
    const int status = co_await wait_for(pid);
    if (status > 0 && WIFSIGNALED(status))
        spdlog::warn("the runner of {} was ended by signal {}", job_dir, WTERMSIG(status));
    else if (status > 0)
        spdlog::warn("the runner of {} ended with status {}", job_dir, WEXITSTATUS(status));
}

Error collect_error(const std::filesystem::path& job_dir, int status) {
    if (status > 0 && WIFEXITED(status) && WEXITSTATUS(status) == kExitConflict)
        return Error{ErrorCode::conflict, "the runner of " + job_dir.string() + " is alive"};
    return Error{ErrorCode::internal, "collecting " + job_dir.string() + " failed", "runner.log there says why"};
}

}  // namespace

SpawnLauncher::SpawnLauncher(asio::any_io_executor executor, std::filesystem::path program)
    : executor_(executor), program_(std::move(program)), tasks_(executor) {}

Result<pid_t> SpawnLauncher::spawn(const char* verb, const std::filesystem::path& job_dir) {
    std::string program = program_.string(), word = verb, folder = job_dir.string();
    std::array<char*, 4> argv{program.data(), word.data(), folder.data(), nullptr};
    SpawnAttributes attributes;
    attributes.detach((job_dir / "runner.log").string());
    pid_t pid = 0;
    const int failure =
        ::posix_spawn(&pid, program.c_str(), attributes.actions(), attributes.attributes(), argv.data(), environ);
    if (failure != 0) return system_error("start " + program + " " + word, failure);
    return pid;
}

Result<pid_t> SpawnLauncher::start(const std::filesystem::path& job_dir) {
    LABHUB_TRY(const pid_t pid, spawn("run", job_dir));
    tasks_.spawn("runner process", reap(pid, job_dir.string()));
    return pid;
}

Task<Result<RunnerState>> SpawnLauncher::collect(std::filesystem::path job_dir) {
    auto pid = spawn("collect", job_dir);
    if (!pid) co_return Result<RunnerState>(std::move(pid).error());
    auto waiting = wait_for(*pid);
    const auto status = co_await within(kCollectDeadline, std::move(waiting));
    if (!status) {
        ::kill(*pid, SIGKILL);
        tasks_.spawn("collecting process", reap(*pid, job_dir.string()));
        Error late{ErrorCode::timed_out, "collecting " + job_dir.string() + " took more than ten minutes"};
        co_return Result<RunnerState>(std::move(late));
    }
    if (*status != 0) {
        Error failed = collect_error(job_dir, *status);
        co_return Result<RunnerState>(std::move(failed));
    }
    co_return read_runner_state(job_dir);
}

Task<void> SpawnLauncher::close() { return tasks_.stop(); }

}  // namespace labhub::coordinator::runner
