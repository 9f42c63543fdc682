#pragma once

#include <filesystem>
#include <functional>

#include <sys/types.h>

#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/waiting_runners.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {

/// Starts runners. A started runner does not depend on the coordinator: it lives on when that ends, however it ends.
class Launcher {
  public:
    virtual ~Launcher() = default;
    /// Starts `labhub-runner run JOB_DIR` and returns at once with its process id. The runner reports through the job
    /// socket. Error unavailable or internal when no process could be made.
    virtual Result<pid_t> start(const std::filesystem::path& job_dir) = 0;
    /// Runs `labhub-runner collect JOB_DIR`, for a job whose runner has died: makes sure that its sandbox is dead,
    /// brings in the outputs and returns what is known, with `ended` set. Idempotent. Errors conflict (the runner
    /// lives), timed_out, internal.
    virtual Task<Result<RunnerState>> collect(std::filesystem::path job_dir) = 0;
};

/// Starts runners as plain processes, each in a session of its own, with no descriptor of ours and its standard streams
/// in JOB_DIR/runner.log. Ended ones are reaped here while the coordinator lives, by init afterwards.
class SpawnLauncher final : public Launcher {
  public:
    /// `program` is the labhub-runner to run.
    SpawnLauncher(asio::any_io_executor executor, std::filesystem::path program);

    Result<pid_t> start(const std::filesystem::path& job_dir) override;
    Task<Result<RunnerState>> collect(std::filesystem::path job_dir) override;
    /// Ends the tasks that wait for processes, and the runners that have no job; the others live on.
    Task<void> close();
    /// Sandboxes are made in advance from now on, for jobs that fit.
    void keep_ready(ReadySandboxes settings) { waiting_.keep(std::move(settings)); }
    /// Those to come are made like this one, and those that wait and are another way are made anew.
    void keep_like(JobSpec like) { waiting_.keep_like(std::move(like)); }
    std::size_t ready_count() const { return waiting_.ready_count(); }

  private:
    asio::any_io_executor executor_;
    std::filesystem::path program_;
    TaskGroup tasks_;
    WaitingRunners waiting_;
};

}  // namespace labhub::coordinator::runner
