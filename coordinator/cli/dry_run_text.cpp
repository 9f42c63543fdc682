#include "coordinator/cli/dry_run_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/telemetry_chart.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kPlain = "\x1b[0m";
/// Lines of a plot; there are several.
constexpr std::size_t kPlotHeight = 6;
constexpr std::size_t kMostPlots = 4;

double number_of(const json::object& object, const char* key) {
    const auto* const found = object.if_contains(key);
    return found && found->is_number() ? found->to_number<double>() : 0;
}

std::string thousands(std::int64_t number) {
    std::string digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

std::string counted(std::int64_t count, const std::string& what) {
    return thousands(count) + " " + what + (count == 1 ? "" : "s");
}

/// Lines of at most `width` places, broken at blanks, each but the first after `indent` blanks.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
    std::string lines, line;
    for (const auto word : split(text, ' ')) {
        if (!line.empty() && indent + width_of(line) + 1 + width_of(word) > width) {
            lines += line + "\n" + std::string(indent, ' ');
            line.clear();
        }
        line += (line.empty() ? "" : " ") + std::string(word);
    }
    return lines + line;
}

class Report {
  public:
    Report(const json::object& report, const DryRunTextOptions& options) : report_(report), options_(options) {}

    std::string text() const { return head() + chart() + commands() + notes() + findings() + assumptions(); }

  private:
    std::string style(const char* how, const std::string& text) const {
        return options_.is_styled ? how + text + kPlain : text;
    }
    std::string title(const std::string& text) const { return "\n" + style(kBold, text) + "\n"; }

    std::string head() const {
        std::string line = elapsed_text(number_of(report_, "duration_s")) + " in " +
                           format_number(std::round(number_of(report_, "took_s") * 10) / 10) + " s   " +
                           counted(integer_of(report_, "samples").value_or(0), "sample") + "   " +
                           counted(integer_of(report_, "commands").value_or(0), "command") + "   " +
                           text_of(report_, "outcome");
        return style(kBold, "Dry run of " + options_.script + " against a twin of " + text_of(report_, "device")) +
               "\n" + wrapped(line, 0, options_.width) + "\n";
    }

    /// A step is two points, so that a line through them is one.
    static ChartSeries series_of(const json::object& from) {
        ChartSeries series;
        series.name = text_of(from, "metric");
        series.unit = unit_text(text_of(from, "unit"));
        const json::array& times = array_of(from, "times");
        const json::array& values = array_of(from, "values");
        for (std::size_t i = 0; i < std::min(times.size(), values.size()); ++i) {
            if (!times[i].is_int64()) continue;
            const auto value = values[i].is_number() ? std::optional(values[i].to_number<double>()) : std::nullopt;
            const std::int64_t time = times[i].get_int64();
            if (flag_of(from, "has_steps") && !series.times.empty() && time - series.times.back() > 1) {
                series.times.push_back(time - 1);
                series.values.push_back(series.values.back());
            }
            series.times.push_back(time);
            series.values.push_back(value);
        }
        return series;
    }

    /// Of actuators those that are numbers and moved; what only the model knows comes first.
    static bool is_worth_a_plot(const ChartSeries& series) {
        if (series.values.size() < 2) return false;
        const auto differs = [&](const auto& value) { return value != series.values.front(); };
        return std::any_of(series.values.begin(), series.values.end(), differs);
    }

    std::string chart() const {
        ChartOptions chart;
        chart.from = integer_of(report_, "began_at").value_or(0);
        chart.to = integer_of(report_, "ended_at").value_or(0);
        chart.width = options_.width;
        chart.height = kPlotHeight;
        chart.is_styled = options_.is_styled;
        std::vector<ChartSeries> all;
        std::vector<std::string> units;
        for (const json::object* const each : rows_of(report_, "series")) {
            ChartSeries series = series_of(*each);
            if (!is_worth_a_plot(series)) continue;
            // On a terminal with colours, series of one unit share a plot; without, each has its own.
            const std::string kind = options_.is_styled ? series.unit : series.name;
            if (std::find(units.begin(), units.end(), kind) == units.end()) units.push_back(kind);
            if (units.size() > kMostPlots) break;
            all.push_back(std::move(series));
        }
        if (all.empty() || chart.to <= chart.from) return {};
        return "\n" + chart_text(all, chart);
    }

