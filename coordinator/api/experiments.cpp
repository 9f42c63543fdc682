// Starting, looking at and stopping experiments.
#include "coordinator/api/experiments.hpp"

#include "coordinator/api/alarm_body.hpp"
#include "coordinator/api/caller_role.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/domain/telemetry/query_time.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

// --- start ---------------------------------------------------------------------------------------------------------

struct Config {
    std::optional<std::string> device, image;
    std::optional<json::value> time_limit, memory, output_limit;
    std::optional<double> cpus;
    std::optional<std::map<std::string, std::string>> environment;
    std::optional<bool> queue, hold;
    std::optional<int> priority;
    std::optional<json::value> run_at;
    std::optional<std::vector<ExperimentAlarmBody>> alarms;
};
BOOST_DESCRIBE_STRUCT(Config, (),
                      (device, image, time_limit, memory, output_limit, cpus, environment, queue, hold, priority,
                       run_at, alarms))
}  // namespace
template <>
struct MemberDocs<Config> {
    static constexpr MemberDoc list[] = {
        {"device", "node/device; the only one there is when left out"},
        {"image", "what the script runs in: a name of GET /api/images; the hub's default when left out"},
        {"time_limit", "seconds, or text as '1h30m'; 1h when left out"},
        {"memory", "bytes, or text as '512m'; 512m when left out"},
        {"output_limit", "bytes of /app/output, or text as '1g'; 1g when left out"},
        {"cpus", "cores, 1 when left out"},
        {"environment", "variables for the script"},
        {"queue", "false: refuse when the device is leased; true (default): wait for it"},
        {"hold", "true: wait until it is released"},
        {"priority", "-100 to 100, 0 when left out: larger goes first, whoever's it is"},
        {"run_at",
         "not before this: milliseconds of UTC since 1970, or text as '2026-02-15T18:00:00+01:00' or '+2h'; "
         "at most a year ahead"},
        {"alarms", "what is watched while the experiment holds its device"}};
};
namespace {

struct StartRequest {
    std::string script_content;
    std::optional<std::string> experiment_id;
    std::optional<Config> config;
};
BOOST_DESCRIBE_STRUCT(StartRequest, (), (script_content, experiment_id, config))
struct StartReply {
    std::string experiment_id;
    std::string message;
};
BOOST_DESCRIBE_STRUCT(StartReply, (), (experiment_id, message))

/// Text, or a number, as text.
Result<std::optional<std::string>> text_of(std::string_view name, const std::optional<json::value>& given) {
    if (!given) return std::optional<std::string>{};
    if (given->is_string()) return std::optional<std::string>(std::string(given->get_string()));
    if (given->is_number()) return std::optional<std::string>(to_json(*given));
    return Error{ErrorCode::malformed, "'config." + std::string(name) + "' must be a number or text"};
}

Result<jobs::Submission> submission_of(const Call& call, const Services& services, StartRequest request) {
    Config config = std::move(request.config).value_or(Config{});
    jobs::Submission submission;
    submission.script = std::move(request.script_content);
    submission.id = std::move(request.experiment_id);
    submission.requested_by = call.caller.principal();
    submission.image = std::move(config.image);
    submission.role = role_of(call.caller);
    LABHUB_TRY(submission.time_limit, text_of("time_limit", config.time_limit));
    LABHUB_TRY(submission.memory, text_of("memory", config.memory));
    LABHUB_TRY(submission.output_limit, text_of("output_limit", config.output_limit));
    submission.cpus = config.cpus;
    submission.environment = std::move(config.environment).value_or(std::map<std::string, std::string>{});
    submission.queue = config.queue.value_or(true);
    submission.hold = config.hold.value_or(false);
    submission.priority = config.priority;
    LABHUB_TRY(const auto run_at, text_of("run_at", config.run_at));
    if (run_at) {
        LABHUB_TRY(submission.run_at, telemetry::parse_time("config.run_at", *run_at, services.clock.utc_now()));
    }
    LABHUB_TRY(submission.device, device_of(call, services, config.device));
    LABHUB_TRY(submission.alarms,
               declared_from(config.alarms.value_or(std::vector<ExperimentAlarmBody>{}), services.alarms.settings()));
    LABHUB_CHECK(services.alarms.check_declared(submission.device, submission.alarms));
    return submission;
}

Task<Result<StartReply>> start(Services& services, Call call, StartRequest request) {
    auto submission = submission_of(call, services, std::move(request));
    if (!submission) co_return std::move(submission).error();
    const std::string device = submission->device.to_string();
    auto job = co_await services.jobs.submit(std::move(*submission));
    if (!job) co_return std::move(job).error();
    co_return StartReply{job->id.value, "experiment " + job->id.value + " is queued for " + device};
}

// --- look ----------------------------------------------------------------------------------------------------------

struct Experiment {
    std::string experiment_id, status, reason, message, device, requested_by, image, image_digest;
    std::optional<int> exit_code, signal;
    std::int64_t created_at = 0;
    std::optional<std::int64_t> started_at, ended_at;
    std::int64_t time_limit_ms = 0, memory_bytes = 0;
    int priority = 0;
    bool is_held = false;
    std::optional<std::int64_t> run_at, queue_position, expected_start;
    std::optional<std::string> waits_because;
    std::optional<std::int64_t> peak_memory_bytes, cpu_ms;
};
BOOST_DESCRIBE_STRUCT(Experiment, (),
                      (experiment_id, status, reason, message, device, requested_by, image, image_digest, exit_code,
                       signal, created_at, started_at, ended_at, time_limit_ms, memory_bytes, priority, is_held, run_at,
                       queue_position, expected_start, waits_because, peak_memory_bytes, cpu_ms))
}  // namespace
template <>
struct MemberDocs<Experiment> {
    static constexpr MemberDoc list[] = {
        {"status", "queued, preparing, running, stopping, completed, failed, stopped or timed_out"},
        {"reason",
         "why it ended: user, time_limit, out_of_memory, disk_limit, exit_status, signal, node_lost, lease_lost, "
         "runner_lost, sandbox_failed or alarm; empty otherwise"},
        {"image_digest", "which build of the image; empty for the host's own /usr"},
        {"created_at", "milliseconds of UTC since 1970, as all times here"},
        {"run_at", "not before this; null: as soon as can be"},
        {"queue_position", "1 is next; null when it isn't queued"},
        {"expected_start",
         "when it starts at the latest, if all before it take their whole time limit and nobody comes "
         "in between; null where nobody can tell"},
        {"waits_because", "one sentence; null when it isn't queued"}};
};
namespace {

std::optional<std::int64_t> millis(const std::optional<UtcMillis>& time) {
    if (!time) return std::nullopt;
    return time->count;
}

Experiment describe(const Services& services, const jobs::Job& job) {
    Experiment shown;
    shown.experiment_id = job.id.value;
    shown.status = to_string(job.status);
    shown.reason = job.reason.empty() ? job.stop_reason : job.reason;
    shown.message = job.message;
    shown.device = job.device.to_string();
    shown.requested_by = job.requested_by;
    shown.image = job.image.empty() ? std::string(images::kHostImage) : job.image;
    shown.image_digest = job.image_digest;
    shown.exit_code = job.exit_code;
    shown.signal = job.signal;
    shown.created_at = job.created.count;
    shown.started_at = millis(job.started);
    shown.ended_at = millis(job.ended);
    shown.time_limit_ms = job.limits.time.count();
    shown.memory_bytes = job.limits.memory_bytes;
    shown.priority = job.priority;
    shown.is_held = job.is_held;
    if (job.not_before.count > 0) shown.run_at = job.not_before.count;
    if (const auto turn = services.jobs.turn_of(job)) {
        shown.queue_position = static_cast<std::int64_t>(turn->place.position);
        shown.waits_because = turn->place.why;
        shown.expected_start = millis(turn->expected_start);
    }
    shown.peak_memory_bytes = job.peak_memory_bytes;
    shown.cpu_ms = job.cpu_ms;
    return shown;
}

struct ExperimentList {
    std::vector<Experiment> experiments;
};
BOOST_DESCRIBE_STRUCT(ExperimentList, (), (experiments))

Task<Result<ExperimentList>> list_all(Services& services, Call, Nothing) {
    ExperimentList reply;
    for (const jobs::Job* job : services.jobs.list()) reply.experiments.push_back(describe(services, *job));
    co_return reply;
}

struct ExperimentReply {
    Experiment experiment;
};
BOOST_DESCRIBE_STRUCT(ExperimentReply, (), (experiment))

Task<Result<ExperimentReply>> get_status(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    co_return ExperimentReply{describe(services, **job)};
}

// --- stop ----------------------------------------------------------------------------------------------------------

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> stop(Services& services, Call call, Nothing) {
    const std::string id = call.path["id"];
    JobId job{id};
    auto stopped = co_await services.jobs.stop(std::move(job), std::string(jobs::reason::kUser),
                                               "stopped by " + call.caller.principal());
    if (!stopped) co_return std::move(stopped).error();
    co_return MessageReply{"experiment " + id + " is being stopped"};
}

}  // namespace

Operation experiment_row(std::string verb, std::string path, std::string id, std::string summary,
                         std::vector<QueryParameter> query) {
    return Operation{std::move(verb),
                     "/api/experiments" + path,
                     std::move(id),
                     "experiments",
                     std::move(summary),
                     Access::user,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

void add_experiments(std::vector<Operation>& list) {
    list.push_back(with_handler(experiment_row("POST", "/start", "startExperiment", "Queue a script for a device",
                                               {{"device", "node/device, where the body names none"}}),
                                &start));
    list.push_back(
        with_handler(experiment_row("GET", "", "listExperiments", "All experiments, newest first"), &list_all));
    list.push_back(with_handler(experiment_row("GET", "/{id}/status", "getExperimentStatus", "How an experiment is"),
                                &get_status));
    list.push_back(with_handler(
        experiment_row("POST", "/{id}/stop", "stopExperiment", "Stop an experiment; its outputs are kept"), &stop));
    list.push_back(with_handler(experiment_row("DELETE", "/{id}", "deleteExperiment", "The same as stop"), &stop));
    add_experiment_results(list);
    add_experiment_logs(list);
    add_experiment_events(list);
}

}  // namespace labhub::coordinator::api
