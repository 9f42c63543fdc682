// Runs of experiments side by side, each from its own beginning.
#include <algorithm>
#include <set>

#include "coordinator/api/experiments.hpp"
#include "coordinator/domain/jobs/ownership.hpp"
#include "coordinator/domain/telemetry/comparison.hpp"
#include "shared/base/sha256.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::size_t kMostRuns = 4;
constexpr std::int64_t kUsualPoints = 200;
/// Of all metrics and runs together.
constexpr std::size_t kMostValues = 200'000;

struct RunView {
    std::string experiment_id, device, status;
    std::int64_t started_at = 0, duration_ms = 0;
};
BOOST_DESCRIBE_STRUCT(RunView, (), (experiment_id, device, status, started_at, duration_ms))
struct MetricRunView {
    std::int64_t n = 0;
    std::optional<double> mean, min, max;
    Value last;
    std::vector<std::optional<double>> values;
    std::int64_t damaged_blocks = 0;
};
BOOST_DESCRIBE_STRUCT(MetricRunView, (), (n, mean, min, max, last, values, damaged_blocks))
struct DifferenceView {
    std::optional<double> mean, min, max, last, largest;
    std::optional<std::int64_t> largest_at_ms;
};
BOOST_DESCRIBE_STRUCT(DifferenceView, (), (mean, min, max, last, largest, largest_at_ms))
struct MetricView {
    std::string metric, unit;
    std::vector<MetricRunView> runs;
    std::vector<DifferenceView> differences;
};
BOOST_DESCRIBE_STRUCT(MetricView, (), (metric, unit, runs, differences))
struct DifferingView {
    std::string what;
    std::vector<boost::json::value> values;
};
BOOST_DESCRIBE_STRUCT(DifferingView, (), (what, values))
struct CompareReply {
    std::vector<RunView> runs;
    std::vector<DifferingView> differs;
    std::int64_t step_ms = 0, steps = 0;
    std::vector<MetricView> metrics;
};
BOOST_DESCRIBE_STRUCT(CompareReply, (), (runs, differs, step_ms, steps, metrics))
}  // namespace
template <>
struct MemberDocs<MetricRunView> {
    static constexpr MemberDoc list[] = {
        {"n", "readings"},
        {"values", "the mean of each step, the first at the run's beginning; null where there was no reading"},
        {"damaged_blocks", "parts of the store that failed their check and are left out"}};
};
template <>
struct MemberDocs<DifferenceView> {
    static constexpr MemberDoc list[] = {{"largest", "of all steps in which both have a value"},
                                         {"largest_at_ms", "since the beginning"}};
};
template <>
struct MemberDocs<MetricView> {
    static constexpr MemberDoc list[] = {{"runs", "in the order of ids"},
                                         {"differences", "of the second and further runs against the first"}};
};
template <>
struct MemberDocs<DifferingView> {
    static constexpr MemberDoc list[] = {
        {"what",
         "params.NAME, environment.NAME, inputs.NAME (by a sum of its content), device, image, script (by SHA-256) …"},
        {"values", "of each run; null where it has none"}};
};
template <>
struct MemberDocs<CompareReply> {
    static constexpr MemberDoc list[] = {{"differs", "what the runs were started with and is not the same for all"},
                                         {"step_ms", "from one value to the next"},
                                         {"steps", "how many values each metric of each run has"}};
};
namespace {

namespace json = boost::json;

/// What a run was started with, flat: "params.setpoint" → 0.6.
using Setup = std::map<std::string, json::value>;

/// The environment is for whoever may read the experiment's results: it may hold what is nobody else's business.
Setup setup_of(const jobs::Job& job, const std::string& script, const Caller& caller) {
    Setup setup;
    setup["device"] = job.device_name();
    setup["image"] = job.image;
    setup["image_digest"] = job.image_digest;
    setup["script"] = sha256_hex(script);
    setup["time_limit_ms"] = job.limits.time.count();
    setup["memory_bytes"] = job.limits.memory_bytes;
    setup["cpus"] = job.limits.cpus;
    for (const auto& [name, value] : job.params) setup["params." + std::string(name)] = value;
    const jobs::Actor actor{caller.principal(), caller.is_admin};
    if (jobs::check_owner(job, actor))
        for (const auto& [name, value] : job.environment) setup["environment." + name] = value;
    // Not the sum itself: by that a file is had. This tells as well whether two are the same.
    for (const auto& input : job.inputs) setup["inputs." + input.name] = sha256_hex("compared " + input.sha256);
    return setup;
}

std::vector<DifferingView> differing(const std::vector<Setup>& setups) {
    std::set<std::string> names;
    for (const auto& setup : setups)
        for (const auto& [name, value] : setup) names.insert(name);
    std::vector<DifferingView> found;
    for (const auto& name : names) {
        DifferingView one{name, {}};
        for (const auto& setup : setups) {
            const auto value = setup.find(name);
            one.values.push_back(value == setup.end() ? json::value(nullptr) : value->second);
        }
        const auto is_other = [&](const json::value& value) { return value != one.values.front(); };
        if (std::any_of(one.values.begin(), one.values.end(), is_other)) found.push_back(std::move(one));
    }
    return found;
}

MetricView view_of(telemetry::ComparedMetric metric) {
    MetricView view{std::move(metric.name), std::move(metric.unit), {}, {}};
    for (auto& run : metric.runs)
        view.runs.push_back({static_cast<std::int64_t>(run.count), run.mean, run.minimum, run.maximum,
                             std::move(run.last), std::move(run.values),
                             static_cast<std::int64_t>(run.damaged_blocks)});
    for (const auto& one : metric.differences)
        view.differences.push_back(
            {one.mean, one.minimum, one.maximum, one.last, one.largest,
             one.largest_at ? std::optional<std::int64_t>(one.largest_at->count()) : std::nullopt});
    return view;
}

Result<std::vector<JobId>> ids_of(const Call& call) {
    std::vector<JobId> ids;
    for (const auto word : split(call.request.query_value("ids").value_or(""), ','))
        if (!word.empty()) ids.push_back(JobId{std::string(word)});
    if (ids.size() >= 2 && ids.size() <= kMostRuns) return ids;
    return Error{ErrorCode::malformed, "?ids= names " + std::to_string(ids.size()) + " experiments",
                 "2 to " + std::to_string(kMostRuns) + ", with commas between"};
}

Result<RunView> run_of(const Services& services, const JobId& id) {
    LABHUB_TRY(const jobs::Job* const job, services.jobs.find(id));
    if (job->dry_run)
        return Error{ErrorCode::conflict, "'" + id.value + "' is a dry run, whose readings are not among the lab's",
                     "GET /api/experiments/" + id.value + "/dry-run has what it found"};
    if (!job->started)
        return Error{ErrorCode::conflict, "the script of experiment '" + id.value + "' has not begun",
                     "it is " + std::string(to_string(job->status))};
    const UtcMillis end = job->ended.value_or(services.clock.utc_now());
    return RunView{id.value, job->device_name(), std::string(to_string(job->status)), job->started->count,
                   std::max<std::int64_t>((end - *job->started).count(), 1)};
}

std::vector<std::string> metrics_of(const Call& call) {
    std::vector<std::string> metrics;
    for (const auto& [name, value] : call.request.query)
        if (name == "metric") metrics.push_back(value);
    return metrics;
}

Task<Result<http::Response>> compare(Services& services, Call call, Nothing) {
    auto ids = ids_of(call);
    if (!ids) co_return std::move(ids).error();
    auto points = query_integer(call, "points", kUsualPoints, 2, telemetry::kMostComparedSteps);
    if (!points) co_return std::move(points).error();
    CompareReply reply;
    std::vector<telemetry::ComparedRun> runs;
    std::vector<Setup> setups;
    for (const auto& id : *ids) {
        auto run = run_of(services, id);
        if (!run) co_return std::move(run).error();
        auto script = co_await services.jobs.script_of(id);
        if (!script) co_return std::move(script).error();
        const auto job = services.jobs.find(id);
        if (!job) co_return job.error();
        const UtcMillis from{run->started_at};
        runs.push_back({(*job)->device, from, from + std::chrono::milliseconds{run->duration_ms}});
        setups.push_back(setup_of(**job, *script, call.caller));
        reply.runs.push_back(std::move(*run));
    }
    reply.differs = differing(setups);
    const std::size_t steps =
        std::min(static_cast<std::size_t>(*points), kMostValues / telemetry::kMostComparedMetrics / runs.size());
    auto compared = co_await telemetry::compare(services.telemetry_store, std::move(runs), metrics_of(call), steps);
    if (!compared) co_return std::move(compared).error();
    // Many values take a while to be written down.
    auto answer = [reply = std::move(reply), compared = std::move(*compared)]() mutable {
        reply.step_ms = compared.step.count();
        reply.steps = static_cast<std::int64_t>(compared.steps);
        for (auto& metric : compared.metrics) reply.metrics.push_back(view_of(std::move(metric)));
        return success(encode(reply));
    };
    co_return co_await run_blocking(services.pool, std::move(answer));
}

}  // namespace

void add_experiment_compare(std::vector<Operation>& list) {
    Operation row =
        experiment_row("GET", "/compare", "compareExperiments",
                       "The metrics of two or more runs, aligned by the time since each began, and what they were "
                       "started with that differs",
                       {{"ids", "the experiments, with commas between; the first is what others are compared with"},
                        {"metric", "only this one; several times: these. All when left out"},
                        {"points", "at most so many values of each, 2 to 2000; 200 when left out"}});
    row.response_schema = schema<CompareReply>();
    list.push_back(with_handler(std::move(row), &compare));
}

}  // namespace labhub::coordinator::api
