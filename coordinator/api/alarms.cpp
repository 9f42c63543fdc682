// Present alarms, their acknowledgement and their history.
#include "coordinator/api/alarms.hpp"

#include "coordinator/api/operations.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

std::optional<std::int64_t> millis(const std::optional<UtcMillis>& time) {
    return time ? std::optional(time->count) : std::nullopt;
}

// --- present alarms --------------------------------------------------------------------------------------------------

struct AlarmView {
    std::string id, rule, device, metric, unit, condition, severity, highest_severity;
    bool active = false, acknowledged = false;
    std::optional<double> value, limit;
    std::string message, description, reaction, checked_by, experiment_id;
    std::int64_t raised_at = 0, changed_at = 0;
    std::optional<std::int64_t> cleared_at, acknowledged_at;
    std::string acknowledged_by, comment;
};
BOOST_DESCRIBE_STRUCT(AlarmView, (),
                      (id, rule, device, metric, unit, condition, severity, highest_severity, active, acknowledged,
                       value, limit, message, description, reaction, checked_by, experiment_id, raised_at, changed_at,
                       cleared_at, acknowledged_at, acknowledged_by, comment))
}  // namespace
template <>
struct MemberDocs<AlarmView> {
    static constexpr MemberDoc list[] = {
        {"condition", "low, lowlow, high, highhigh, no_data or bad_quality; none when it has cleared"},
        {"severity", "minor, major or invalid; none when it has cleared"},
        {"highest_severity", "since it was raised"},
        {"active", "false: it has cleared, and waits for somebody to acknowledge it"},
        {"reaction", "log, notify, pause or stop; what paused becomes notify when somebody has let the commands go on"},
        {"checked_by", "hub, or node: that has made its device safe by itself"},
        {"experiment_id", "the experiment that held the device when it was raised; empty: none"},
        {"raised_at", "milliseconds of UTC since 1970, as all times here"}};
};
namespace {

struct AlarmList {
    std::vector<AlarmView> alarms;
};
BOOST_DESCRIBE_STRUCT(AlarmList, (), (alarms))
struct AlarmReply {
    AlarmView alarm;
};
BOOST_DESCRIBE_STRUCT(AlarmReply, (), (alarm))

AlarmView view_of(const alarms::Alarm& alarm) {
    AlarmView shown;
    shown.id = alarm.id.value;
    shown.rule = alarm.rule.value;
    shown.device = alarm.device.to_string();
    shown.metric = alarm.metric;
    shown.unit = alarm.unit;
    shown.condition = alarm::to_string(alarm.condition);
    shown.severity = alarm::to_string(alarm.severity);
    shown.highest_severity = alarm::to_string(alarm.highest);
    shown.active = alarm.is_active();
    shown.acknowledged = alarm.is_acknowledged();
    shown.value = alarm.value;
    shown.limit = alarm.limit;
    shown.message = alarm.message;
    shown.description = alarm.description;
    shown.reaction = to_string(alarm.reaction);
    shown.checked_by = alarm.is_of_node ? "node" : "hub";
    shown.experiment_id = alarm.job.value;
    shown.raised_at = alarm.raised.count;
    shown.changed_at = alarm.changed.count;
    shown.cleared_at = millis(alarm.cleared);
    shown.acknowledged_at = millis(alarm.acknowledged);
    shown.acknowledged_by = alarm.acknowledged_by;
    shown.comment = alarm.comment;
    return shown;
}

Task<Result<AlarmList>> list_alarms(Services& services, Call call, Nothing) {
    const auto device = call.request.query_value("device");
    auto at_least = alarm::severity_from(call.request.query_value("severity").value_or("none"));
    if (!at_least) co_return std::move(at_least).error();
    AlarmList reply;
    for (const alarms::Alarm* alarm : services.alarms.present()) {
        if (device && alarm->device.to_string() != *device) continue;
        if (alarm->highest >= *at_least) reply.alarms.push_back(view_of(*alarm));
    }
    co_return reply;
}

struct AcknowledgeRequest {
    std::optional<std::string> comment;
    std::optional<bool> resume;
};
BOOST_DESCRIBE_STRUCT(AcknowledgeRequest, (), (comment, resume))
}  // namespace
template <>
struct MemberDocs<AcknowledgeRequest> {
    static constexpr MemberDoc list[] = {
        {"resume", "true: the commands that the alarm pauses go on at once, though it has not cleared"}};
};
namespace {
constexpr std::size_t kMaxComment = 1'000;

Task<Result<AlarmReply>> acknowledge(Services& services, Call call, AcknowledgeRequest request) {
    std::string comment = printable(request.comment.value_or(""), kMaxComment);
    alarms::AlarmId id{call.path["id"]};
    const bool resume = request.resume.value_or(false);
    auto acknowledging =
        resume ? services.alarms.resume_commands(std::move(id), call.caller.principal(), std::move(comment))
               : services.alarms.acknowledge(std::move(id), call.caller.principal(), std::move(comment));
    auto alarm = co_await std::move(acknowledging);
    if (!alarm) co_return std::move(alarm).error();
    AlarmReply reply;
    reply.alarm = view_of(*alarm);
    co_return reply;
}

// --- history ---------------------------------------------------------------------------------------------------------

struct EventView {
    std::int64_t number = 0, time = 0;
    std::string event, alarm, rule, device, metric, unit, condition, severity, message, experiment_id, who, comment;
    std::optional<double> value, limit;
};
BOOST_DESCRIBE_STRUCT(EventView, (),
                      (number, time, event, alarm, rule, device, metric, unit, condition, severity, value, limit,
                       message, experiment_id, who, comment))
}  // namespace
template <>
struct MemberDocs<EventView> {
    static constexpr MemberDoc list[] = {{"event", "raised, severity_changed, cleared or acknowledged"},
                                         {"severity", "after the event"},
                                         {"who", "acknowledged: by whom"}};
};
namespace {

struct HistoryReply {
    std::vector<EventView> events;
    std::optional<std::int64_t> next;
};
BOOST_DESCRIBE_STRUCT(HistoryReply, (), (events, next))
}  // namespace
template <>
struct MemberDocs<HistoryReply> {
    static constexpr MemberDoc list[] = {{"next", "give it as ?before= for the next page; null: there is none"}};
};
namespace {

EventView view_of(const alarms::Event& event) {
    EventView shown;
    shown.number = event.number;
    shown.time = event.time.count;
    shown.event = to_string(event.kind);
    shown.alarm = event.alarm.value;
    shown.rule = event.rule.value;
    shown.device = event.device.to_string();
    shown.metric = event.metric;
    shown.unit = event.unit;
    shown.condition = alarm::to_string(event.condition);
    shown.severity = alarm::to_string(event.severity);
    shown.value = event.value;
    shown.limit = event.limit;
    shown.message = event.message;
    shown.experiment_id = event.job.value;
    shown.who = event.who;
    shown.comment = event.comment;
    return shown;
}

constexpr std::int64_t kLatestTime = 253'402'300'800'000;  // the year 10000
constexpr std::int64_t kMostEvents = 1'000;

Result<store::AlarmHistoryQuery> history_query(const Call& call) {
    const auto text = [&](std::string_view name) { return std::string(call.request.query_value(name).value_or("")); };
    store::AlarmHistoryQuery query;
    query.device = text("device");
    query.metric = text("metric");
    query.job = JobId{text("experiment")};
    query.alarm = alarms::AlarmId{text("alarm")};
    LABHUB_TRY(const auto from, query_integer(call, "from", -1, 0, kLatestTime));
    LABHUB_TRY(const auto to, query_integer(call, "to", -1, 0, kLatestTime));
    LABHUB_TRY(const auto before, query_integer(call, "before", -1, 0, INT64_MAX));
    LABHUB_TRY(query.limit, query_integer(call, "limit", 100, 1, kMostEvents));
    if (from >= 0) query.from = UtcMillis{from};
    if (to >= 0) query.to = UtcMillis{to};
    if (before >= 0) query.before = before;
    return query;
}

Task<Result<HistoryReply>> history(Services& services, Call call, Nothing) {
    auto query = history_query(call);
    if (!query) co_return std::move(query).error();
    const auto limit = static_cast<std::size_t>(query->limit);
    auto events = co_await services.alarms.history(std::move(*query));
    if (!events) co_return std::move(events).error();
    HistoryReply reply;
    for (const auto& event : *events) reply.events.push_back(view_of(event));
    if (reply.events.size() == limit) reply.next = reply.events.back().number;
    co_return reply;
}

}  // namespace

