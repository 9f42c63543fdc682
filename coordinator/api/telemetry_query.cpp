// GET /api/telemetry/query. The answer is written as text column by column: as a tree of JSON values an answer of some
// hundred thousand points would cost ten times the memory and hold up the main thread.
#include "coordinator/api/telemetry_query.hpp"
#include "coordinator/api/telemetry.hpp"
#include "coordinator/api/telemetry_asked.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::size_t kPointsOnMainThread = 4'000;  // a millisecond's work

void append_value(std::string& out, const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value))
        out += to_json(boost::json::value(*text));
    else
        out += labhub::to_string(value);  // null, true, 40, 0.25: as JSON has them
}

template <class Append>
void append_list(std::string& out, std::string_view name, const std::vector<store::Sample>& points, Append append) {
    out.append(",\"").append(name).append("\":[");
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (i > 0) out += ',';
        append(points[i]);
    }
    out += ']';
}

void append_points(std::string& out, const store::SeriesPoints& answer) {
    const auto& points = answer.points;
    append_list(out, "times", points, [&](const store::Sample& point) { out += std::to_string(point.time.count); });
    append_list(out, "values", points, [&](const store::Sample& point) { append_value(out, point.value); });
    const auto is_good = [](const store::Sample& point) { return point.quality == Quality::good; };
    if (std::all_of(points.begin(), points.end(), is_good))
        out += ",\"quality\":null";
    else
        append_list(out, "quality", points, [&](const store::Sample& point) {
            out.append("\"").append(to_string(point.quality)).append("\"");
        });
    out.append(",\"samples\":").append(std::to_string(answer.samples));
    out.append(",\"downsampled\":").append(answer.is_downsampled ? "true" : "false");
    out.append(",\"damaged_blocks\":").append(std::to_string(answer.damaged_blocks));
}

struct Answer {
    telemetry::TimeRange range;
    telemetry::Resolution resolution;
    std::vector<store::SeriesInfo> series;
    std::vector<store::SeriesPoints> points;
};

http::Response respond(const Answer& answer) {
    return http::text_response(200, "application/json",
                               query_reply_text(answer.range, answer.resolution, answer.series, answer.points));
}

Task<http::Response> respond_on_pool(asio::thread_pool& pool, Answer answer) {
    auto shared = std::make_shared<Answer>(std::move(answer));
    auto work = [shared] { return respond(*shared); };
    return run_blocking(pool, std::move(work));
}

Result<telemetry::Resolution> resolution_of(const Call& call) {
    telemetry::Resolution resolution;
    const auto step = call.request.query_value("step");
    const auto aggregate = call.request.query_value("aggregate");
    if (step && call.request.query_value("max_points"))
        return Error{ErrorCode::malformed, "step and max_points exclude each other",
                     "max_points keeps each stretch's extremes, step gives one value for each step"};
    if (aggregate && !step) return Error{ErrorCode::malformed, "aggregate= needs step=", "as in step=1m&aggregate=max"};
    if (step) {
        auto length = parse_duration(*step);
        if (!length) return length.error().within("step");
        resolution.step = *length;
    }
    if (aggregate) {
        LABHUB_TRY(resolution.aggregate, telemetry::parse_aggregate(*aggregate));
    }
    const auto least = static_cast<std::int64_t>(telemetry::kMinPoints);
    const auto most = static_cast<std::int64_t>(telemetry::kMaxPoints);
    LABHUB_TRY(const std::int64_t points,
               query_integer(call, "max_points", static_cast<std::int64_t>(resolution.max_points), least, most));
    resolution.max_points = static_cast<std::size_t>(points);
    return resolution;
}

/// Where no exact beginning was asked for, steps begin at round times: at 14:00 and 14:10, not at 14:03:27.
void align(const Call& call, TelemetryAsked& asked, std::chrono::milliseconds step) {
    const auto from = call.request.query_value("from");
    const bool is_exact = from ? from->find_first_not_of("-now") == 0 : asked.origin.has_value();
    if (!is_exact && step.count() > 0)
        asked.range.from = UtcMillis{asked.range.from.count / step.count() * step.count()};
}

