#include "coordinator/cli/telemetry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string count_text(const json::object& row, std::string_view key) {
    std::string digits = std::to_string(integer_of(row, key).value_or(0));
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, "\u202f");  // as SI writes thousands
    return digits;
}

/// All pages of a list as one.
Task<Result<json::object>> all_of(Context& context, std::string name, std::string query) {
    const std::string path = "/api/telemetry/" + name + query;
    auto first = co_await context.hub.get(path);
    if (!first) co_return first;
    const std::string more = path + (query.empty() ? "?" : "&") + "offset=";
    auto next = integer_of(*first, "next");
    while (next) {
        auto page = co_await context.hub.get(more + std::to_string(*next));
        if (!page) co_return page;
        for (const json::value& one : array_of(*page, name)) first->at(name).as_array().push_back(one);
        const auto after = integer_of(*page, "next");
        next = after && *after > *next ? after : std::nullopt;
    }
    if (auto* const shown = first->if_contains("next")) *shown = nullptr;
    co_return first;
}

Task<ExitStatus> list_series(Context& context, TelemetrySeriesCommand command) {
    const UtcMillis now = context.clock.utc_now();
    auto query = telemetry_query(command.which, {}, {}, now);
    if (!query) co_return context.give_up(query.error());
    auto listing = all_of(context, "series", *query);
    auto reply = co_await std::move(listing);
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return ExitStatus::done;
    }
    using enum Table::Align;
    Table table({{"ID", right},
                 {"DEVICE", left},
                 {"METRIC", left},
                 {"UNIT", left},
                 {"SAMPLES", right},
                 {"FIRST", left},
                 {"LAST", left}});
    for (const json::value& each : array_of(*reply, "series")) {
        if (!each.is_object()) continue;
        const json::object& row = each.get_object();
        table.add({text_of(row, "id"), text_of(row, "device"), text_of(row, "metric"), unit_text(text_of(row, "unit")),
                   count_text(row, "count"), time_text(integer_of(row, "first"), now),
                   time_text(integer_of(row, "last"), now)});
    }
    if (table.empty())
        context.console.note("no readings have been stored yet");
    else
        context.console.print(table.text(context.console.is_styled()));
    co_return ExitStatus::done;
}

Task<ExitStatus> show_latest(Context& context, TelemetryLatestCommand command) {
    const UtcMillis now = context.clock.utc_now();
    auto query = telemetry_query(command.which, {}, {}, now);
    if (!query) co_return context.give_up(query.error());
    auto listing = all_of(context, "latest", *query);
    auto reply = co_await std::move(listing);
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return ExitStatus::done;
    }
    using enum Table::Align;
    Table table({{"DEVICE", left},
                 {"METRIC", left},
                 {"VALUE", right},
                 {"UNIT", left},
                 {"QUALITY", left},
                 {"AGE", right},
                 {"TIME", left}});
    for (const json::value& each : array_of(*reply, "latest")) {
        if (!each.is_object()) continue;
        const json::object& row = each.get_object();
        const json::value* const value = row.if_contains("value");
        table.add({text_of(row, "device"), text_of(row, "metric"), scalar_text(value ? *value : json::value()),
                   unit_text(text_of(row, "unit")), text_of(row, "quality"), age_text(integer_of(row, "time"), now),
                   time_text(integer_of(row, "time"), now)});
    }
    if (table.empty())
        context.console.note("no readings have been stored yet");
    else
        context.console.print(table.text(context.console.is_styled()));
    co_return ExitStatus::done;
}

struct Start {
    Context& context;
    Task<ExitStatus> operator()(TelemetrySeriesCommand& command) const {
        return list_series(context, std::move(command));
    }
    Task<ExitStatus> operator()(TelemetryLatestCommand& command) const {
        return show_latest(context, std::move(command));
    }
    Task<ExitStatus> operator()(TelemetryQueryCommand& command) const {
        return query_telemetry(context, std::move(command));
    }
    Task<ExitStatus> operator()(TelemetryExportCommand& command) const {
        return export_telemetry(context, std::move(command));
    }
    Task<ExitStatus> operator()(TelemetryStreamCommand& command) const {
        return stream_telemetry(context, std::move(command));
    }
};

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Reads `form` from the whole text into `parts`.
bool scan(const std::string& text, const char* form, std::tm& parts) {
    const char* const end = ::strptime(text.c_str(), form, &parts);
    return end && *end == '\0';
}

}  // namespace

Task<ExitStatus> run_telemetry(Context& context, TelemetryCommand command) {
    return std::visit(Start{context}, command);
}

Result<std::string> telemetry_query(const TelemetryWords& which, const TelemetryTimes& when,
                                    std::vector<std::pair<std::string, std::string>> more, UtcMillis now) {
    http::Query query;
    std::string device;
    for (const std::string& word : which.words) {
        const auto strokes = std::count(word.begin(), word.end(), '/');
        if (is_digits(word) || strokes >= 2) {
            query.emplace_back("series", word);
        } else if (strokes == 0) {
            query.emplace_back("metric", word);
        } else {
            if (!device.empty())
                return Error{ErrorCode::malformed, "two devices: " + device + " and " + word,
                             "one, with * for several (sim-*/vessel), or whole series: " + word + "/*"};
            query.emplace_back("device", device = word);
        }
    }
    for (const std::string& metric : which.metrics) query.emplace_back("metric", metric);
    if (!when.experiment.empty()) query.emplace_back("experiment", when.experiment);
    if (!when.from.empty()) query.emplace_back("from", with_local_zone(when.from, now));
    if (!when.to.empty()) query.emplace_back("to", with_local_zone(when.to, now));
    std::move(more.begin(), more.end(), std::back_inserter(query));
    return query.empty() ? std::string() : "?" + http::encode_query(query);
}

std::string with_local_zone(const std::string& text, UtcMillis now) {
    const std::time_t today = static_cast<std::time_t>(now.count / 1000);
    for (const char* const form : {"%H:%M:%S", "%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                   "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        ::localtime_r(&today, &parts);
        parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
        if (!scan(text, form, parts)) continue;
        parts.tm_isdst = -1;
        return std::to_string(static_cast<std::int64_t>(std::mktime(&parts)) * 1000);
    }
    return text;
}

std::size_t output_width() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char* const columns = std::getenv("COLUMNS");
    std::size_t width = 0;
    if (columns) std::from_chars(columns, columns + std::string_view(columns).size(), width);
    return width >= 20 && width <= 1'000 ? width : 80;
}

}  // namespace labhub::cli
