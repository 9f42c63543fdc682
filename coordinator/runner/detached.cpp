#include "coordinator/runner/detached.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include <spdlog/spdlog.h>
#include <boost/asio/posix/stream_descriptor.hpp>

extern char** environ;

namespace labhub::coordinator::runner {
namespace {

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

    void detach(const std::string& log, int pass) {
        sigset_t none, all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&actions_, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::posix_spawn_file_actions_adddup2(&actions_, 1, 2);
        if (pass >= 0) ::posix_spawn_file_actions_adddup2(&actions_, pass, 3);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, pass >= 0 ? 4 : 3);
    }
    const posix_spawnattr_t* attributes() const { return &attributes_; }
    const posix_spawn_file_actions_t* actions() const { return &actions_; }

  private:
    posix_spawnattr_t attributes_{};
    posix_spawn_file_actions_t actions_{};
};

}  // namespace

Result<pid_t> start_detached(const std::filesystem::path& program_path, const char* verb,
                             const std::filesystem::path& folder_path, int pass) {
    std::string program = program_path.string(), word = verb, folder = folder_path.string();
    std::array<char*, 4> argv{program.data(), word.data(), folder.data(), nullptr};
    SpawnAttributes attributes;
    attributes.detach((folder_path / "runner.log").string(), pass);
    pid_t pid = 0;
    const int failure =
        ::posix_spawn(&pid, program.c_str(), attributes.actions(), attributes.attributes(), argv.data(), environ);
    if (failure != 0) return system_error("start " + program + " " + word, failure);
    return pid;
}

Task<int> await_exit(pid_t pid) {
    auto executor = co_await asio::this_coro::executor;
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (handle < 0) co_return -1;
    asio::posix::stream_descriptor process(executor, handle);
    co_await process.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    int status = -1;
    if (::waitpid(pid, &status, WNOHANG) != pid) co_return -1;
    co_return status;
}

Task<void> reap_runner(pid_t pid, std::string job_dir) {
    const int status = co_await await_exit(pid);
    if (status > 0 && WIFSIGNALED(status))
        spdlog::warn("the runner of {} was ended by signal {}", job_dir, WTERMSIG(status));
    else if (status > 0)
        spdlog::warn("the runner of {} ended with status {}", job_dir, WEXITSTATUS(status));
}

}  // namespace labhub::coordinator::runner
