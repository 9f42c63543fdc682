#include "coordinator/cli/compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/telemetry_chart.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostCharts = 4;
constexpr std::size_t kLongestValue = 40;
constexpr std::array<const char*, 2> kNames{"A", "B"};

std::string bold(const std::string& text, bool is_styled) { return is_styled ? "\x1b[1m" + text + "\x1b[0m" : text; }

std::optional<double> number_of(const json::object& object, std::string_view key) {
    const json::value* const value = object.if_contains(key);
    if (!value) return std::nullopt;
    if (value->is_bool()) return value->get_bool() ? 1.0 : 0.0;
    return value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
}

std::string figure(const std::optional<double>& number, bool has_sign = false) {
    if (!number) return "–";
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), has_sign ? "%+.4g" : "%.4g", *number);
    return text.data();
}

/// From ten seconds on to a whole second.
std::string moment_text(std::int64_t millis) {
    const std::chrono::milliseconds exact{millis};
    return format_duration(millis < 10'000 ? exact : std::chrono::round<std::chrono::seconds>(exact));
}

/// How far the runs are apart, as a part of all values there are; 0 where it can't be told.
double apartness(const json::object& metric) {
    std::optional<double> low, high;
    for (const json::object* const run : rows_of(metric, "runs")) {
        if (const auto least = number_of(*run, "min")) low = std::min(low.value_or(*least), *least);
        if (const auto most = number_of(*run, "max")) high = std::max(high.value_or(*most), *most);
    }
    const auto differences = rows_of(metric, "differences");
    const auto mean = differences.empty() ? std::nullopt : number_of(*differences.front(), "mean");
    if (!low || !high || !mean || *high <= *low) return 0;
    return std::fabs(*mean) / (*high - *low);
}

std::string short_value(const json::value& value) {
    std::string text = value.is_structured() ? to_json(value) : scalar_text(value);
    const bool is_sum =
        value.is_string() && text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
    if (is_sum) return text.substr(0, 12) + "…";
    return text.size() > kLongestValue ? printable(text, kLongestValue) + "…" : printable(text, kLongestValue);
}

std::string runs_text(const json::object& reply, bool is_styled, UtcMillis now) {
    using enum Table::Align;
    Table table(
        {{"", left}, {"EXPERIMENT", left}, {"STATE", left}, {"DEVICE", left}, {"BEGAN", left}, {"RAN FOR", right}});
    std::size_t place = 0;
    for (const json::object* const run : rows_of(reply, "runs")) {
        const auto length = integer_of(*run, "duration_ms").value_or(0);
        table.add({place < kNames.size() ? kNames[place] : "", text_of(*run, "experiment_id"), text_of(*run, "status"),
                   text_of(*run, "device"), time_text(integer_of(*run, "started_at"), now), span_text(0, length, now)});
        ++place;
    }
    return table.text(is_styled);
}

std::string differs_text(const json::object& reply, bool is_styled) {
    using enum Table::Align;
    Table table({{"DIFFERS", left}, {"A", left}, {"B", left}});
    for (const json::object* const each : rows_of(reply, "differs")) {
        const json::array& values = array_of(*each, "values");
        if (values.size() >= 2) table.add({text_of(*each, "what"), short_value(values[0]), short_value(values[1])});
    }
    return table.empty() ? "" : table.text(is_styled);
}

/// Below the heading: a line for each run with its mark and figures, and one for the difference.
std::string figures_text(const json::object& metric, bool is_styled) {
    using enum Table::Align;
    Table table({{"", left}, {"MEAN", right}, {"MIN", right}, {"MAX", right}, {"LAST", right}, {"", left}});
    const auto row = [](const json::object& of, bool has_sign) {
        std::vector<std::string> cells;
        for (const char* const key : {"mean", "min", "max", "last"})
            cells.push_back(figure(number_of(of, key), has_sign));
        return cells;
    };
    std::size_t place = 0;
    for (const json::object* const run : rows_of(metric, "runs")) {
        auto cells = row(*run, false);
        cells.insert(cells.begin(), place < kNames.size() ? kNames[place] : "");
        cells.push_back(integer_of(*run, "n").value_or(0) == 0 ? "no readings" : "");
        table.add(std::move(cells));
        ++place;
    }
    for (const json::object* const each : rows_of(metric, "differences")) {
        auto cells = row(*each, true);
        cells.insert(cells.begin(), "B − A");
        const auto at = integer_of(*each, "largest_at_ms");
        cells.push_back(
            at ? "farthest apart after " + moment_text(*at) + ": " + figure(number_of(*each, "largest"), true) : "");
        table.add(std::move(cells));
    }
    return table.text(is_styled);
}

ChartSeries series_of(const json::object& run, std::int64_t step) {
    ChartSeries series;
    std::int64_t at = 0;
    for (const json::value& value : array_of(run, "values")) {
        if (value.is_number()) {
            series.times.push_back(at);
            series.values.push_back(value.to_number<double>());
        }
        at += step;
    }
    return series;
}

/// Where colours can tell the runs apart they share a plot, else they are above each other.
std::string chart_of(const json::object& reply, const json::object& metric, ChartOptions options) {
    const std::int64_t step = integer_of(reply, "step_ms").value_or(1);
    std::vector<ChartSeries> all;
    for (const json::object* const run : rows_of(metric, "runs")) all.push_back(series_of(*run, step));
    if (options.is_styled) return chart_text(all, options);
    std::string text;
    for (std::size_t i = 0; i < all.size() && i < kNames.size(); ++i) {
        const std::string chart = chart_text({all[i]}, options);
        if (!chart.empty()) text += std::string(kNames[i]) + "\n" + chart;
    }
    return text;
}

std::string metric_text(const json::object& reply, const json::object& metric, const ChartOptions& options) {
    const std::string unit = unit_text(text_of(metric, "unit"));
    std::string text = bold(text_of(metric, "metric"), options.is_styled) + (unit.empty() ? "" : "  " + unit);
    if (options.is_styled)
        for (std::size_t i = 0; i < kNames.size(); ++i) text += "   " + chart_mark(i, true) + " " + kNames[i];
    return text + "\n" + figures_text(metric, options.is_styled) + chart_of(reply, metric, options);
}

std::string all_figures(const std::vector<const json::object*>& metrics, bool is_styled) {
    using enum Table::Align;
    Table table({{"METRIC", left},
                 {"UNIT", left},
                 {"MEAN A", right},
                 {"MEAN B", right},
                 {"B − A", right},
                 {"MIN A", right},
                 {"MIN B", right},
                 {"MAX A", right},
                 {"MAX B", right}});
    for (const json::object* const metric : metrics) {
        const auto runs = rows_of(*metric, "runs"), differences = rows_of(*metric, "differences");
        if (runs.size() < 2 || differences.empty()) continue;
        table.add({text_of(*metric, "metric"), unit_text(text_of(*metric, "unit")), figure(number_of(*runs[0], "mean")),
                   figure(number_of(*runs[1], "mean")), figure(number_of(*differences[0], "mean"), true),
                   figure(number_of(*runs[0], "min")), figure(number_of(*runs[1], "min")),
                   figure(number_of(*runs[0], "max")), figure(number_of(*runs[1], "max"))});
    }
    return table.text(is_styled);
}

}  // namespace

