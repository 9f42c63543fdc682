#pragma once

#include "coordinator/runner/launcher.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {

/// Starts runners as plain processes, each in a session of its own, with no descriptor of ours and its standard streams
/// in JOB_DIR/runner.log. Ended ones are reaped here while the coordinator lives, by init afterwards. They have our
/// rights: making sandboxes takes root's.
class SpawnLauncher final : public Launcher {
  public:
    /// `program` is the labhub-runner to run.
    SpawnLauncher(asio::any_io_executor executor, std::filesystem::path program);

    std::string_view name() const override { return "spawn"; }
    Task<Result<std::string>> start(std::filesystem::path job_dir) override;
    Task<Result<RunnerState>> collect(std::filesystem::path job_dir) override;
    bool has_remains(const std::filesystem::path& job_dir) const override;
    Result<void> keep_ready(ReadySandboxes settings) override;
    void keep_like(JobSpec like) override { waiting_.keep_like(std::move(like)); }
    Task<void> close() override;
    std::size_t ready_count() const { return waiting_.ready_count(); }

  private:
    Result<pid_t> start_process(const std::filesystem::path& job_dir);

    asio::any_io_executor executor_;
    std::filesystem::path program_;
    TaskGroup tasks_;
    WaitingRunners waiting_;
};

}  // namespace labhub::coordinator::runner