    static std::string range_of(const json::object& actuator) {
        const auto* const least = actuator.if_contains("least");
        const auto* const most = actuator.if_contains("most");
        const std::string unit = unit_text(text_of(actuator, "unit"));
        const std::string after = unit.empty() ? "" : " " + unit;
        if (!least || !most || !least->is_number()) return text_of(actuator, "last");
        if (unit.empty()) return text_of(actuator, "last");  // a switch
        if (*least == *most) return scalar_text(*least) + after;
        return scalar_text(*least) + " … " + scalar_text(*most) + after;
    }

    std::string commands() const {
        Table table(
            {{"ACTUATOR"}, {"SET", Table::Align::right}, {"VALUES"}, {"LAST"}, {"REFUSED", Table::Align::right}});
        for (const json::object* const each : rows_of(report_, "actuators")) {
            const auto refused = integer_of(*each, "refused").value_or(0);
            const std::string times = counted(integer_of(*each, "commands").value_or(0), "time");
            table.add({text_of(*each, "metric"), times, range_of(*each), text_of(*each, "last"),
                       refused > 0 ? thousands(refused) : ""});
        }
        if (table.empty()) return title("Commands") + "none were sent\n";
        return title("Commands it would have sent") + table.text(options_.is_styled);
    }

    std::string notes() const {
        std::string text;
        for (const json::object* const each : rows_of(report_, "notes"))
            text += elapsed_text(number_of(*each, "at_s")) + "  " +
                    wrapped(text_of(*each, "text"), 11, options_.width) + "\n";
        return text.empty() ? text : title("Notes of the script") + text;
    }

    std::string finding(const json::object& each) const {
        const std::string severity = text_of(each, "severity");
        const char* const colour = severity == "error" ? kRed : severity == "warning" ? kYellow : kDim;
        const auto line = integer_of(each, "line");
        const auto times = integer_of(each, "times").value_or(1);
        std::string where = elapsed_text(number_of(each, "at_s"));
        if (line) where += "  line " + std::to_string(*line);
        std::string head = severity + std::string(severity.size() < 9 ? 9 - severity.size() : 1, ' ');
        std::string what = text_of(each, "message");
        if (times > 1) what += " (" + counted(times, "time") + ")";
        constexpr std::size_t kIndent = 9;
        std::string text = style(colour, head) + style(kBold, wrapped(what, kIndent, options_.width)) + "\n";
        std::string advice = text_of(each, "advice");
        text += std::string(kIndent, ' ') + style(kDim, "at " + where) + "\n";
        if (!advice.empty())
            text += std::string(kIndent, ' ') + "→ " + wrapped(advice, kIndent + 2, options_.width) + "\n";
        return text;
    }

    std::string findings() const {
        std::string text = title("Findings");
        const auto all = rows_of(report_, "findings");
        for (const json::object* const each : all) text += finding(*each);
        const auto errors = integer_of(report_, "errors").value_or(0),
                   warnings = integer_of(report_, "warnings").value_or(0);
        if (errors + warnings == 0) return text + style(kGreen, "nothing wrong was found") + "\n";
        return text;
    }

    std::string assumptions() const {
        std::string text;
        for (const json::value& each : array_of(report_, "assumptions"))
            if (each.is_string()) text += "· " + wrapped(std::string(each.get_string()), 2, options_.width) + "\n";
        std::string missing;
        for (const json::value& each : array_of(report_, "not_simulated"))
            if (each.is_string()) missing += (missing.empty() ? "" : ", ") + std::string(each.get_string());
        if (!missing.empty()) text += "· " + wrapped("the model knows nothing of " + missing, 2, options_.width) + "\n";
        return text.empty() ? text : title("Taken for granted") + style(kDim, text);
    }

    const json::object& report_;
    const DryRunTextOptions& options_;
};

}  // namespace

std::string elapsed_text(double seconds) {
    const auto whole = static_cast<long long>(seconds);
    char text[40];
    if (whole >= 3600)
        std::snprintf(text, sizeof text, "%lldh%02lldm%02llds", whole / 3600, whole / 60 % 60, whole % 60);
    else
        std::snprintf(text, sizeof text, "%lldm%02llds", whole / 60, whole % 60);
    return text;
}

std::string dry_run_text(const json::object& report, const DryRunTextOptions& options) {
    return Report(report, options).text();
}

}  // namespace labhub::cli
