#pragma once

#include <map>
#include <optional>
#include <string>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/base/clock.hpp"

namespace labhub::coordinator::jobs {

/// What a person asks for, as it came in; everything but the script and the device, or what it needs, may be left out.
struct Submission {
    std::string script;
    DeviceAddress device;  ///< that one; empty: `needs` says which will do
    Needs needs;
    std::string requested_by;
    std::optional<std::string> id;
    std::optional<std::string> time_limit;    ///< "1h30m", or seconds
    std::optional<std::string> memory;        ///< "512m", "2g", or bytes
    std::optional<std::string> output_limit;  ///< as memory
    std::optional<double> cpus;
    std::map<std::string, std::string> environment;
    std::vector<alarms::ExperimentAlarm> alarms;
    boost::json::object params;
    std::vector<InputFile> inputs;
    JobId restarted_from;
    Labels labels;
    std::optional<std::string> image;    ///< left out: the default one
    std::string role;                    ///< of who asks, for what may be used
    std::optional<int> priority;         ///< -100 to 100; 0 when left out
    std::optional<UtcMillis> run_at;     ///< not before
    bool hold = false;                   ///< wait until it is released
    bool dry_run = false;                ///< against a twin of the device; `time_limit` is of the twin's time
    std::optional<std::string> at_most;  ///< dry runs: look no further than this
    bool queue = true;                   ///< false: refuse it at once when the device is leased
};

/// What a change of labels says; what it leaves out stays.
struct LabelChange {
    std::optional<std::vector<std::string>> tags;  ///< in place of all there are
    std::vector<std::string> added, removed;
    std::optional<std::string> note;
};

/// Bytes as people write them: "512m", "2g", "64k", "1048576"; powers of 1024. Error malformed.
Result<std::int64_t> parse_bytes(std::string_view text);

/// What asks for the same job again, but for its script: device, image, limits, environment, parameters, input files,
/// alarms, priority and tags. Neither its time nor its note come along.
Submission submission_of(const Job& job);

/// The job a submission asks for, in status queued, with an id and a secret. Errors malformed, out_of_range (say the
/// limits). Checks the script's text, not yet its syntax.
Result<Job> make_job(Submission submission, UtcMillis now);

}  // namespace labhub::coordinator::jobs
