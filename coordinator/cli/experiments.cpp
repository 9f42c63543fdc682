#include "coordinator/cli/experiments.hpp"

#include <algorithm>

#include "coordinator/cli/hub_stream.hpp"
#include "coordinator/cli/log_follower.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string state_text(const json::object& experiment) {
    const std::string state = text_of(experiment, "status");
    const std::string reason = text_of(experiment, "reason");
    const auto place = integer_of(experiment, "queue_position");
    if (state == "queued" && flag_of(experiment, "is_held")) return state + " (held)";
    if (flag_of(experiment, "is_paused")) {
        const bool is_safe = text_of(object_of(experiment, "pause"), "actuators") == "safe";
        return state + (is_safe ? " (paused, vessel safe)" : " (paused)");
    }
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

/// As the hub sends it: a line may come in pieces.
Task<ExitStatus> follow_logs(Context& context, std::string id) {
    context.left_behind = "the experiment goes on; `labhub stop " + id + "` stops it";
    auto print = [&context](const EventStream::Event& event) {
        const auto data = parse_json(event.data);
        if (!data || !data->is_object()) return true;
        const std::string text = text_of(data->get_object(), "text");
        if (event.type == "stdout") context.console.print(text);
        if (event.type == "stderr") context.console.print_error(text);
        return event.type != "end";
    };
    HubStream stream{experiment_path(id) + "/logs", "", true};
    auto followed = co_await follow_stream(context, std::move(stream), std::move(print));
    co_return followed ? ExitStatus::done : context.give_up(followed.error());
}

std::string words_of(const json::array& words) {
    std::string text;
    for (const json::value& word : words)
        if (word.is_string()) text += (text.empty() ? "" : " ") + std::string(word.get_string());
    return text;
}

void print_experiments(Context& context, const json::object& reply) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"EXPERIMENT", left},
                 {"STATE", left},
                 {"DEVICE", left},
                 {"CREATED", left},
                 {"RAN FOR", right},
                 {"EXIT", right},
                 {"TAGS", left}});
    for (const json::object* const each : rows_of(reply, "experiments")) {
        const json::object& row = *each;
        table.add({text_of(row, "experiment_id"), state_text(row), device_text(row),
                   time_text(integer_of(row, "created_at"), now),
                   span_text(integer_of(row, "started_at"), integer_of(row, "ended_at"), now),
                   text_of(row, "exit_code"), words_of(array_of(row, "tags"))});
    }
    show_table(context.console, table, "there are no such experiments; `labhub run SCRIPT` starts one");
    const auto shown = static_cast<std::int64_t>(array_of(reply, "experiments").size());
    if (const auto total = integer_of(reply, "total").value_or(shown); total > shown)
        context.console.note(std::to_string(total - shown) + " older ones are not shown; --limit shows more");
}

/// Pages of it, until there are `most`.
Task<Result<json::object>> read_experiments(Context& context, std::string query, std::size_t most) {
    constexpr std::size_t kPage = 1'000;
    json::object all;
    json::array rows;
    while (true) {
        const std::size_t wanted = std::min(kPage, most - rows.size());
        auto page = co_await context.hub.get("/api/experiments?" + query + "limit=" + std::to_string(wanted) +
                                             "&offset=" + std::to_string(rows.size()));
        if (!page) co_return page;
        const json::array& got = array_of(*page, "experiments");
        for (const json::value& each : got) rows.push_back(each);
        const bool is_last = !integer_of(*page, "next") || rows.size() >= most;
        if (!is_last) continue;
        all = std::move(*page);
        all["experiments"] = std::move(rows);
        co_return all;
    }
}

}  // namespace

Task<ExitStatus> list_experiments(Context& context, ExperimentsCommand command) {
    std::string query;
    const auto add = [&query](const char* name, const std::string& value) {
        query += std::string(name) + "=" + http::percent_encode(value) + "&";
    };
    for (const std::string& tag : command.tags) add("tag", tag);
    if (!command.status.empty()) add("status", command.status);
    if (!command.user.empty()) add("user", command.user);
    auto reply = co_await read_experiments(context, std::move(query), command.limit);
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        print_experiments(context, *reply);
    co_return ExitStatus::done;
}

Task<ExitStatus> change_tags(Context& context, TagCommand command) {
    json::array added, removed;
    for (const std::string& word : command.words) {
        if (word.size() > 1 && word.front() == '-')
            removed.emplace_back(word.substr(1));
        else
            added.emplace_back(word);
    }
    json::object body{{"add_tags", std::move(added)}, {"remove_tags", std::move(removed)}};
    if (command.note) body["note"] = *command.note;
    auto reply = co_await context.hub.patch(experiment_path(command.id), std::move(body));
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return ExitStatus::done;
    }
    const std::string tags = words_of(array_of(*reply, "tags")), note = text_of(*reply, "note");
    context.console.print("tags: " + (tags.empty() ? "none" : tags) + "\n" +
                          (note.empty() ? "" : "note: " + note + "\n"));
    co_return ExitStatus::done;
}

Task<ExitStatus> stop_experiment(Context& context, std::string id) {
    return ask_for(context, experiment_path(id) + "/stop", json::object{});
}

Task<ExitStatus> show_logs(Context& context, LogsRequest request) {
    if (request.tail && !request.follow) co_return co_await show_tail(context, request.id, *request.tail);
    if (request.follow) co_return co_await follow_logs(context, request.id);
    LogFollower follower(context, request.id);
    for (;;) {
        auto polled = co_await follower.poll();
        if (!polled) co_return context.give_up(polled.error());
        if (*polled != LogFollower::State::more) break;
    }
    follower.finish();
    co_return ExitStatus::done;
}

}  // namespace labhub::cli
