#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>

#include "coordinator/runner/coordinator_link.hpp"
#include "coordinator/runner/ending.hpp"
#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/log_file.hpp"
#include "coordinator/runner/pausing.hpp"
#include "coordinator/runner/sandbox.hpp"
#include "coordinator/runner/snapshot.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {

/// The runner's ends of a sandbox's streams, and the sandbox's own until the runtime has them.
struct StreamPairs {
    UniqueFd out, err, lifeline;
    UniqueFd their_out, their_err, their_lifeline;
};
Result<StreamPairs> make_streams();

/// A sandbox that waits for its job: its first process, and our ends of its streams.
struct StandingSandbox {
    pid_t init = 0;
    StreamPairs streams;
};

/// One job from the runtime's start to the coordinator's Released: stdio into the logs, the time limit, stops, pauses,
/// the reports, and the result folder at the end. Single-threaded; owned by main. Whatever fails after construction
/// ends the job as `sandbox_failed` with a complete result folder.
class JobRun {
  public:
    /// `sandbox` may be an error: then the job ends at once, with that as its message. `standing`: it has waited and
    /// taken the job, and needs no runtime any more.
    JobRun(asio::io_context& context, JobSpec spec, JobFolders folders, RuntimeChoice choice, Result<Sandbox> sandbox,
           std::optional<StandingSandbox> standing = {});
    ~JobRun();

    /// Runs until the end is stored by the coordinator, or nobody asked for it in a week.
    Task<void> run();

  private:
    Task<void> run_sandbox();
    Result<void> open_streams();
    Task<bool> run_runtime();
    bool run_in_standing();
    Task<int> await_process(pid_t pid);
    Task<void> await_logs();
    Task<void> pump(UniqueFd from, LogFile* into);
    Task<void> follow_lifeline();
    Task<void> watch_time();
    Task<void> watch_output();
    Task<void> watch_signals();
    Task<void> kill_later();
    Task<void> await_release();

    void on_started();
    void end_script(const std::string& cause, std::chrono::milliseconds grace);
    void tell_init(char kind);
    void pause(std::chrono::milliseconds limit);
    Result<Freezer> find_freezer() const;
    void on_pause_changed(const PauseState& now);
    void kill_sandbox();
    void take_snapshot(std::uint64_t most_bytes);
    void finish();
    void clear_away();
    void save();
    Hello hello() const;

    asio::io_context& context_;
    JobSpec spec_;
    JobFolders folders_;
    RuntimeChoice choice_;
    Result<Sandbox> sandbox_;
    RunnerState state_;
    EndFacts facts_;
    std::optional<LogFile> out_log_, err_log_;
    std::optional<StandingSandbox> standing_;
    StreamPairs streams_;
    pid_t init_ = 0;
    bool killed_ = false, released_ = false, complete_ = false;
    bool dismissed_ = false;  ///< whoever stops us won't wait until a coordinator comes
    asio::posix::stream_descriptor lifeline_;
    asio::steady_timer kill_timer_, release_timer_, logs_timer_;
    int open_logs_ = 0;
    Snapshot snapshot_;
    CoordinatorLink link_;
    TaskGroup tasks_;  // while the sandbox lives
    Pausing pausing_;
    TaskGroup link_tasks_;  // until the coordinator has the end
};

/// What tells a waiting labhub-init to run the job's program (init_protocol.h). Error too_large when it doesn't fit
/// one message: such a job gets a sandbox of its own making.
Result<std::string> run_message(const JobSpec& spec);

/// Runs a JobRun to its end, on a loop of its own.
void run_job(JobSpec spec, JobFolders folders, RuntimeChoice choice, Result<Sandbox> sandbox,
             std::optional<StandingSandbox> standing = {});

}  // namespace labhub::coordinator::runner
