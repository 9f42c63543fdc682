#include "coordinator/cli/alarms.hpp"

#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

constexpr unsigned kPage = 500;

std::string state_of(const json::object& alarm) {
    const std::string state = flag_of(alarm, "active") ? text_of(alarm, "condition") : "cleared";
    return flag_of(alarm, "acknowledged") ? state : state + ", not acknowledged";
}

std::string shown_severity(const json::object& alarm) {
    return text_of(alarm, flag_of(alarm, "active") ? "severity" : "highest_severity");
}

Task<ExitStatus> list_alarms(Context& context, AlarmListRequest request) {
    http::Query query;
    if (!request.device.empty()) query.emplace_back("device", request.device);
    if (!request.severity.empty()) query.emplace_back("severity", request.severity);
    auto reply = co_await context.hub.get("/api/alarms?" + http::encode_query(query));
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return ExitStatus::done;
    }
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"ALARM", left}, {"SEVERITY", left}, {"STATE", left}, {"SINCE", left}, {"WHAT", left}});
    for (const json::object* const each : rows_of(*reply, "alarms")) {
        const json::object& row = *each;
        if (request.is_unacknowledged && flag_of(row, "acknowledged")) continue;
        table.add({text_of(row, "id"), shown_severity(row), state_of(row), time_text(integer_of(row, "raised_at"), now),
                   text_of(row, "message")});
    }
    show_table(context.console, table, "there is no alarm");
    co_return ExitStatus::done;
}

std::string history_target(const AlarmHistoryRequest& request, unsigned limit, const std::string& before) {
    http::Query query{{"limit", std::to_string(limit)}};
    if (!request.device.empty()) query.emplace_back("device", request.device);
    if (!request.metric.empty()) query.emplace_back("metric", request.metric);
    if (!request.experiment.empty()) query.emplace_back("experiment", request.experiment);
    if (!before.empty()) query.emplace_back("before", before);
    return "/api/alarms/history?" + http::encode_query(query);
}

void print_events(Context& context, const json::array& events) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"TIME", left}, {"EVENT", left}, {"SEVERITY", left}, {"WHAT", left}, {"WHO", left}});
    for (const json::value& each : events) {
        if (!each.is_object()) continue;
        const json::object& row = each.get_object();
        const std::string comment = text_of(row, "comment");
        table.add({time_text(integer_of(row, "time"), now), text_of(row, "event"), text_of(row, "severity"),
                   text_of(row, "message"), text_of(row, "who") + (comment.empty() ? "" : ": " + comment)});
    }
    show_table(context.console, table, "nothing has happened");
}

Task<ExitStatus> show_history(Context& context, AlarmHistoryRequest request) {
    json::array events;
    std::string before;
    while (events.size() < request.limit) {
        const auto wanted = std::min<std::size_t>(kPage, request.limit - events.size());
        auto page = co_await context.hub.get(history_target(request, static_cast<unsigned>(wanted), before));
        if (!page) co_return context.give_up(page.error());
        for (const json::value& each : array_of(*page, "events")) events.push_back(each);
        before = text_of(*page, "next");
        if (before.empty()) break;
    }
    if (context.console.is_json())
        context.console.print_json(json::object{{"status", "success"}, {"events", std::move(events)}});
    else
        print_events(context, events);
    co_return ExitStatus::done;
}

/// The ids that were meant; a person types the last letters of one. Error malformed, not_found, conflict.
Result<std::vector<std::string>> meant(const AlarmAckRequest& request, const json::array& alarms) {
    std::vector<std::string> all;
    for (const json::value& each : alarms)
        if (each.is_object() && request.all && !flag_of(each.get_object(), "acknowledged"))
            all.push_back(text_of(each.get_object(), "id"));
    for (const std::string& typed : request.ids) {
        std::vector<std::string> found;
        for (const json::value& each : alarms)
            if (each.is_object() && text_of(each.get_object(), "id").ends_with(typed))
                found.push_back(text_of(each.get_object(), "id"));
        if (found.empty())
            return Error{ErrorCode::not_found, "no present alarm '" + typed + "'", "see: labhub alarms list"};
        if (found.size() > 1)
            return Error{ErrorCode::conflict, "'" + typed + "' may be several alarms", "write more of its id"};
        all.push_back(found.front());
    }
    return all;
}

