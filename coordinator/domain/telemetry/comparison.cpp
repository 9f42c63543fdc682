#include "coordinator/domain/telemetry/comparison.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using std::chrono::milliseconds;
using store::Aggregate;

std::optional<double> number_of(const Value& value) {
    if (const auto* const number = std::get_if<double>(&value)) return *number;
    if (const auto* const whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    if (const auto* const flag = std::get_if<bool>(&value)) return *flag ? 1.0 : 0.0;
    return std::nullopt;
}

std::optional<double> minus(const std::optional<double>& a, const std::optional<double>& b) {
    if (!a || !b) return std::nullopt;
    return *a - *b;
}

/// A run's series: those of the metrics it has, by their place in the comparison.
struct SeriesOfRun {
    std::vector<store::SeriesId> ids;
    std::vector<std::size_t> places;
};

SeriesOfRun series_of(const store::TelemetryStore& store, const ComparedRun& run,
                      const std::vector<std::string>& metrics) {
    SeriesOfRun found;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        const auto id = store.find(run.device, metrics[i]);
        if (!id) continue;
        found.ids.push_back(*id);
        found.places.push_back(i);
    }
    return found;
}

store::SeriesQuery question(const SeriesOfRun& series, const ComparedRun& run, milliseconds step, Aggregate aggregate) {
    store::SeriesQuery query;
    query.series = series.ids;
    query.from = run.from;
    query.to = run.to;
    query.step = step;
    query.aggregate = aggregate;
    return query;
}

void put(MetricOfRun& into, Aggregate aggregate, const store::SeriesPoints& points) {
    if (points.points.empty()) return;
    const Value& value = points.points.front().value;
    const auto number = number_of(value);
    switch (aggregate) {
        case Aggregate::count: into.count = static_cast<std::uint64_t>(number.value_or(0)); break;
        case Aggregate::average: into.mean = number; break;
        case Aggregate::minimum: into.minimum = number; break;
        case Aggregate::maximum: into.maximum = number; break;
        case Aggregate::last: into.last = value; break;
    }
    into.damaged_blocks = std::max(into.damaged_blocks, points.damaged_blocks);
}

/// One bucket over the whole run gives each figure exactly.
Task<Result<void>> summarise(store::TelemetryStore& store, SeriesOfRun series, ComparedRun run, std::size_t place,
                             Comparison* comparison) {
    if (series.ids.empty()) co_return Result<void>{};
    const milliseconds whole = run.to - run.from + milliseconds{1};
    for (const auto aggregate :
         {Aggregate::count, Aggregate::average, Aggregate::minimum, Aggregate::maximum, Aggregate::last}) {
        auto query = question(series, run, whole, aggregate);
        auto answer = co_await store.query(std::move(query));
        if (!answer) co_return std::move(answer).error();
        for (std::size_t i = 0; i < answer->size(); ++i)
            put(comparison->metrics[series.places[i]].runs[place], aggregate, (*answer)[i]);
    }
    co_return Result<void>{};
}

Task<Result<void>> sample(store::TelemetryStore& store, SeriesOfRun series, ComparedRun run, std::size_t place,
                          Comparison* comparison) {
    if (series.ids.empty()) co_return Result<void>{};
    auto query = question(series, run, comparison->step, Aggregate::average);
    auto answer = co_await store.query(std::move(query));
    if (!answer) co_return std::move(answer).error();
    for (std::size_t i = 0; i < answer->size(); ++i) {
        auto& values = comparison->metrics[series.places[i]].runs[place].values;
        for (const auto& point : (*answer)[i].points) {
            const auto at = static_cast<std::size_t>((point.time - run.from) / comparison->step);
            if (at < values.size()) values[at] = number_of(point.value);
        }
    }
    co_return Result<void>{};
}

Result<std::vector<std::string>> checked_names(std::vector<std::string> wanted, const std::set<std::string>& known) {
    if (wanted.empty()) wanted.assign(known.begin(), known.end());
    for (const auto& name : wanted)
        if (!known.contains(name))
            return Error{ErrorCode::not_found, "none of the runs has readings of '" + printable(name, 128) + "'",
                         "GET /api/telemetry/series lists the metrics of a device"};
    if (wanted.size() > kMostComparedMetrics)
        return Error{ErrorCode::too_many, std::to_string(wanted.size()) + " metrics are too many to compare",
                     "at most " + std::to_string(kMostComparedMetrics) + ": name those of interest"};
    return wanted;
}