Task<Result<http::Response>> get_points(Services& services, Call call, Nothing) {
    auto asked = asked_of(call, services);
    if (!asked) co_return std::move(asked).error();
    auto resolution = resolution_of(call);
    if (!resolution) co_return std::move(resolution).error();
    if (resolution->step) align(call, *asked, *resolution->step);
    auto looking = series_of(services, std::move(asked->selection), telemetry::kMaxQuerySeries);
    auto series = co_await std::move(looking);
    if (!series) co_return std::move(series).error();
    // Left to itself an answer of many series has fewer points of each, rather than being refused.
    if (!resolution->step && !call.request.query_value("max_points") && !series->empty())
        resolution->max_points = std::min(resolution->max_points, telemetry::kMaxAllPoints / series->size());
    auto question = telemetry::question_of(*series, asked->range, *resolution);
    if (!question) co_return std::move(question).error();
    auto points = co_await services.telemetry_store.query(std::move(*question));
    if (!points) co_return std::move(points).error();
    std::size_t count = 0;
    for (const auto& one : *points) count += one.points.size();
    Answer answer;
    answer.range = asked->range;
    answer.resolution = *resolution;
    answer.series = std::move(*series);
    answer.points = std::move(*points);
    if (count <= kPointsOnMainThread) co_return respond(answer);
    http::Response response = co_await respond_on_pool(services.pool, std::move(answer));
    co_return response;
}

}  // namespace

std::string query_reply_text(const telemetry::TimeRange& range, const telemetry::Resolution& resolution,
                             const std::vector<store::SeriesInfo>& series,
                             const std::vector<store::SeriesPoints>& points) {
    std::string out = "{\"status\":\"success\",\"from\":" + std::to_string(range.from.count) +
                      ",\"to\":" + std::to_string(range.to.count);
    out += ",\"step_ms\":" + (resolution.step ? std::to_string(resolution.step->count()) : "null");
    out += resolution.step ? ",\"aggregate\":\"" + std::string(telemetry::to_string(resolution.aggregate)) + "\""
                           : ",\"aggregate\":null";
    out += ",\"series\":[";
    for (std::size_t i = 0; i < points.size() && i < series.size(); ++i) {
        const store::SeriesInfo& info = series[i];
        const bool is_count = resolution.step && resolution.aggregate == store::Aggregate::count;
        const auto text = [](const std::string& value) { return to_json(boost::json::value(value)); };
        out += (i > 0 ? ",{\"id\":" : "{\"id\":") + std::to_string(static_cast<std::uint32_t>(info.id));
        out += ",\"series\":" + text(telemetry::full_name(info)) + ",\"device\":" + text(info.device.to_string()) +
               ",\"metric\":" + text(info.metric) + ",\"unit\":" + text(is_count ? "" : info.unit);
        append_points(out, points[i]);
        out += '}';
    }
    return out + "]}\n";
}

void add_telemetry_query(std::vector<Operation>& list) {
    Operation row = telemetry_row(
        "/query", "queryTelemetry", "Readings of a range of time, thinned out for a chart or in steps",
        range_parameters(
            {{"max_points",
              "at most so many points of each series, 2 to 20000; 1000 when left out. They are its own samples: of "
              "each "
              "stretch the smallest and the largest, at their true times. Fewer samples than that all come"},
             {"step",
              "instead: one exact value for each step, as 10s, 1m, 1h, at the step's beginning, which is a round time "
              "where from is relative or left out; steps without "
              "a good reading are left out"},
             {"aggregate", "with step: avg (when left out), min, max, last or count"}}));
    row.response_schema = schema<QueryReply>();
    list.push_back(with_handler(std::move(row), &get_points));
}

}  // namespace labhub::coordinator::api
