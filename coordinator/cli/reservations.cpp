#include "coordinator/cli/reservations.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <map>

#include "coordinator/cli/calendar.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

constexpr const char* kPath = "/api/reservations";

std::string path_of(const std::string& id) { return std::string(kPath) + "/" + http::percent_encode(id); }

std::string wall_clock(std::int64_t millis, const char* form) {
    const std::time_t seconds = static_cast<std::time_t>(millis / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), form, &parts)};
}

std::optional<std::int64_t> millis_of(const std::string& digits) {
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

bool is_duration(const std::string& text) {
    return text.find_first_not_of("0123456789") != std::string::npos && parse_duration(text).has_value();
}

/// The begin and the end, or the length, as the hub takes them. What isn't said is left out.
Result<json::object> span_body(const std::string& from, const std::string& until, UtcMillis now) {
    json::object body;
    UtcMillis near = now;
    if (!from.empty()) {
        LABHUB_TRY(const std::string begin, certain_time(from, now));
        if (const auto millis = millis_of(begin)) near = UtcMillis{*millis};
        body["from"] = begin;
    }
    if (until.empty()) return body;
    if (is_duration(until)) {
        body["duration"] = until;
        return body;
    }
    LABHUB_TRY(const std::string end, certain_time(until, near));
    body["to"] = end;
    return body;
}

Task<ExitStatus> reserve(Context& context, ReserveRequest request) {
    auto body = span_body(request.from, request.until, context.clock.utc_now());
    if (!body) co_return context.give_up(body.error());
    (*body)["device"] = request.device;
    if (!request.note.empty()) (*body)["note"] = request.note;
    auto reply = co_await context.hub.post(kPath, std::move(*body));
    if (!reply || context.console.is_json()) co_return tell(context, reply);
    const CalendarEntry made = calendar_entry_of(object_of(*reply, "reservation"));
    context.console.print(made.id + "\n");
    context.console.note(made.device + " is yours " + when_text(made.from, made.to) + "; `labhub unreserve " + made.id +
                         "` gives it up");
    co_return ExitStatus::done;
}

Task<ExitStatus> unreserve(Context& context, UnreserveRequest request) {
    auto reply = co_await context.hub.remove(path_of(request.id));
    co_return tell(context, reply);
}

Task<ExitStatus> change(Context& context, ReservationChangeRequest request) {
    auto body = span_body(request.from, request.until, context.clock.utc_now());
    if (!body) co_return context.give_up(body.error());
    if (request.note) (*body)["note"] = *request.note;
    auto reply = co_await context.hub.patch(path_of(request.id), std::move(*body));
    if (!reply || context.console.is_json()) co_return tell(context, reply);
    const CalendarEntry now = calendar_entry_of(object_of(*reply, "reservation"));
    context.console.note(now.device + " is reserved for " + now.owner + " " + when_text(now.from, now.to));
    co_return ExitStatus::done;
}

Result<std::string> list_target(const ReservationListRequest& request, UtcMillis now) {
    http::Query query;
    if (!request.device.empty()) query.emplace_back("device", request.device);
    if (!request.from.empty()) {
        LABHUB_TRY(auto from, certain_time(request.from, now));
        query.emplace_back("from", std::move(from));
    }
    if (!request.to.empty()) {
        LABHUB_TRY(auto to, certain_time(request.to, now));
        query.emplace_back("to", std::move(to));
    }
    if (request.with_ended) query.emplace_back("all", "true");
    return std::string(kPath) + (query.empty() ? "" : "?" + http::encode_query(query));
}

void print_list(Context& context, const json::object& reply) {
    using enum Table::Align;
    Table table({{"WHEN", left}, {"DEVICE", left}, {"OF", left}, {"STATE", left}, {"NOTE", left}, {"ID", left}});
    for (const json::object* const row : rows_of(reply, "reservations")) {
        const CalendarEntry entry = calendar_entry_of(*row);
        table.add({when_text(entry.from, entry.to), entry.device, person_text(entry.owner), text_of(*row, "state"),
                   entry.note, entry.id});
    }
    show_table(context.console, table, "nothing is reserved; `labhub reserve DEVICE FROM TO` does");
}

/// All pages as one.
Task<Result<json::object>> list_all(Context& context, ReservationListRequest request) {
    auto target = list_target(request, context.clock.utc_now());
    if (!target) co_return target.error();
    auto all = co_await context.hub.get(*target);
    const std::string more = *target + (target->find('?') == std::string::npos ? "?" : "&") + "offset=";
    for (auto next = all ? integer_of(*all, "next") : std::nullopt; next;) {
        auto page = co_await context.hub.get(more + std::to_string(*next));
        if (!page) co_return page;
        for (const json::value& one : array_of(*page, "reservations")) (*all)["reservations"].as_array().push_back(one);
        const auto after = integer_of(*page, "next");
        next = after && *after > *next ? after : std::nullopt;
    }
    if (all) (*all)["next"] = nullptr;
    co_return all;
}

Task<ExitStatus> list(Context& context, ReservationListRequest request) {
    auto reply = co_await list_all(context, std::move(request));
    if (!reply || context.console.is_json()) co_return tell(context, reply);
    print_list(context, *reply);
    co_return ExitStatus::done;
}

/// Every device with what is reserved of it; of those with nothing one line says so.
void print_week(Context& context, const json::object& reply, const std::vector<std::string>& devices,
                CalendarOptions options, bool is_one_device) {
    std::map<std::string, std::vector<CalendarEntry>> by_device;
    for (const auto& device : devices) by_device[device];
    for (const json::object* const row : rows_of(reply, "reservations")) {
        CalendarEntry entry = calendar_entry_of(*row);
        by_device[entry.device].push_back(std::move(entry));
    }
    std::string text, free;
    for (const auto& [device, entries] : by_device) {
        if (!entries.empty() || is_one_device)
            text += (text.empty() ? "" : "\n") + draw_calendar(device, entries, options);
        else
            free += (free.empty() ? "free all week: " : ", ") + device;
    }
    if (!text.empty()) context.console.print(text + "\n");
    if (!text.empty()) print_list(context, reply);
    if (!free.empty()) context.console.note(free);
    if (by_device.empty()) context.console.note("there are no devices");
}

std::vector<std::string> names_in(const json::object& reply) {
    std::vector<std::string> names;
    for (const json::object* const row : rows_of(reply, "devices")) names.push_back(text_of(*row, "device"));
    return names;
}

Task<ExitStatus> show_week(Context& context, ReservationWeekRequest request) {
    CalendarOptions options;
    options.now = context.clock.utc_now();
    options.first_day = options.now.count;
    options.width = output_width();
    options.is_styled = context.console.is_styled();
    if (!request.from.empty()) {
        const auto day = millis_of(with_local_zone(request.from, options.now));
        if (!day) {
            Error wrong{ErrorCode::malformed, "'" + request.from + "' is no day", "write it as 2026-02-15"};
            co_return context.give_up(wrong);
        }
        options.first_day = *day;
    }
    ReservationListRequest of_week;
    of_week.device = request.device;
    of_week.from = std::to_string(local_midnight(options.first_day));
    of_week.to = std::to_string(local_midnight(options.first_day, options.days));
    auto reply = co_await list_all(context, std::move(of_week));
    if (!reply || context.console.is_json()) co_return tell(context, reply);
    std::vector<std::string> devices{request.device};
    if (request.device.empty()) {
        auto known = co_await context.hub.get("/api/devices");
        if (!known) co_return context.give_up(known.error());
        devices = names_in(*known);
    }
    print_week(context, *reply, devices, options, !request.device.empty());
    co_return ExitStatus::done;
}

void print_events(Context& context, const json::object& reply) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"TIME", left}, {"EVENT", left}, {"RESERVATION", left}, {"BY", left}, {"", left}});
    for (const json::object* const row : rows_of(reply, "events")) {
        const std::string who = text_of(*row, "who");
        table.add({time_text(integer_of(*row, "time"), now), text_of(*row, "event"), text_of(*row, "reservation"),
                   who.empty() ? "the hub" : person_text(who),
                   text_of(*row, "device") + " " +
                       when_text(integer_of(*row, "from").value_or(0), integer_of(*row, "to").value_or(0))});
    }
    show_table(context.console, table, "nothing has happened to reservations");
}

