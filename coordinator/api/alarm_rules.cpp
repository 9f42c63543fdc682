// What is watched.
#include "coordinator/api/alarm_body.hpp"
#include "coordinator/api/alarms.hpp"

namespace labhub::coordinator::api {
namespace {

struct RuleView {
    std::string id, device, metric;
    std::optional<double> lowlow, low, high, highhigh;
    std::string lowlow_severity, low_severity, high_severity, highhigh_severity;
    double hysteresis = 0;
    std::string delay, no_data;
    bool quality = true;
    std::string reaction, description, set_by;
    std::int64_t set_at = 0;
};
BOOST_DESCRIBE_STRUCT(RuleView, (),
                      (id, device, metric, lowlow, low, high, highhigh, lowlow_severity, low_severity, high_severity,
                       highhigh_severity, hysteresis, delay, no_data, quality, reaction, description, set_by, set_at))
}  // namespace
template <>
struct MemberDocs<RuleView> {
    static constexpr MemberDoc list[] = {
        {"set_by", "user:NAME, configuration (it can't be changed here), or job:ID for a running experiment's own"}};
};
namespace {

struct RuleList {
    std::vector<RuleView> rules;
};
BOOST_DESCRIBE_STRUCT(RuleList, (), (rules))
struct RuleReply {
    RuleView rule;
};
BOOST_DESCRIBE_STRUCT(RuleReply, (), (rule))

RuleView view_of(const alarms::Rule& rule) {
    const alarms::Limits& limits = rule.limits;
    RuleView shown;
    shown.id = rule.id.value;
    shown.device = rule.device;
    shown.metric = rule.metric;
    shown.lowlow = limits.lowlow;
    shown.low = limits.low;
    shown.high = limits.high;
    shown.highhigh = limits.highhigh;
    shown.lowlow_severity = alarm::to_string(limits.lowlow_severity);
    shown.low_severity = alarm::to_string(limits.low_severity);
    shown.high_severity = alarm::to_string(limits.high_severity);
    shown.highhigh_severity = alarm::to_string(limits.highhigh_severity);
    shown.hysteresis = limits.hysteresis;
    shown.delay = format_duration(limits.delay);
    shown.no_data = format_duration(limits.no_data);
    shown.quality = limits.quality;
    shown.reaction = to_string(rule.reaction);
    shown.description = rule.description;
    shown.set_by = rule.set_by;
    shown.set_at = rule.set_at.count;
    return shown;
}

Task<Result<RuleList>> list_rules(Services& services, Call, Nothing) {
    RuleList reply;
    for (const alarms::Rule* rule : services.alarms.rules()) reply.rules.push_back(view_of(*rule));
    co_return reply;
}

Task<Result<RuleReply>> get_rule(Services& services, Call call, Nothing) {
    const alarms::RuleId id{call.path["id"]};
    auto rule = services.alarms.rule(id);
    if (!rule) co_return std::move(rule).error();
    RuleReply reply;
    reply.rule = view_of(**rule);
    co_return reply;
}

/// Whoever set a rule, and administrators, may replace and remove it: it is there so that somebody is told.
Result<void> check_setter(const Services& services, const Call& call, const alarms::RuleId& id) {
    const auto present = services.alarms.rule(id);
    if (!present || call.caller.is_admin || (*present)->set_by == call.caller.principal()) return {};
    return Error{ErrorCode::forbidden, "alarm rule '" + printable(id.value, 64) + "' is not yours",
                 "it is that of " + (*present)->set_by};
}

Task<Result<RuleReply>> set_rule(Services& services, Call call, AlarmRuleBody body) {
    if (!body.device) {
        auto only = device_of(call, services);
        if (!only) co_return std::move(only).error();
        body.device = only->to_string();
    }
    auto rule = rule_from(body, services.alarms.settings());
    if (!rule) co_return std::move(rule).error();
    if (auto may = check_setter(services, call, rule->id); !may) co_return std::move(may).error();
    rule->set_by = call.caller.principal();
    auto set = co_await services.alarms.set_rule(std::move(*rule));
    if (!set) co_return std::move(set).error();
    RuleReply reply;
    reply.rule = view_of(*set);
    co_return reply;
}

struct RemovedReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(RemovedReply, (), (message))

Task<Result<RemovedReply>> remove_rule(Services& services, Call call, Nothing) {
    alarms::RuleId id{call.path["id"]};
    if (auto may = check_setter(services, call, id); !may) co_return std::move(may).error();
    auto removed = co_await services.alarms.remove_rule(std::move(id));
    if (!removed) co_return std::move(removed).error();
    RemovedReply reply;
    reply.message = "alarm rule " + call.path["id"] + " is removed";
    co_return reply;
}

}  // namespace

void add_alarm_rules(std::vector<Operation>& list) {
    list.push_back(with_handler(
        alarm_row("GET", "/rules", "listAlarmRules", "What is watched, and what happens then", Access::user_or_job),
        &list_rules));
    list.push_back(with_handler(alarm_row("POST", "/rules", "setAlarmRule", "Makes or replaces a rule", Access::user,
                                          {{"device", "node/device, where the body names none"}}),
                                &set_rule));
    list.push_back(
        with_handler(alarm_row("GET", "/rules/{id}", "getAlarmRule", "One rule", Access::user_or_job), &get_rule));
    list.push_back(
        with_handler(alarm_row("DELETE", "/rules/{id}", "removeAlarmRule",
                               "Removes a rule; its alarms clear and stay until they are acknowledged", Access::user),
                     &remove_rule));
}

}  // namespace labhub::coordinator::api