std::string compare_text(const json::object& reply, const CompareCommand& command, std::size_t width, bool is_styled,
                         UtcMillis now) {
    std::string text = runs_text(reply, is_styled, now) + "\n";
    if (const std::string differs = differs_text(reply, is_styled); !differs.empty()) text += differs + "\n";
    auto metrics = rows_of(reply, "metrics");
    if (metrics.empty()) return text + "neither has readings\n";
    if (command.is_table) return text + all_figures(metrics, is_styled);
    if (command.metrics.empty())
        std::stable_sort(metrics.begin(), metrics.end(),
                         [](const json::object* a, const json::object* b) { return apartness(*a) > apartness(*b); });
    const std::size_t most = command.metrics.empty() ? kMostCharts : metrics.size();
    ChartOptions options;
    options.to = integer_of(reply, "step_ms").value_or(1) *
                 std::max<std::int64_t>(integer_of(reply, "steps").value_or(2) - 1, 1);
    options.width = width;
    options.height = command.height > 0 ? command.height : 10;
    options.is_styled = is_styled;
    options.is_elapsed = true;
    options.is_overlay = true;
    for (std::size_t i = 0; i < metrics.size() && i < most; ++i)
        text += (i > 0 ? "\n" : "") + metric_text(reply, *metrics[i], options);
    if (metrics.size() > most)
        text += "\n" + std::to_string(metrics.size() - most) +
                " more metrics are closer to each other: name them, or see all with --table\n";
    return text;
}

Task<ExitStatus> compare_runs(Context& context, CompareCommand command) {
    std::string target = "/api/experiments/compare?ids=" + http::percent_encode(command.first) + "," +
                         http::percent_encode(command.second);
    for (const std::string& metric : command.metrics) target += "&metric=" + http::percent_encode(metric);
    const std::size_t width = output_width();
    if (!context.console.is_json()) target += "&points=" + std::to_string(std::clamp<std::size_t>(width * 2, 2, 2'000));
    auto reply = co_await context.hub.get(std::move(target));
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        context.console.print(
            compare_text(*reply, command, width, context.console.is_styled(), context.clock.utc_now()));
    co_return ExitStatus::done;
}

}  // namespace labhub::cli
