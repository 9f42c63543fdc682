#include "coordinator/runner/spawn_launcher.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "coordinator/runner/detached.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr std::chrono::minutes kCollectDeadline{10};
/// The program's exit status for "a runner is at work on this folder".
constexpr int kExitConflict = 4;

Error collect_error(const std::filesystem::path& job_dir, int status) {
    if (status > 0 && WIFEXITED(status) && WEXITSTATUS(status) == kExitConflict)
        return Error{ErrorCode::conflict, "the runner of " + job_dir.string() + " is alive"};
    return Error{ErrorCode::internal, "collecting " + job_dir.string() + " failed", "runner.log there says why"};
}

}  // namespace

SpawnLauncher::SpawnLauncher(asio::any_io_executor executor, std::filesystem::path program)
    : executor_(executor), program_(std::move(program)), tasks_(executor), waiting_(executor, program_) {}

Result<pid_t> SpawnLauncher::start_process(const std::filesystem::path& job_dir) {
    if (const auto spec = read_job_spec(job_dir))
        if (const auto pid = waiting_.give(job_dir, *spec)) return *pid;
    LABHUB_TRY(const pid_t pid, start_detached(program_, "run", job_dir));
    tasks_.spawn("runner process", reap_runner(pid, job_dir.string()));
    return pid;
}

Task<Result<std::string>> SpawnLauncher::start(std::filesystem::path job_dir) {
    co_return start_process(job_dir).map([](pid_t pid) { return "process " + std::to_string(pid); });
}

bool SpawnLauncher::has_remains(const std::filesystem::path& job_dir) const {
    std::error_code failure;
    return std::filesystem::exists(sandbox_folder(job_dir), failure);
}

Result<void> SpawnLauncher::keep_ready(ReadySandboxes settings) {
    waiting_.keep(std::move(settings));
    return {};
}

Task<Result<RunnerState>> SpawnLauncher::collect(std::filesystem::path job_dir) {
    auto pid = start_detached(program_, "collect", job_dir);
    if (!pid) co_return Result<RunnerState>(std::move(pid).error());
    auto waiting = await_exit(*pid);
    const auto status = co_await within(kCollectDeadline, std::move(waiting));
    if (!status) {
        ::kill(*pid, SIGKILL);
        tasks_.spawn("collecting process", reap_runner(*pid, job_dir.string()));
        Error late{ErrorCode::timed_out, "collecting " + job_dir.string() + " took more than ten minutes"};
        co_return Result<RunnerState>(std::move(late));
    }
    if (*status != 0) {
        Error failed = collect_error(job_dir, *status);
        co_return Result<RunnerState>(std::move(failed));
    }
    co_return read_runner_state(job_dir);
}

Task<void> SpawnLauncher::close() {
    co_await waiting_.close();
    co_await tasks_.stop();
}

}  // namespace labhub::coordinator::runner
