#include "coordinator/cli/queue.hpp"

#include "coordinator/cli/calendar.hpp"
#include "coordinator/cli/hub_stream.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

constexpr int kEventsAtOnce = 1'000;

void tell_state(Context& context, const json::object& queue) {
    const auto running = integer_of(queue, "running").value_or(0);
    const auto bound = integer_of(queue, "running_bound").value_or(0);
    context.console.note(std::to_string(running) + " of " + std::to_string(bound) + " experiments are running");
    const json::object& pause = object_of(queue, "paused");
    if (!pause.empty())
        context.console.note("paused by " + text_of(pause, "who") + ": " + text_of(pause, "reason") +
                             "; `labhub queue resume` goes on");
}

/// The reason, with the times of a reservation as people here read them.
std::string why_text(const json::object& row) {
    const std::string why = text_of(row, "waits_because");
    const json::object& reservation = object_of(row, "reservation");
    if (reservation.empty()) return why;
    const CalendarEntry entry = calendar_entry_of(reservation);
    const auto others = why.find("; ");
    return (others == std::string::npos ? "" : why.substr(0, others + 2)) + entry.device + " is reserved for " +
           person_text(entry.owner) + " " + when_text(entry.from, entry.to) + " (" + entry.id + ")";
}

void print_queue(Context& context, const json::object& reply) {
    tell_state(context, reply);
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"PLACE", right},
                 {"EXPERIMENT", left},
                 {"OF", left},
                 {"PRIORITY", right},
                 {"DEVICE", left},
                 {"STARTS BY", left},
                 {"WAITS BECAUSE", left}});
    for (const json::object* const each : rows_of(reply, "waiting")) {
        const json::object& row = *each;
        table.add({text_of(row, "position"), text_of(row, "experiment_id"), text_of(row, "requested_by"),
                   text_of(row, "priority"), device_text(row), time_text(integer_of(row, "expected_start"), now),
                   why_text(row)});
    }
    if (table.empty())
        context.console.note("nothing waits");
    else
        context.console.print(table.text(context.console.is_styled()));
}

Task<ExitStatus> list_queue(Context& context) {
    auto print = [&context](const json::object& reply) { print_queue(context, reply); };
    return show_reply(context, "/api/queue", std::move(print));
}

/// Time, what happened, who did it, and a sentence.
std::vector<std::string> cells_of(const json::object& event, UtcMillis now) {
    const std::string who = text_of(event, "who");
    return {time_text(integer_of(event, "time"), now), text_of(event, "kind"), who.empty() ? "the hub" : who,
            text_of(event, "message")};
}

struct Carry {
    Context& context;

    Task<ExitStatus> operator()(const QueueListRequest&) const { return list_queue(context); }
    Task<ExitStatus> operator()(const QueueHoldRequest& hold) const {
        return ask_for(context, experiment_path(hold.id) + (hold.is_held ? "/hold" : "/release"), json::object{});
    }
    Task<ExitStatus> operator()(const QueuePauseRequest& pause) const {
        return ask_for(context, "/api/queue/pause", json::object{{"reason", pause.reason}});
    }
    Task<ExitStatus> operator()(const QueueResumeRequest&) const {
        return ask_for(context, "/api/queue/resume", json::object{});
    }
};

}  // namespace

Task<ExitStatus> run_queue_command(Context& context, QueueCommand command) {
    auto task = std::visit(Carry{context}, command);
    co_return co_await std::move(task);
}

Task<ExitStatus> show_events(Context& context, std::string id) {
    json::array all;
    std::int64_t after = 0;
    while (true) {
        auto page = co_await context.hub.get(experiment_path(id) + "/events?after=" + std::to_string(after));
        if (!page) co_return context.give_up(page.error());
        const json::array& events = array_of(*page, "events");
        for (const json::value& each : events) {
            if (each.is_object()) after = integer_of(each.get_object(), "number").value_or(after);
            all.push_back(each);
        }
        if (events.size() < kEventsAtOnce) break;
    }
    json::object reply;
    reply["events"] = std::move(all);
    if (context.console.is_json()) {
        context.console.print_json(reply);
        co_return ExitStatus::done;
    }
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"TIME", left}, {"EVENT", left}, {"BY", left}, {"", left}});
    for (const json::object* const each : rows_of(reply, "events")) table.add(cells_of(*each, now));
    context.console.print(table.text(context.console.is_styled()));
    co_return ExitStatus::done;
}

Task<ExitStatus> follow_events(Context& context, std::string id) {
    context.left_behind = "the experiment goes on; `labhub stop " + id + "` stops it";
    auto print = [&context](const EventStream::Event& event) {
        const auto data = parse_json(event.data);
        if (!data || !data->is_object()) return true;
        if (context.console.is_json()) {
            context.console.print(to_json(*data) + "\n");
            return true;
        }
        const auto cells = cells_of(data->get_object(), context.clock.utc_now());
        context.console.print(cells[0] + "  " + cells[1] + (cells[3].empty() ? "" : "  " + cells[3]) +
                              (text_of(data->get_object(), "who").empty() ? "" : "  (" + cells[2] + ")") + "\n");
        return true;
    };
    HubStream stream{experiment_path(id) + "/events", "", true};
    auto followed = co_await follow_stream(context, std::move(stream), std::move(print));
    co_return followed ? ExitStatus::done : context.give_up(followed.error());
}

Task<ExitStatus> add_note(Context& context, std::string id, std::string text) {
    json::object body;
    body["text"] = std::move(text);
    return ask_for(context, experiment_path(id) + "/notes", std::move(body));
}

}  // namespace labhub::cli
