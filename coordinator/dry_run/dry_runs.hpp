#pragma once

#include <map>
#include <memory>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/domain/alarms/alarms.hpp"
#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/jobs/dry_run.hpp"
#include "coordinator/dry_run/dry_run.hpp"
#include "coordinator/notify/courier.hpp"
#include "shared/http/server.hpp"

namespace labhub::coordinator::dry_run {

/// All dry runs, on a thread of their own: what scripts ask of their twins as fast as they can must not slow a command
/// to a real device. The functions here are the main thread's; what they take from the hub is copied.
class DryRuns {
  public:
    struct Settings {
        std::filesystem::path twin;         ///< labhub-twin; empty: there is none, and no dry run
        std::filesystem::path scratch;      ///< for databases, emptied at the start
        std::filesystem::path experiments;  ///< the jobs' folders
    };
    /// What is asked on the main thread.
    struct Hub {
        const fleet::Fleet& fleet;
        const alarms::Alarms& alarms;
        const Clock& clock;
        /// Ends a job: id, reason, message.
        std::function<void(const JobId&, std::string, std::string)> stop_job;
    };

    DryRuns(asio::any_io_executor main, Settings settings, Hub hub);
    ~DryRuns();

    /// Whether there is a twin to be made like that device. Errors unavailable (it was never seen, or this hub has no
    /// twins).
    Result<void> check(const DeviceAddress& device) const;
    /// Begins the dry run of a job whose sandbox stands: its API is served by a twin from now on.
    Result<void> open(const jobs::Job& job, UniqueFd listener);
    bool is_open(const JobId& job) const { return progress_.contains(job); }
    /// The job's script has ended. Errors: it was not begun by this process, or its files can't be written.
    Task<Result<jobs::DryRunEnd>> finish(JobId job, jobs::Ending ending);
    /// How far it is; nothing when it isn't open.
    std::optional<jobs::DryRunProgress> progress(const JobId& job) const;
    /// Ends all that still goes on, and the thread.
    Task<void> stop();

  private:
    Plan plan_of(const jobs::Job& job) const;
    Task<http::Response> handle(http::Request request);
    // The dry runs' thread.
    Task<void> begin(JobId job, std::shared_ptr<DryRun> run, UniqueFd listener);
    Task<Result<jobs::DryRunEnd>> end(JobId job, jobs::Ending ending);
    Task<void> abandon_all();
    void join();

    asio::any_io_executor main_;
    Settings settings_;
    Hub hub_;
    std::map<JobId, std::shared_ptr<Progress>> progress_;
    Result<std::unique_ptr<notify::Courier>> courier_;  ///< that nobody sends by
    asio::thread_pool pool_{1};                         ///< what blocks
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    http::Server server_;
    std::map<JobId, std::shared_ptr<DryRun>> runs_;  ///< the dry runs' thread only
    std::thread thread_;
};

}  // namespace labhub::coordinator::dry_run
