#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <sys/types.h>
#include <boost/asio/steady_timer.hpp>

#include "coordinator/runner/job_spec.hpp"
#include "shared/base/clock.hpp"
#include "shared/runtime/task.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {

/// Which sandboxes are kept ready.
struct ReadySandboxes {
    JobSpec like;                  ///< its limits, Python packages and runtime; the rest comes with the job
    std::filesystem::path folder;  ///< where they are made; on the file system of the jobs' folders
    std::size_t count = 0;
};

/// Keeps runners that have made their sandbox and wait for a job: the container stands, with everything a script is
/// confined by in force, and labhub-init in it has started nothing yet. Each is used for one job at most, and ends when
/// this process does, unless it has one then. The next one is made when no job has started for a moment, as making it
/// takes what a starting job needs. When they can't be made here, jobs start all the same, each with a new sandbox;
/// another attempt follows after seconds, later after minutes.
///
/// Lives on one executor.
class WaitingRunners {
  public:
    WaitingRunners(asio::any_io_executor executor, std::filesystem::path program);
    ~WaitingRunners();

    /// Once.
    void keep(ReadySandboxes settings);
    /// From now on they are made like this one; those that wait and don't fit end.
    void keep_like(JobSpec like);
    /// Gives the job to one that waits and fits. Its process id, or nothing.
    std::optional<pid_t> give(const std::filesystem::path& job_dir, const JobSpec& job);
    std::size_t ready_count() const;
    /// Ends those without a job and waits for their end, at most some seconds.
    Task<void> close();

  private:
    struct Waiting;
    Task<void> clear_leftovers(std::vector<std::filesystem::path> folders);
    Task<void> keep_one();
    Task<void> wait_for_quiet();
    Result<std::shared_ptr<Waiting>> start_one();
    Task<void> follow(std::shared_ptr<Waiting> waiting);
    Task<void> clear_away(std::shared_ptr<Waiting> waiting);
    Task<void> discard(std::filesystem::path folder);
    void forget(const std::shared_ptr<Waiting>& waiting);

    asio::any_io_executor executor_;
    std::filesystem::path program_;
    ReadySandboxes settings_;
    std::vector<std::shared_ptr<Waiting>> waiting_;
    Steady::time_point quiet_from_{};
    bool is_closing_ = false;
    asio::steady_timer all_gone_;
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::runner