Task<ExitStatus> show_events(Context& context, ReservationEventsRequest request) {
    std::string target = std::string(kPath) + "/events";
    if (!request.device.empty()) target += "?device=" + http::percent_encode(request.device);
    auto print = [&context](const json::object& reply) { print_events(context, reply); };
    return show_reply(context, std::move(target), std::move(print));
}

struct Carry {
    Context& context;

    Task<ExitStatus> operator()(const ReserveRequest& request) const { return reserve(context, request); }
    Task<ExitStatus> operator()(const UnreserveRequest& request) const { return unreserve(context, request); }
    Task<ExitStatus> operator()(const ReservationListRequest& request) const { return list(context, request); }
    Task<ExitStatus> operator()(const ReservationWeekRequest& request) const { return show_week(context, request); }
    Task<ExitStatus> operator()(const ReservationChangeRequest& request) const { return change(context, request); }
    Task<ExitStatus> operator()(const ReservationEventsRequest& request) const { return show_events(context, request); }
};

}  // namespace

Result<std::string> certain_time(const std::string& text, UtcMillis near) {
    const std::string zoned = with_local_zone(text, near);
    const auto millis = millis_of(zoned);
    if (zoned == text || !millis) return text;
    constexpr std::int64_t kHour = 3'600'000;
    constexpr const char* kWall = "%Y-%m-%d %H:%M:%S";
    const std::string wall = wall_clock(*millis, kWall);
    const bool has_clock = text.find(':') != std::string::npos;
    if (has_clock && text.find(wall_clock(*millis, "%H:%M")) == std::string::npos)
        return Error{ErrorCode::malformed, "there is no " + text + " that day, as clocks are set forward",
                     "the moment they are is followed by " + wall};
    for (const std::int64_t other : {*millis - kHour, *millis + kHour})
        if (wall_clock(other, kWall) == wall)
            return Error{ErrorCode::malformed, text + " comes twice that day, as clocks are set back",
                         "say which: " + wall_clock(std::min(*millis, other), "%Y-%m-%dT%H:%M:%S%z") + " or " +
                             wall_clock(std::max(*millis, other), "%Y-%m-%dT%H:%M:%S%z")};
    return zoned;
}

Task<ExitStatus> run_reservations(Context& context, ReservationsCommand command) {
    auto task = std::visit(Carry{context}, command);
    co_return co_await std::move(task);
}

}  // namespace labhub::cli
