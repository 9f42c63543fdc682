#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/runner/job_report.hpp"
#include "shared/base/files.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::runner {
class ToRunner;
}

namespace labhub::coordinator::runner {

/// A runner's first message on each connection.
struct Hello {
    JobId job_id;
    std::string secret;
    pid_t pid = 0;
    Phase phase = Phase::preparing;
    std::optional<Started> started;   ///< when running or ended
    std::optional<Ended> ended;       ///< when ended
    std::optional<PauseState> pause;  ///< unset: a runner of an older version, which can't pause
};

/// What JobSocket tells its owner; all on its executor. Every event may come more than once for a job (a runner says
/// all it knows again on each connection), so handlers must be idempotent.
struct JobSocketEvents {
    /// Whether this runner belongs to a job of ours: compares the secret. A refused connection is closed.
    std::function<Task<bool>(Hello hello)> admit;
    /// A runner is here. `listener` is the listening TCP socket inside its sandbox, close-on-exec and non-blocking; who
    /// connects to it is this job. It is empty when the job has ended. A listener from an earlier connection is the
    /// same socket: drop one of the two.
    std::function<void(Hello hello, UniqueFd listener)> on_hello;
    /// Follow on_hello when Hello carried them already.
    std::function<void(JobId, Started)> on_started;
    std::function<void(JobId, Ended)> on_ended;
    /// The copy of a running job's outputs that was asked for is there, or can't be.
    std::function<void(JobId, SnapshotTaken)> on_snapshot;
    /// The sandbox was frozen or thawed, or could not be. Follows on_hello too, where the runner can.
    std::function<void(JobId, PauseState)> on_pause_state;
    /// The connection is gone: the runner died (see is_runner_alive), or it will connect again.
    std::function<void(JobId)> on_lost;
};

/// The coordinator's end of the conversation with the runners (shared/proto/runner.proto): a Unix socket, mode 0600,
/// which accepts only processes of our own user or root.
///
/// Lives on one executor. Keeps no job state but the connections; a message that can't be understood closes its
/// connection, and the runner connects again. At most 4,096 connections; one that says nothing is closed after 10 s.
class JobSocket {
  public:
    /// Listens at `path`, replacing a socket left there by a dead coordinator. Errors conflict (another process listens
    /// there now), and what bind(2) says.
    static Result<std::unique_ptr<JobSocket>> open(asio::any_io_executor executor, const std::filesystem::path& path,
                                                   JobSocketEvents events);
    ~JobSocket();

    /// Asks the runner to end its job: SIGTERM, after `grace` SIGKILL. `reason` comes back in Ended. Error unavailable
    /// when the runner is not connected now: say it again at its next on_hello.
    Result<void> stop_job(const JobId& job, std::string reason, std::chrono::milliseconds grace);
    /// Asks the runner to freeze its sandbox, for at most `limit`; then it ends the job as "pause_limit". Told again is
    /// fine. Error unavailable as above.
    Result<void> pause_job(const JobId& job, std::chrono::milliseconds limit);
    /// Asks it to let the script go on, likewise.
    Result<void> resume_job(const JobId& job);
    /// The end is stored: the runner may exit. Error unavailable as above.
    Result<void> release(const JobId& job);
    /// Asks for a copy of the outputs so far, of at most so many bytes: see on_snapshot. A runner of an earlier version
    /// does not answer. Error unavailable as above.
    Result<void> take_snapshot(const JobId& job, std::uint64_t most_bytes);
    bool is_connected(const JobId& job) const;
    /// Closes all connections and ends its tasks; on_lost is not called for them.
    Task<void> close();

  private:
    class Impl;
    Result<void> send(const JobId& job, const labhub::runner::ToRunner& message);
    explicit JobSocket(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace labhub::coordinator::runner
