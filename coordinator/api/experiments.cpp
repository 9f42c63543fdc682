// Starting, looking at and stopping experiments.
#include "coordinator/api/experiments.hpp"

#include <algorithm>
#include <limits>

#include "coordinator/api/caller_role.hpp"
#include "coordinator/api/experiment_pause.hpp"
#include "coordinator/api/experiment_request.hpp"
#include "coordinator/api/needs_body.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/domain/jobs/ownership.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

// --- start ---------------------------------------------------------------------------------------------------------

struct StartRequest {
    std::string script_content;
    std::optional<std::string> experiment_id;
    std::optional<ExperimentConfig> config;
};
BOOST_DESCRIBE_STRUCT(StartRequest, (), (script_content, experiment_id, config))
struct StartReply {
    std::string experiment_id;
    std::string message;
};
BOOST_DESCRIBE_STRUCT(StartReply, (), (experiment_id, message))

Result<jobs::Submission> submission_of(const Call& call, const Services& services, StartRequest request) {
    ExperimentConfig config = std::move(request.config).value_or(ExperimentConfig{});
    jobs::Submission submission;
    submission.script = std::move(request.script_content);
    submission.id = std::move(request.experiment_id);
    submission.requested_by = call.caller.principal();
    submission.role = role_of(call.caller);
    LABHUB_CHECK(apply_device(call, config, services, submission));
    LABHUB_CHECK(apply_config(std::move(config), services, submission));
    return submission;
}

Task<Result<StartReply>> start(Services& services, Call call, StartRequest request) {
    auto submission = submission_of(call, services, std::move(request));
    if (!submission) co_return std::move(submission).error();
    const bool is_dry_run = submission->dry_run;
    auto job = co_await services.jobs.submit(std::move(*submission));
    if (!job) co_return std::move(job).error();
    const std::string device = to_string(job->needs);
    const std::string what = is_dry_run ? "dry run " + job->id.value + " is queued, for a twin of " + device
                                        : "experiment " + job->id.value + " is queued for " + device;
    co_return StartReply{job->id.value, what};
}

// --- again ---------------------------------------------------------------------------------------------------------

