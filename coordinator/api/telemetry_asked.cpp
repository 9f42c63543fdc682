#include "coordinator/api/telemetry_asked.hpp"

#include <algorithm>

#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

/// So many names are looked up at once; a URL has room for thousands.
constexpr std::size_t kNamedHere = 50;

/// A script may ask for its own experiment only.
Result<const jobs::Job*> experiment_of(const Call& call, const Services& services) {
    const bool is_job = call.caller.kind == Caller::Kind::job;
    const auto named = call.request.query_value("experiment");
    if (!named) return is_job ? services.jobs.find(call.caller.job) : Result<const jobs::Job*>(nullptr);
    if (is_job && *named != call.caller.job.value)
        return Error{ErrorCode::forbidden, "a script may ask for its own experiment only",
                     "its own is " + call.caller.job.value + "; readings of any device can be had by from= and to="};
    LABHUB_TRY(const jobs::Job* const job, services.jobs.find(JobId{std::string(*named)}));
    if (!job->started)
        return Error{ErrorCode::conflict, "experiment '" + job->id.value + "' has not started",
                     "it is " + std::string(to_string(job->status))};
    return job;
}

Result<UtcMillis> time_of(const Call& call, std::string_view name, UtcMillis otherwise, UtcMillis now) {
    const auto text = call.request.query_value(name);
    if (!text) return otherwise;
    return telemetry::parse_time(name, *text, now);
}

Task<Result<std::vector<store::SeriesInfo>>> look_on_pool(Services& services, telemetry::Selection selection,
                                                          std::size_t most) {
    auto look = [&store = services.telemetry_store, selection = std::move(selection), most] {
        return telemetry::find_series(store, selection, most);
    };
    return run_blocking(services.pool, std::move(look));
}

}  // namespace

Result<telemetry::Selection> selection_of(const Call& call, const Services& services) {
    telemetry::Selection selection;
    for (const auto& [name, value] : call.request.query) {
        auto* const list = name == "series" ? &selection.series : name == "metric" ? &selection.metrics : nullptr;
        if (!list) continue;
        auto words = telemetry::comma_list(value);
        if (words.empty()) return Error{ErrorCode::malformed, "?" + name + "= is empty", "leave it out to mean all"};
        std::move(words.begin(), words.end(), std::back_inserter(*list));
    }
    if (const auto device = call.request.query_value("device")) selection.device = *device;
    if (!selection.device.empty() && selection.device.find_first_of("/*") == std::string::npos)
        return Error{ErrorCode::malformed, "device=" + printable(selection.device, 80) + " is not a device",
                     "node/device, as in sim-1/vessel, with * where any characters will do"};
    if (call.caller.kind != Caller::Kind::job || !selection.series.empty() || !selection.device.empty())
        return selection;
    LABHUB_TRY(const jobs::Job* const job, services.jobs.find(call.caller.job));
    selection.device = telemetry::pattern_of(job->device.to_string());
    return selection;
}

Result<TelemetryAsked> asked_of(const Call& call, const Services& services) {
    TelemetryAsked asked;
    LABHUB_TRY(asked.selection, selection_of(call, services));
    LABHUB_TRY(const jobs::Job* const job, experiment_of(call, services));
    // In its own hub the script of a dry run may ask for what it has been through; here there is nothing of it.
    if (job && job->dry_run && call.caller.kind != Caller::Kind::job)
        return Error{ErrorCode::conflict,
                     "'" + job->id.value + "' is a dry run, whose readings are not among the lab's",
                     "its results have them, in telemetry.csv"};
    const UtcMillis now = services.clock.utc_now();
    UtcMillis from = now - std::chrono::hours{1};
    UtcMillis to = now;
    if (job && job->started) {
        from = *job->started;
        to = std::max(job->ended.value_or(now), from + std::chrono::milliseconds{1});
        asked.origin = from;
        asked.experiment = job->id.value;
        if (asked.selection.series.empty() && asked.selection.device.empty())
            asked.selection.device = telemetry::pattern_of(job->device.to_string());
    }
    LABHUB_TRY(from, time_of(call, "from", from, now));
    LABHUB_TRY(to, time_of(call, "to", to, now));
    LABHUB_TRY(asked.range, telemetry::check_range(from, to));
    return asked;
}

Task<Result<std::vector<store::SeriesInfo>>> series_of(Services& services, telemetry::Selection selection,
                                                       std::size_t most) {
    if (selection.series.size() <= kNamedHere)
        if (auto named = telemetry::find_named(services.telemetry_store, selection, most)) co_return std::move(*named);
    auto looking = look_on_pool(services, std::move(selection), most);
    auto found = co_await std::move(looking);
    co_return found;
}

std::vector<QueryParameter> selection_parameters(std::vector<QueryParameter> more) {
    std::vector<QueryParameter> all{
        {"series",
         "which series: ids, or node/device/metric with * and ? where any characters will do; several with commas "
         "between them, or given again; all when left out (in a script: of its own device). A \\ takes the next of "
         "* ? , \\ as it is"},
        {"device", "and only those of this device: node/device, with * and ?"},
        {"metric", "and only those of these metrics, with * and ?; several with commas between them"}};
    std::move(more.begin(), more.end(), std::back_inserter(all));
    return all;
}

std::vector<QueryParameter> range_parameters(std::vector<QueryParameter> more) {
    auto all = selection_parameters(
        {{"experiment", "its device and its time, where those are not named"},
         {"from",
          "RFC 3339 as 2026-02-15T18:27:28Z, milliseconds of UTC since 1970, or -2h for two hours ago; included. Left "
          "out: the experiment's start, else an hour ago"},
         {"to", "as from; included. Left out: the experiment's end, else now"}});
    std::move(more.begin(), more.end(), std::back_inserter(all));
    return all;
}

Operation telemetry_row(std::string path, std::string id, std::string summary, std::vector<QueryParameter> query) {
    return Operation{"GET",
                     "/api/telemetry" + path,
                     std::move(id),
                     "telemetry",
                     std::move(summary),
                     Access::user_or_job,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace labhub::coordinator::api