Task<ExitStatus> acknowledge(Context& context, AlarmAckRequest request) {
    if (request.ids.empty() != request.all) {
        context.console.fail(Error{ErrorCode::malformed, "which alarms are meant isn't clear", "IDs, or --all"});
        co_return ExitStatus::usage;
    }
    auto present = co_await context.hub.get("/api/alarms");
    if (!present) co_return context.give_up(present.error());
    const auto ids = meant(request, array_of(*present, "alarms"));
    if (!ids) co_return context.give_up(ids.error());
    json::array acknowledged;
    for (const std::string& id : *ids) {
        json::object body{{"comment", request.comment}};
        if (request.resume) body["resume"] = true;
        auto reply =
            co_await context.hub.post("/api/alarms/" + http::percent_encode(id) + "/acknowledge", std::move(body));
        if (!reply) co_return context.give_up(reply.error());
        if (!context.console.is_json())
            context.console.note("acknowledged: " + text_of(object_of(*reply, "alarm"), "message"));
        acknowledged.push_back(object_of(*reply, "alarm"));
    }
    if (context.console.is_json())
        context.console.print_json(json::object{{"status", "success"}, {"alarms", std::move(acknowledged)}});
    else if (ids->empty())
        context.console.note("there is nothing to acknowledge");
    co_return ExitStatus::done;
}

std::string limits_text(const json::object& rule) {
    std::string text;
    for (const char* const name : {"lowlow", "low", "high", "highhigh"})
        if (const std::string limit = text_of(rule, name); !limit.empty())
            text += (text.empty() ? "" : " ") + std::string(name) + "=" + limit;
    return text.empty() ? "no limits" : text;
}

void print_rules(Context& context, const json::object& reply) {
    using enum Table::Align;
    Table table({{"RULE", left},
                 {"DEVICE", left},
                 {"METRIC", left},
                 {"LIMITS", left},
                 {"DELAY", right},
                 {"NO DATA", right},
                 {"REACTION", left},
                 {"SET BY", left}});
    for (const json::object* const each : rows_of(reply, "rules")) {
        const json::object& row = *each;
        table.add({text_of(row, "id"), text_of(row, "device"), text_of(row, "metric"), limits_text(row),
                   text_of(row, "delay"), text_of(row, "no_data"), text_of(row, "reaction"), text_of(row, "set_by")});
    }
    if (table.empty())
        context.console.note("nothing is watched; `labhub alarms set METRIC --high VALUE` makes a rule");
    else
        context.console.print(table.text(context.console.is_styled()));
}

Task<ExitStatus> list_rules(Context& context) {
    auto print = [&context](const json::object& reply) { print_rules(context, reply); };
    return show_reply(context, "/api/alarms/rules", std::move(print));
}

json::object body_of(const AlarmSetRequest& request) {
    json::object body{{"metric", request.metric}};
    const std::pair<const char*, const std::string*> texts[] = {{"device", &request.device},
                                                                {"id", &request.id},
                                                                {"delay", &request.delay},
                                                                {"no_data", &request.no_data},
                                                                {"reaction", &request.reaction},
                                                                {"description", &request.description},
                                                                {"lowlow_severity", &request.lowlow_severity},
                                                                {"low_severity", &request.low_severity},
                                                                {"high_severity", &request.high_severity},
                                                                {"highhigh_severity", &request.highhigh_severity}};
    for (const auto& [name, text] : texts)
        if (!text->empty()) body[name] = *text;
    const std::pair<const char*, const std::optional<double>*> numbers[] = {{"lowlow", &request.lowlow},
                                                                            {"low", &request.low},
                                                                            {"high", &request.high},
                                                                            {"highhigh", &request.highhigh},
                                                                            {"hysteresis", &request.hysteresis}};
    for (const auto& [name, number] : numbers)
        if (*number) body[name] = **number;
    if (request.is_quality_ignored) body["quality"] = false;
    return body;
}

Task<ExitStatus> set_rule(Context& context, AlarmSetRequest request) {
    json::object body = body_of(request);
    auto reply = co_await context.hub.post("/api/alarms/rules", std::move(body));
    if (!reply) co_return context.give_up(reply.error());
    const json::object& rule = object_of(*reply, "rule");
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        context.console.note("rule " + text_of(rule, "id") + ": " + text_of(rule, "metric") + " of " +
                             text_of(rule, "device") + ", " + limits_text(rule));
    co_return ExitStatus::done;
}

Task<ExitStatus> remove_rule(Context& context, std::string id) {
    auto reply = co_await context.hub.remove("/api/alarms/rules/" + http::percent_encode(id));
    co_return tell(context, reply);
}

struct Start {
    Context& context;

    Task<ExitStatus> operator()(const AlarmListRequest& list) const { return list_alarms(context, list); }
    Task<ExitStatus> operator()(const AlarmHistoryRequest& history) const { return show_history(context, history); }
    Task<ExitStatus> operator()(const AlarmAckRequest& ack) const { return acknowledge(context, ack); }
    Task<ExitStatus> operator()(const AlarmRulesRequest&) const { return list_rules(context); }
    Task<ExitStatus> operator()(const AlarmSetRequest& set) const { return set_rule(context, set); }
    Task<ExitStatus> operator()(const AlarmRemoveRequest& remove) const { return remove_rule(context, remove.id); }
};

}  // namespace

Task<ExitStatus> run_alarms(Context& context, AlarmsCommand command) { return std::visit(Start{context}, command); }

}  // namespace labhub::cli