struct RestartRequest {
    std::optional<std::string> experiment_id, script_content;
    std::optional<ExperimentConfig> config;
};
BOOST_DESCRIBE_STRUCT(RestartRequest, (), (experiment_id, script_content, config))
}  // namespace
template <>
struct MemberDocs<RestartRequest> {
    static constexpr MemberDoc list[] = {{"experiment_id", "of the new one; the hub's choice when left out"},
                                         {"script_content", "another script; the same one when left out"},
                                         {"config", "what is to be otherwise; params are merged, null takes one out"}};
};
namespace {

Task<Result<StartReply>> restart(Services& services, Call call, RestartRequest request) {
    JobId earlier{call.path["id"]};
    const std::string name = earlier.value;
    auto submission = co_await services.jobs.resubmission(std::move(earlier));
    if (!submission) co_return std::move(submission).error();
    submission->id = std::move(request.experiment_id);
    submission->requested_by = call.caller.principal();
    submission->role = role_of(call.caller);
    if (request.script_content) submission->script = std::move(*request.script_content);
    ExperimentConfig config = std::move(request.config).value_or(ExperimentConfig{});
    if (config.device || config.needs) {
        auto chosen = apply_device(call, config, services, *submission);
        if (!chosen) co_return std::move(chosen).error();
    }
    auto applied = apply_config(std::move(config), services, *submission);
    if (!applied) co_return std::move(applied).error();
    auto job = co_await services.jobs.submit(std::move(*submission));
    if (!job) co_return std::move(job).error();
    co_return StartReply{job->id.value, "experiment " + job->id.value + " is queued, as " + name + " was"};
}

// --- look ----------------------------------------------------------------------------------------------------------

struct InputView {
    std::string name;
    std::int64_t size = 0;
    std::string sha256;
};
BOOST_DESCRIBE_STRUCT(InputView, (), (name, size, sha256))
struct Experiment {
    std::string experiment_id, status, reason, message, device, requested_by, image, image_digest;
    NeedsView needs;
    std::optional<int> exit_code, signal;
    std::int64_t created_at = 0;
    std::optional<std::int64_t> started_at, ended_at;
    std::int64_t time_limit_ms = 0, memory_bytes = 0;
    int priority = 0;
    bool is_held = false, is_paused = false, dry_run = false;
    std::optional<PauseBody> pause;
    std::int64_t paused_ms = 0;
    std::optional<std::int64_t> dry_run_ms, dry_run_limit_ms;
    std::optional<std::int64_t> run_at, queue_position, expected_start;
    std::optional<std::string> waits_because;
    std::optional<std::int64_t> peak_memory_bytes, cpu_ms, results_removed_at;
    boost::json::value params;
    std::vector<InputView> inputs;
    std::vector<std::string> tags;
    std::string note;
    std::optional<std::string> restarted_from;
};
BOOST_DESCRIBE_STRUCT(Experiment, (),
                      (experiment_id, status, reason, message, device, needs, requested_by, image, image_digest,
                       exit_code, signal, created_at, started_at, ended_at, time_limit_ms, memory_bytes, priority,
                       is_held, is_paused, pause, paused_ms, run_at, queue_position, expected_start, waits_because,
                       peak_memory_bytes, cpu_ms, results_removed_at, params, inputs, tags, note, restarted_from,
                       dry_run, dry_run_ms, dry_run_limit_ms))
}  // namespace
template <>
struct MemberDocs<Experiment> {
    static constexpr MemberDoc list[] = {
        {"status", "queued, preparing, running, stopping, completed, failed, stopped or timed_out"},
        {"reason",
         "why it ended: user, time_limit, pause_limit, out_of_memory, disk_limit, exit_status, signal, node_lost, "
         "lease_lost, "
         "runner_lost, sandbox_failed or alarm; at_most, twin_lost, too_long or interrupted of a dry run; empty "
         "otherwise"},
        {"device", "node/device; empty while it is not chosen"},
        {"needs", "what the device must be, or have"},
        {"image_digest", "which build of the image; empty for the host's own /usr"},
        {"created_at", "milliseconds of UTC since 1970, as all times here"},
        {"is_paused", "it is running, and its script is frozen"},
        {"pause", "since when, by whom, and what is done with the vessel; null when it isn't paused"},
        {"paused_ms", "by all pauses together; none of it counts against the time limit"},
        {"run_at", "not before this; null: as soon as can be"},
        {"queue_position", "1 is next; null when it isn't queued"},
        {"expected_start",
         "when it starts at the latest, if all before it take their whole time limit and nobody comes "
         "in between; null where nobody can tell"},
        {"waits_because", "one sentence; null when it isn't queued"},
        {"results_removed_at", "null while its files are there; GET /api/results says why they went"},
        {"params", "what the script finds in labhub.params"},
        {"inputs", "files in /app/input; their SHA-256 for whoever may read the results"},
        {"restarted_from", "the experiment it was started again from; null: none"},
        {"dry_run", "whether it runs against a twin of its device"},
        {"dry_run_ms", "how far a dry run that runs is, in the twin's time; null otherwise"},
        {"dry_run_limit_ms", "where it ends at the latest, in the twin's time; null where it is no dry run"}};
};
namespace {

std::optional<std::int64_t> millis(const std::optional<UtcMillis>& time) {
    if (!time) return std::nullopt;
    return time->count;
}

Experiment describe(const Services& services, const Caller& caller, const jobs::Job& job) {
    Experiment shown;
    shown.experiment_id = job.id.value;
    shown.status = to_string(job.status);
    shown.reason = job.reason.empty() ? job.stop_reason : job.reason;
    shown.message = job.message;
    shown.device = job.device_name();
    shown.needs = view_of(job.needs);
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
    shown.pause = present_pause_of(job);
    shown.is_paused = shown.pause.has_value();
    shown.paused_ms = jobs::paused_for(job.pauses, services.clock.utc_now()).count();
    if (job.not_before.count > 0) shown.run_at = job.not_before.count;
    if (const auto turn = services.jobs.turn_of(job)) {
        shown.queue_position = static_cast<std::int64_t>(turn->place.position);
        shown.waits_because = turn->place.why;
        shown.expected_start = millis(turn->expected_start);
    }
    shown.dry_run = job.dry_run.has_value();
    if (job.dry_run) shown.dry_run_limit_ms = job.dry_run->limit.count();
    if (const auto progress = services.jobs.dry_run_progress(job.id)) shown.dry_run_ms = progress->elapsed.count();
    shown.peak_memory_bytes = job.peak_memory_bytes;
    shown.cpu_ms = job.cpu_ms;
    shown.results_removed_at = millis(job.result.removed);
    shown.params = job.params;
    const bool may_read = jobs::check_owner(job, {caller.principal(), caller.is_admin}).has_value();
    for (const auto& input : job.inputs)
        shown.inputs.push_back({input.name, input.size, may_read ? input.sha256 : std::string()});
    shown.tags = job.labels.tags;
    shown.note = job.labels.note;
    if (!job.restarted_from.empty()) shown.restarted_from = job.restarted_from.value;
    return shown;
}

struct ExperimentList {
    std::vector<Experiment> experiments;
    std::optional<std::int64_t> next;
    std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(ExperimentList, (), (experiments, next, total))
}  // namespace
template <>
struct MemberDocs<ExperimentList> {
    static constexpr MemberDoc list[] = {{"next", "the offset of the next page; null: this was the last"},
                                         {"total", "how many there are on all pages"}};
};
namespace {

/// Which experiments; what is empty lets all through.
struct Filter {
    std::vector<std::string> tags, statuses;
    std::string user;

