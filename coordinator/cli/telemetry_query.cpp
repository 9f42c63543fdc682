#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/telemetry_chart.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

struct Answer {
    std::vector<const json::object*> series;
    std::int64_t from = 0, to = 0;
    std::string device;  ///< where all series are of one
    std::uint64_t samples = 0, points = 0, damaged_blocks = 0;
};

Answer read_answer(const json::object& reply) {
    Answer answer;
    answer.from = integer_of(reply, "from").value_or(0);
    answer.to = integer_of(reply, "to").value_or(0);
    for (const json::value& each : array_of(reply, "series")) {
        if (!each.is_object()) continue;
        const json::object& one = each.get_object();
        const std::string device = text_of(one, "device");
        answer.device = answer.series.empty() || answer.device == device ? device : "";
        answer.series.push_back(&one);
        answer.samples += static_cast<std::uint64_t>(integer_of(one, "samples").value_or(0));
        answer.damaged_blocks += static_cast<std::uint64_t>(integer_of(one, "damaged_blocks").value_or(0));
        answer.points += array_of(one, "times").size();
    }
    return answer;
}

std::optional<double> number_of(const json::value& value) {
    if (value.is_bool()) return value.get_bool() ? 1.0 : 0.0;
    if (value.is_number()) return value.to_number<double>();
    return std::nullopt;
}

ChartSeries chart_series(const json::object& series, bool has_one_device) {
    ChartSeries shown;
    shown.name = has_one_device ? text_of(series, "metric") : text_of(series, "series");
    shown.unit = unit_text(text_of(series, "unit"));
    const json::array& values = array_of(series, "values");
    for (const json::value& time : array_of(series, "times"))
        shown.times.push_back(time.is_int64() ? time.get_int64() : 0);
    std::size_t texts = 0, numbers = 0;
    for (const json::value& value : values) {
        const auto number = number_of(value);
        shown.values.push_back(number);
        texts += value.is_string();
        numbers += number && *number != 0 && *number != 1;
    }
    shown.values.resize(shown.times.size());
    shown.has_steps = numbers == 0 && shown.unit.empty();  // thinned out, a switch has 0 and 1 too
    if (texts > 0) shown.remark = "last " + scalar_text(values.back()) + ", of " + std::to_string(texts) + " texts";
    return shown;
}

std::string chart_of(const Answer& answer, const TelemetryQueryCommand& command, bool is_styled) {
    ChartOptions options;
    options.from = answer.from;
    options.to = answer.to;
    options.width = output_width();
    options.height = command.height;
    options.is_styled = is_styled;
    std::vector<ChartSeries> series;
    std::int64_t first = answer.to;
    for (const json::object* const one : answer.series) {
        series.push_back(chart_series(*one, !answer.device.empty()));
        if (!series.back().times.empty()) first = std::min(first, series.back().times.front());
    }
    // The hour that is shown when no time was named needn't begin with nothing.
    const bool was_named = !command.when.from.empty() || !command.when.experiment.empty();
    if (!was_named && first < answer.to) options.from = std::max(options.from, first);
    const std::string title =
        (answer.device.empty() ? "" : answer.device + "   ") + range_title(options.from, options.to);
    return (is_styled ? "\x1b[1m" + title + "\x1b[0m" : title) + "\n\n" + chart_text(series, options);
}

std::string millis_text(std::int64_t time, UtcMillis now) {
    const std::string millis = std::to_string(1000 + time % 1000);
    return time_text(time, now) + (time_text(time, now).size() == 8 ? "." + millis.substr(1) : "");
}

Table table_of(const Answer& answer, UtcMillis now) {
    using enum Table::Align;
    std::vector<Table::Column> columns{{"TIME", left}};
    std::map<std::int64_t, std::vector<std::string>> rows;
    for (std::size_t i = 0; i < answer.series.size(); ++i) {
        const json::object& one = *answer.series[i];
        const std::string unit = unit_text(text_of(one, "unit"));
        columns.push_back(
            {text_of(one, answer.device.empty() ? "series" : "metric") + (unit.empty() ? "" : " " + unit), right});
        const json::array &times = array_of(one, "times"), &values = array_of(one, "values");
        for (std::size_t n = 0; n < times.size() && n < values.size(); ++n) {
            auto& row = rows[times[n].is_int64() ? times[n].get_int64() : 0];
            row.resize(answer.series.size());
            row[i] = scalar_text(values[n]);
        }
    }
    Table table(std::move(columns));
    for (auto& [time, cells] : rows) {
        cells.insert(cells.begin(), millis_text(time, now));
        table.add(std::move(cells));
    }
    return table;
}

void show_remarks(Context& context, const Answer& answer, bool is_chart) {
    if (answer.damaged_blocks > 0)
        context.console.note("careful: " + std::to_string(answer.damaged_blocks) +
                             " parts of the store are damaged and left out");
    if (is_chart && answer.points < answer.samples)
        context.console.note("drawn from " + std::to_string(answer.points) + " of " + std::to_string(answer.samples) +
                             " samples: of each stretch the least and the greatest");
}

}  // namespace

Task<ExitStatus> query_telemetry(Context& context, TelemetryQueryCommand command) {
    const bool is_chart = !command.is_table && !context.console.is_json();
    std::vector<std::pair<std::string, std::string>> more;
    if (!command.step.empty()) more.emplace_back("step", command.step);
    if (!command.aggregate.empty()) more.emplace_back("aggregate", command.aggregate);
    if (command.max_points)
        more.emplace_back("max_points", std::to_string(*command.max_points));
    else if (is_chart && command.step.empty())
        more.emplace_back("max_points", std::to_string(chart_points(output_width())));
    const UtcMillis now = context.clock.utc_now();
    auto query = telemetry_query(command.which, command.when, std::move(more), now);
    if (!query) co_return context.give_up(query.error());
    auto reply = co_await context.hub.get("/api/telemetry/query" + *query);
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return ExitStatus::done;
    }
    const Answer answer = read_answer(*reply);
    if (answer.points == 0) {
        context.console.note("no readings from " + range_title(answer.from, answer.to) +
                             "; `labhub telemetry series` says what is stored");
        co_return ExitStatus::done;
    }
    const bool is_styled = context.console.is_styled();
    context.console.print(is_chart ? chart_of(answer, command, is_styled) : table_of(answer, now).text(is_styled));
    show_remarks(context, answer, is_chart && command.step.empty());
    co_return ExitStatus::done;
}

}  // namespace labhub::cli