Operation alarm_row(std::string verb, std::string path, std::string id, std::string summary, Access access,
                    std::vector<QueryParameter> query) {
    return Operation{std::move(verb),
                     "/api/alarms" + path,
                     std::move(id),
                     "alarms",
                     std::move(summary),
                     access,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

void add_alarms(std::vector<Operation>& list) {
    const std::vector<QueryParameter> which{{"device", "only of this one, as node/device"},
                                            {"severity", "at least: minor, major or invalid"}};
    const std::vector<QueryParameter> when{
        {"device", "only of this one, as node/device"},       {"metric", "only of this one"},
        {"experiment", "only what happened during it"},       {"alarm", "only of this alarm"},
        {"from", "milliseconds of UTC since 1970, included"}, {"to", "the same"},
        {"before", "the reply's next: the page after that"},  {"limit", "at most so many, 100 when left out"}};
    list.push_back(with_handler(alarm_row("GET", "", "listAlarms", "The alarms that are active or not acknowledged",
                                          Access::user_or_job, which),
                                &list_alarms));
    list.push_back(with_handler(alarm_row("POST", "/{id}/acknowledge", "acknowledgeAlarm",
                                          "Says that a person has seen an alarm", Access::user),
                                &acknowledge));
    list.push_back(
        with_handler(alarm_row("GET", "/history", "listAlarmHistory",
                               "What was raised, cleared and acknowledged, newest first", Access::user, when),
                     &history));
    add_alarm_rules(list);
}

}  // namespace labhub::coordinator::api