    bool admits(const jobs::Job& job) const {
        const auto has_tag = [&](const std::string& tag) {
            return std::binary_search(job.labels.tags.begin(), job.labels.tags.end(), tag);
        };
        const auto is_it = [&](const std::string& status) { return status == to_string(job.status); };
        return std::all_of(tags.begin(), tags.end(), has_tag) &&
               (statuses.empty() || std::any_of(statuses.begin(), statuses.end(), is_it)) &&
               (user.empty() || job.requested_by == "user:" + user);
    }
};

Result<Filter> filter_of(const Call& call) {
    Filter filter;
    for (const auto& [name, value] : call.request.query) {
        if (name == "tag") filter.tags.push_back(value);
        if (name == "user") filter.user = value;
        if (name != "status") continue;
        for (const auto word : split(value, ',')) {
            if (!jobs::status_from(word))
                return Error{ErrorCode::malformed, "?status=" + printable(word, 40) + " is no status",
                             "queued, preparing, running, stopping, completed, failed, stopped or timed_out"};
            filter.statuses.emplace_back(word);
        }
    }
    return filter;
}

Task<Result<ExperimentList>> list_all(Services& services, Call call, Nothing) {
    constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
    auto filter = filter_of(call);
    if (!filter) co_return std::move(filter).error();
    auto limit = query_integer(call, "limit", kAll, 1, 1'000);
    if (!limit) co_return std::move(limit).error();
    auto offset = query_integer(call, "offset", 0, 0, 1LL << 40);
    if (!offset) co_return std::move(offset).error();
    ExperimentList reply;
    for (const jobs::Job* job : services.jobs.list()) {
        if (!filter->admits(*job)) continue;
        const std::int64_t place = reply.total++;
        if (place >= *offset && place - *offset < *limit)
            reply.experiments.push_back(describe(services, call.caller, *job));
    }
    const std::int64_t end = *offset + static_cast<std::int64_t>(reply.experiments.size());
    if (!reply.experiments.empty() && end < reply.total) reply.next = end;
    co_return reply;
}

struct ExperimentReply {
    Experiment experiment;
};
BOOST_DESCRIBE_STRUCT(ExperimentReply, (), (experiment))

Task<Result<ExperimentReply>> get_status(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    co_return ExperimentReply{describe(services, call.caller, **job)};
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
    const bool of_one = path.starts_with("/{id}");
    return Operation{std::move(verb),
                     "/api/experiments" + path,
                     std::move(id),
                     "experiments",
                     std::move(summary),
                     of_one ? Access::owner : Access::user,
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
        with_handler(experiment_row("GET", "", "listExperiments", "Experiments, newest first",
                                    {{"tag", "only those with this tag; several times: with all of them"},
                                     {"status", "only those with this status, or one of several: running,queued"},
                                     {"user", "only those of this user"},
                                     {"limit", "at most so many, 1 to 1000; all when left out"},
                                     {"offset", "leave out so many of them first"}}),
                     &list_all));
    Operation status = experiment_row("GET", "/{id}/status", "getExperimentStatus", "How an experiment is");
    status.access = Access::user;
    list.push_back(with_handler(std::move(status), &get_status));
    list.push_back(with_handler(
        experiment_row("POST", "/{id}/stop", "stopExperiment", "Stop an experiment; its outputs are kept"), &stop));
    list.push_back(with_handler(experiment_row("DELETE", "/{id}", "deleteExperiment", "The same as stop"), &stop));
    list.push_back(with_handler(
        experiment_row("POST", "/{id}/restart", "restartExperiment",
                       "Start an ended experiment again: same script, device, limits, parameters and input files, but "
                       "for what the body changes"),
        &restart));
    add_experiment_labels(list);
    add_experiment_compare(list);
    add_dry_runs(list);
    add_experiment_results(list);
    add_experiment_logs(list);
    add_experiment_events(list);
    add_experiment_pause(list);
}

}  // namespace labhub::coordinator::api
