#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "coordinator/domain/alarms/alarm.hpp"
#include "coordinator/domain/jobs/needs.hpp"
#include "coordinator/domain/jobs/pause.hpp"
#include "coordinator/domain/jobs/stored_result.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"

namespace labhub::coordinator::jobs {

/// docs/architecture.md, "States": the same words in the API, the database, the logs.
enum class Status { queued, preparing, running, stopping, completed, failed, stopped, timed_out };

std::string_view to_string(Status status);
Result<Status> status_from(std::string_view name);
/// completed, failed, stopped or timed_out: nothing changes any more.
bool is_final(Status status);
/// preparing, running or stopping: a runner exists or may exist.
bool is_active(Status status);

/// Why a job ended, where it did not simply end by itself. Stored and shown as it stands here.
namespace reason {
inline constexpr std::string_view kUser = "user";
inline constexpr std::string_view kTimeLimit = "time_limit";
inline constexpr std::string_view kPauseLimit = "pause_limit";
inline constexpr std::string_view kOutOfMemory = "out_of_memory";
inline constexpr std::string_view kDiskLimit = "disk_limit";
inline constexpr std::string_view kExitStatus = "exit_status";
inline constexpr std::string_view kSignal = "signal";
inline constexpr std::string_view kNodeLost = "node_lost";
inline constexpr std::string_view kLeaseLost = "lease_lost";
inline constexpr std::string_view kRunnerLost = "runner_lost";
inline constexpr std::string_view kSandboxFailed = "sandbox_failed";
inline constexpr std::string_view kAlarm = "alarm";
// Of dry runs:
inline constexpr std::string_view kAtMost = "at_most";
inline constexpr std::string_view kTwinLost = "twin_lost";
inline constexpr std::string_view kTooLong = "too_long";
inline constexpr std::string_view kInterrupted = "interrupted";
}  // namespace reason

/// What a job may use. The defaults are the old hub's (contract, section 3).
struct Limits {
    std::int64_t memory_bytes = 512LL << 20;
    double cpus = 1.0;
    std::int64_t pids = 256;
    std::chrono::milliseconds time{std::chrono::hours{1}};
    std::int64_t output_bytes = 1LL << 30;
    std::int64_t log_bytes = 16LL << 20;
    std::int64_t tmp_bytes = 256LL << 20;
};

/// A file a script finds in /app/input.
struct InputFile {
    std::string name;
    std::int64_t size = 0;  ///< bytes
    std::string sha256;     ///< 64 lower-case hexadecimal digits
    friend bool operator==(const InputFile&, const InputFile&) = default;
};

/// What people write on an experiment, to find it again. It may change at any time, also after the end.
struct Labels {
    std::vector<std::string> tags;  ///< sorted, each once
    std::string note;
    friend bool operator==(const Labels&, const Labels&) = default;
};

/// Of a job that runs against a twin of its device, in the twin's time.
struct DryRunLimits {
    std::chrono::milliseconds limit{0};       ///< it ends there
    std::chrono::milliseconds time_limit{0};  ///< where a real run would end
    bool has_time_limit = false;              ///< it was asked for, and isn't the default
};

/// An experiment: one script in one sandbox, and the lease of one device; or a dry run of it, which has no lease.
struct Job {
    JobId id;
    Status status = Status::queued;
    std::string reason;   ///< a word of `reason`, or empty
    std::string message;  ///< one sentence for people
    Needs needs;
    DeviceAddress device;  ///< empty: not chosen yet, as it starts on any device that has what it needs
    std::string requested_by;
    std::string requester_name;  ///< as people know him; for the description of the result, and only kept there
    std::string script;
    std::string image;         ///< as it was named; empty: from before there were images
    std::string image_digest;  ///< the build it got; empty: the host's own /usr
    std::string python;        ///< of the image; empty: the usual one
    Limits limits;
    std::optional<DryRunLimits> dry_run;  ///< set: it is one; `limits.time` is real time then
    std::map<std::string, std::string> environment;
    std::vector<alarms::ExperimentAlarm> alarms;  ///< watched while it holds its device
    boost::json::object params;                   ///< `labhub.params` in the script
    std::vector<InputFile> inputs;
    JobId restarted_from;  ///< empty: it was started anew
    Labels labels;
    std::string secret;
    int priority = 0;         ///< of those that wait, larger goes first
    UtcMillis not_before;     ///< "run at"
    bool is_held = false;     ///< waits until it is released
    std::string stop_reason;  ///< a stop was asked for: why
    std::vector<Pause> pauses;
    StoredResult result;
    LeaseId lease;
    std::string runtime;  ///< "runc 1.1.5+ds1"
    std::optional<int> exit_code;
    std::optional<int> signal;
    std::optional<std::int64_t> peak_memory_bytes;
    std::optional<std::int64_t> cpu_ms;
    std::optional<std::int64_t> result_bytes;  ///< of its folder when it had ended; unset: not counted yet
    UtcMillis created;
    std::optional<UtcMillis> started;
    std::optional<UtcMillis> ended;

    std::string holder() const { return "job:" + id.value; }
    bool has_device() const { return !device.node.empty(); }
    /// "sim-1/vessel"; empty while it is not chosen.
    std::string device_name() const { return has_device() ? device.to_string() : std::string{}; }
    /// Without a device of its own again, unless it named one.
    void give_up_device() { device = needs.names_its_device() ? needs.devices.front() : DeviceAddress{}; }
};

/// One thing that happened to a job. Stored in the transaction that makes it so.
struct Event {
    std::int64_t number = 0;  ///< rising, over all jobs; given by the store
    UtcMillis time;
    std::string kind;     ///< the status it came to, or a word of `event`
    std::string who;      ///< "user:admin"; empty: the coordinator itself
    std::string message;  ///< one sentence for people, or the text of a note
};

/// Kinds of events beside the statuses.
namespace event {
inline constexpr std::string_view kHeld = "held";
inline constexpr std::string_view kReleased = "released";
inline constexpr std::string_view kNote = "note";
inline constexpr std::string_view kPaused = "paused";
inline constexpr std::string_view kResumed = "resumed";
inline constexpr std::string_view kKept = "kept";
inline constexpr std::string_view kResultsRemoved = "results_removed";
inline constexpr std::string_view kLabelled = "labelled";    ///< tags or note were changed
inline constexpr std::string_view kRestarted = "restarted";  ///< another one was started after it
inline constexpr std::string_view kAlarm = "alarm";          ///< of its device, while it ran
inline constexpr std::string_view kRefused = "command_refused";
}  // namespace event

/// Nothing is started while there is one.
struct QueuePause {
    std::string reason;
    std::string who;
    UtcMillis since;
};

/// How a sandbox ended, as the runner or, in its place, the coordinator saw it.
struct Ending {
    UtcMillis time;
    std::optional<int> exit_code;  ///< unset: no script ran
    int signal = 0;
    std::string reason;
    std::string message;
    std::int64_t peak_memory_bytes = 0;
    std::int64_t cpu_ms = 0;
};

/// The final status, reason and message a job gets from how its sandbox ended and from the stop asked for before.
void conclude(Job& job, const Ending& ending);

}  // namespace labhub::coordinator::jobs
