#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>

#include "coordinator/runner/coordinator_link.hpp"
#include "coordinator/runner/ending.hpp"
#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/log_file.hpp"
#include "coordinator/runner/sandbox.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {

/// One job from the runtime's start to the coordinator's Released: stdio into the logs, the time limit, stops, the
/// reports, and the result folder at the end. Single-threaded; owned by main. Whatever fails after construction ends
/// the job as `sandbox_failed` with a complete result folder.
class JobRun {
  public:
    /// `sandbox` may be an error: then the job ends at once, with that as its message.
    JobRun(asio::io_context& context, JobSpec spec, std::filesystem::path job_dir, RuntimeChoice choice,
           Result<Sandbox> sandbox);
    ~JobRun();

    /// Runs until the end is stored by the coordinator, or nobody asked for it in a week.
    Task<void> run();

  private:
    struct Streams;

    Task<void> run_sandbox();
    Result<void> open_streams();
    Task<bool> run_runtime();
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
    void tell_init_to_terminate();
    void kill_sandbox();
    void finish();
    void save();
    Hello hello() const;

    asio::io_context& context_;
    JobSpec spec_;
    std::filesystem::path job_dir_;
    RuntimeChoice choice_;
    Result<Sandbox> sandbox_;
    RunnerState state_;
    EndFacts facts_;
    std::optional<LogFile> out_log_, err_log_;
    std::unique_ptr<Streams> streams_;
    pid_t init_ = 0;
    bool killed_ = false, released_ = false, complete_ = false;
    asio::posix::stream_descriptor lifeline_;
    asio::steady_timer kill_timer_, release_timer_, logs_timer_;
    int open_logs_ = 0;
    CoordinatorLink link_;
    TaskGroup tasks_;       // while the sandbox lives
    TaskGroup link_tasks_;  // until the coordinator has the end
};

}  // namespace labhub::coordinator::runner