/// A grid finer than the readings would have holes.
milliseconds step_for(const std::vector<ComparedRun>& runs, const Comparison& comparison, std::size_t most_steps) {
    milliseconds longest{1}, spacing{1};
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const milliseconds length = runs[i].to - runs[i].from;
        std::uint64_t most = 1;
        for (const auto& metric : comparison.metrics) most = std::max(most, metric.runs[i].count);
        longest = std::max(longest, length);
        if (most > 1) spacing = std::max(spacing, length / static_cast<std::int64_t>(most - 1));
    }
    const auto steps = static_cast<std::int64_t>(std::max<std::size_t>(most_steps, 2) - 1);
    return round_step(std::max(spacing, milliseconds{(longest.count() + steps - 1) / steps}));
}

MetricDifference difference_of(const MetricOfRun& run, const MetricOfRun& first, milliseconds step) {
    MetricDifference difference;
    difference.mean = minus(run.mean, first.mean);
    difference.minimum = minus(run.minimum, first.minimum);
    difference.maximum = minus(run.maximum, first.maximum);
    difference.last = minus(number_of(run.last), number_of(first.last));
    for (std::size_t i = 0; i < run.values.size() && i < first.values.size(); ++i) {
        const auto apart = minus(run.values[i], first.values[i]);
        if (!apart || (difference.largest && std::fabs(*apart) <= std::fabs(*difference.largest))) continue;
        difference.largest = apart;
        difference.largest_at = step * static_cast<std::int64_t>(i);
    }
    return difference;
}

void drop_empty(Comparison& comparison) {
    std::erase_if(comparison.metrics, [](const ComparedMetric& metric) {
        return std::all_of(metric.runs.begin(), metric.runs.end(), [](const auto& run) { return run.count == 0; });
    });
}

void lay_grid(const std::vector<ComparedRun>& runs, std::size_t most_steps, Comparison& comparison) {
    comparison.step = step_for(runs, comparison, most_steps);
    for (const auto& run : runs)
        comparison.steps =
            std::max(comparison.steps, static_cast<std::size_t>((run.to - run.from) / comparison.step) + 1);
    for (auto& metric : comparison.metrics)
        for (auto& run : metric.runs) run.values.resize(comparison.steps);
}

std::vector<std::string> names_of(const Comparison& comparison) {
    std::vector<std::string> names;
    for (const auto& metric : comparison.metrics) names.push_back(metric.name);
    return names;
}

std::string unit_of(const store::TelemetryStore& store, const std::vector<ComparedRun>& runs, const std::string& name) {
    for (const auto& run : runs)
        if (const auto id = store.find(run.device, name))
            if (const auto info = store.info(*id); info && !info->unit.empty()) return info->unit;
    return {};
}

}  // namespace

milliseconds round_step(milliseconds least) {
    constexpr std::int64_t kSecond = 1'000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
    constexpr std::array kSteps{std::int64_t{1},   std::int64_t{2},
                                std::int64_t{5},   std::int64_t{10},
                                std::int64_t{20},  std::int64_t{50},
                                std::int64_t{100}, std::int64_t{200},
                                std::int64_t{500}, kSecond,
                                2 * kSecond,       5 * kSecond,
                                10 * kSecond,      20 * kSecond,
                                30 * kSecond,      kMinute,
                                2 * kMinute,       5 * kMinute,
                                10 * kMinute,      20 * kMinute,
                                30 * kMinute,      kHour,
                                2 * kHour,         4 * kHour,
                                8 * kHour,         12 * kHour};
    for (const std::int64_t step : kSteps)
        if (step >= least.count()) return milliseconds{step};
    return milliseconds{(least.count() + kDay - 1) / kDay * kDay};
}

Task<Result<Comparison>> compare(store::TelemetryStore& store, std::vector<ComparedRun> runs,
                                 std::vector<std::string> metrics, std::size_t most_steps) {
    std::set<std::string> known;
    for (const auto& run : runs) {
        auto names = co_await store.metrics_of(run.device);
        if (!names) co_return std::move(names).error();
        known.insert(names->begin(), names->end());
    }
    auto wanted = checked_names(std::move(metrics), known);
    if (!wanted) co_return std::move(wanted).error();
    Comparison comparison;
    for (auto& name : *wanted) {
        std::string unit = unit_of(store, runs, name);
        comparison.metrics.push_back({std::move(name), std::move(unit), std::vector<MetricOfRun>(runs.size()), {}});
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
        auto series = series_of(store, runs[i], names_of(comparison));
        auto done = co_await summarise(store, std::move(series), runs[i], i, &comparison);
        if (!done) co_return std::move(done).error();
    }
    drop_empty(comparison);
    lay_grid(runs, most_steps, comparison);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        auto series = series_of(store, runs[i], names_of(comparison));
        auto done = co_await sample(store, std::move(series), runs[i], i, &comparison);
        if (!done) co_return std::move(done).error();
    }
    for (auto& metric : comparison.metrics)
        for (std::size_t i = 1; i < runs.size(); ++i)
            metric.differences.push_back(difference_of(metric.runs[i], metric.runs[0], comparison.step));
    co_return comparison;
}

}  // namespace labhub::coordinator::telemetry
