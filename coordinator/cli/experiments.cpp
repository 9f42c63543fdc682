#include "coordinator/cli/experiments.hpp"

#include "coordinator/cli/log_follower.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string state_text(const json::object& experiment) {
    const std::string state = text_of(experiment, "status");
    const std::string reason = text_of(experiment, "reason");
    const auto place = integer_of(experiment, "queue_position");
    if (state == "queued" && flag_of(experiment, "is_held")) return state + " (held)";
    if (state == "queued" && place) return state + " (place " + std::to_string(*place) + ")";
    return reason.empty() ? state : state + " (" + reason + ")";
}

Task<ExitStatus> show_tail(Context& context, std::string id, unsigned lines) {
    auto reply = co_await context.hub.get(experiment_path(id) + "/logs?tail=" + std::to_string(lines));
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        context.console.print(text_of(*reply, "logs"));
    co_return ExitStatus::done;
}

void print_experiments(Context& context, const json::object& reply) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"EXPERIMENT", left},
                 {"STATE", left},
                 {"DEVICE", left},
                 {"CREATED", left},
                 {"RAN FOR", right},
                 {"EXIT", right}});
    for (const json::object* const each : rows_of(reply, "experiments")) {
        const json::object& row = *each;
        table.add({text_of(row, "experiment_id"), state_text(row), text_of(row, "device"),
                   time_text(integer_of(row, "created_at"), now),
                   span_text(integer_of(row, "started_at"), integer_of(row, "ended_at"), now),
                   text_of(row, "exit_code")});
    }
    if (table.empty())
        context.console.note("there are no experiments; start one with `labhub run SCRIPT`");
    else
        context.console.print(table.text(context.console.is_styled()));
}

}  // namespace

Task<ExitStatus> list_experiments(Context& context) {
    auto print = [&context](const json::object& reply) { print_experiments(context, reply); };
    return show_reply(context, "/api/experiments", std::move(print));
}

Task<ExitStatus> stop_experiment(Context& context, std::string id) {
    return ask_for(context, experiment_path(id) + "/stop", json::object{});
}

Task<ExitStatus> show_logs(Context& context, LogsRequest request) {
    if (request.tail && !request.follow) co_return co_await show_tail(context, request.id, *request.tail);
    LogFollower follower(context, request.id);
    if (request.follow) context.left_behind = "the experiment goes on; `labhub stop " + request.id + "` stops it";
    for (;;) {
        auto polled = co_await follower.poll();
        if (!polled) co_return context.give_up(polled.error());
        if (*polled == LogFollower::State::ended) break;
        if (*polled == LogFollower::State::drained && !request.follow) break;
        if (*polled == LogFollower::State::drained) co_await sleep_for(LogFollower::kPeriod);
    }
    follower.finish();
    co_return ExitStatus::done;
}

}  // namespace labhub::cli
