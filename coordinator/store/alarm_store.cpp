#include "coordinator/store/alarm_store.hpp"

#include <algorithm>

#include "shared/base/json.hpp"

namespace labhub::coordinator::store {
namespace {

using alarms::Alarm;
using alarms::AlarmId;
using alarms::Event;
using alarms::Rule;
using alarms::RuleId;
using sqlite::Database;
using sqlite::Statement;

constexpr const char* kEventColumns =
    "number, alarm, rule, device, metric, unit, job_id, kind, condition, severity, highest, value, limit_value, "
    "time_ms, who, comment, message";

Result<Rule> read_rule(const Statement& row) {
    Rule rule;
    rule.id = RuleId{row.column_text(0)};
    rule.device = row.column_text(1);
    rule.metric = row.column_text(2);
    LABHUB_TRY(const auto limits, parse_json(row.column_text(3)));
    if (!limits.is_object()) return Error{ErrorCode::corrupt, "stored alarm limits are not an object"};
    LABHUB_TRY(rule.limits, alarms::limits_from(limits.get_object()));
    LABHUB_TRY(rule.reaction, alarms::reaction_from(row.column_text(4)));
    rule.description = row.column_text(5);
    rule.set_by = row.column_text(6);
    rule.set_at = row.column_time(7);
    return rule;
}

Result<Alarm> read_alarm(const Statement& row) {
    Alarm alarm;
    alarm.id = AlarmId{row.column_text(0)};
    alarm.rule = RuleId{row.column_text(1)};
    LABHUB_TRY(alarm.device, DeviceAddress::parse(row.column_text(2)));
    alarm.metric = row.column_text(3);
    alarm.unit = row.column_text(4);
    alarm.is_of_node = row.column_bool(5);
    alarm.job = JobId{row.column_text(6)};
    LABHUB_TRY(alarm.reaction, alarms::reaction_from(row.column_text(7)));
    LABHUB_TRY(alarm.condition, alarm::condition_from(row.column_text(8)));
    LABHUB_TRY(alarm.severity, alarm::severity_from(row.column_text(9)));
    LABHUB_TRY(alarm.highest, alarm::severity_from(row.column_text(10)));
    alarm.value = row.column_optional<double>(11);
    alarm.limit = row.column_optional<double>(12);
    alarm.message = row.column_text(13);
    alarm.description = row.column_text(14);
    alarm.raised = row.column_time(15);
    alarm.changed = row.column_time(16);
    alarm.cleared = row.column_optional<UtcMillis>(17);
    alarm.acknowledged = row.column_optional<UtcMillis>(18);
    alarm.acknowledged_by = row.column_text(19);
    alarm.comment = row.column_text(20);
    return alarm;
}

Result<Event> read_event(const Statement& row) {
    Event event;
    event.number = row.column_int64(0);
    event.alarm = AlarmId{row.column_text(1)};
    event.rule = RuleId{row.column_text(2)};
    LABHUB_TRY(event.device, DeviceAddress::parse(row.column_text(3)));
    event.metric = row.column_text(4);
    event.unit = row.column_text(5);
    event.job = JobId{row.column_text(6)};
    LABHUB_TRY(event.kind, alarms::event_kind_from(row.column_text(7)));
    LABHUB_TRY(event.condition, alarm::condition_from(row.column_text(8)));
    LABHUB_TRY(event.severity, alarm::severity_from(row.column_text(9)));
    LABHUB_TRY(event.highest, alarm::severity_from(row.column_text(10)));
    event.value = row.column_optional<double>(11);
    event.limit = row.column_optional<double>(12);
    event.time = row.column_time(13);
    event.who = row.column_text(14);
    event.comment = row.column_text(15);
    event.message = row.column_text(16);
    return event;
}

template <class T>
Result<std::vector<T>> read_all(Statement& statement, Result<T> (*read)(const Statement&)) {
    std::vector<T> all;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return all;
        LABHUB_TRY(T one, read(statement));
        all.push_back(std::move(one));
    }
}

Result<void> put_alarm(Database& database, const Alarm& alarm) {
    return database.run(
        "INSERT INTO alarms (id, rule, device, metric, unit, of_node, job_id, reaction, condition, severity, highest, "
        "value, limit_value, message, description, raised_ms, changed_ms, cleared_ms, acknowledged_ms, "
        "acknowledged_by, comment, is_over) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
        "ON CONFLICT (id) DO UPDATE SET job_id = excluded.job_id, reaction = excluded.reaction, "
        "condition = excluded.condition, severity = excluded.severity, highest = excluded.highest, "
        "value = excluded.value, limit_value = excluded.limit_value, message = excluded.message, "
        "changed_ms = excluded.changed_ms, cleared_ms = excluded.cleared_ms, "
        "acknowledged_ms = excluded.acknowledged_ms, acknowledged_by = excluded.acknowledged_by, "
        "comment = excluded.comment, is_over = excluded.is_over",
        alarm.id, alarm.rule, alarm.device.to_string(), alarm.metric, alarm.unit, alarm.is_of_node, alarm.job,
        to_string(alarm.reaction), to_string(alarm.condition), to_string(alarm.severity), to_string(alarm.highest),
        alarm.value, alarm.limit, alarm.message, alarm.description, alarm.raised, alarm.changed, alarm.cleared,
        alarm.acknowledged, alarm.acknowledged_by, alarm.comment, alarm.is_over());
}

Result<void> record_transition(Database& database, const Alarm& alarm, const Event& event,
                               const std::vector<std::string>& channels) {
    LABHUB_CHECK(put_alarm(database, alarm));
    LABHUB_CHECK(database.run(
        "INSERT INTO alarm_events (alarm, rule, device, metric, unit, job_id, kind, condition, severity, highest, "
        "value, limit_value, time_ms, who, comment, message) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        event.alarm, event.rule, event.device.to_string(), event.metric, event.unit, event.job, to_string(event.kind),
        to_string(event.condition), to_string(event.severity), to_string(event.highest), event.value, event.limit,
        event.time, event.who, event.comment, event.message));
    const auto number = database.last_insert_id();
    for (const auto& channel : channels)
        LABHUB_CHECK(database.run("INSERT INTO alarm_outbox (channel, event) VALUES (?, ?)", channel, number));
    return {};
}

Result<std::vector<Event>> select_history(Database& database, const AlarmHistoryQuery& query) {
    const auto text_or_null = [](const std::string& text) {
        return text.empty() ? std::optional<std::string>{} : std::optional(text);
    };
    const std::string sql = std::string("SELECT ") + kEventColumns +
                            " FROM alarm_events WHERE (?1 IS NULL OR device = ?1) AND (?2 IS NULL OR metric = ?2) "
                            "AND (?3 IS NULL OR job_id = ?3) AND (?4 IS NULL OR alarm = ?4) "
                            "AND (?5 IS NULL OR time_ms >= ?5) AND (?6 IS NULL OR time_ms <= ?6) "
                            "AND (?7 IS NULL OR number < ?7) ORDER BY number DESC LIMIT ?8";
    LABHUB_TRY(auto statement, database.cached(sql));
    statement.bind_all(text_or_null(query.device), text_or_null(query.metric), text_or_null(query.job.value),
                       text_or_null(query.alarm.value), query.from, query.to, query.before, query.limit);
    return read_all<Event>(statement, &read_event);
}

Result<std::int64_t> forget_events(Database& database, UtcMillis time) {
    LABHUB_CHECK(
        database.run("DELETE FROM alarm_events WHERE time_ms < ? AND alarm NOT IN (SELECT id FROM alarms WHERE is_over "
                     "= 0) AND number NOT IN (SELECT event FROM alarm_outbox)",
                     time));
    const auto gone = database.changes();
    LABHUB_CHECK(database.run("DELETE FROM alarms WHERE is_over = 1 AND changed_ms < ?", time));
    return gone;
}

Result<std::vector<Event>> select_undelivered(Database& database, const std::string& channel, std::int64_t limit) {
    const std::string sql = std::string("SELECT ") + kEventColumns +
                            " FROM alarm_outbox JOIN alarm_events ON number = event WHERE channel = ? ORDER BY event "
                            "LIMIT ?";
    LABHUB_TRY(auto statement, database.cached(sql));
    statement.bind_all(channel, limit);
    return read_all<Event>(statement, &read_event);
}

Result<std::int64_t> forget_other_channels(Database& database, const std::vector<std::string>& channels) {
    LABHUB_TRY(auto statement, database.prepare("SELECT DISTINCT channel FROM alarm_outbox"));
    std::vector<std::string> gone;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) break;
        auto channel = statement.column_text(0);
        if (std::find(channels.begin(), channels.end(), channel) == channels.end()) gone.push_back(std::move(channel));
    }
    std::int64_t dropped = 0;
    for (const auto& channel : gone) {
        LABHUB_CHECK(database.run("DELETE FROM alarm_outbox WHERE channel = ?", channel));
        dropped += database.changes();
    }
    return dropped;
}

}  // namespace

Task<Result<std::vector<Rule>>> AlarmStore::load_rules() {
    return writer_.write([](Database& database) -> Result<std::vector<Rule>> {
        LABHUB_TRY(auto statement,
                   database.prepare("SELECT id, device, metric, limits, reaction, description, set_by, set_ms FROM "
                                    "alarm_rules ORDER BY id"));
        return read_all<Rule>(statement, &read_rule);
    });
}

Task<Result<void>> AlarmStore::put_rule(Rule rule) {
    return writer_.write([rule = std::move(rule)](Database& database) {
        return database.run(
            "INSERT INTO alarm_rules (id, device, metric, limits, reaction, description, set_by, set_ms) VALUES "
            "(?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET device = excluded.device, metric = excluded.metric, "
            "limits = excluded.limits, reaction = excluded.reaction, description = excluded.description, "
            "set_by = excluded.set_by, set_ms = excluded.set_ms",
            rule.id, rule.device, rule.metric, to_json(alarms::to_json_object(rule.limits)), to_string(rule.reaction),
            rule.description, rule.set_by, rule.set_at);
    });
}

Task<Result<void>> AlarmStore::remove_rule(RuleId id) {
    return writer_.write(
        [id = std::move(id)](Database& database) { return database.run("DELETE FROM alarm_rules WHERE id = ?", id); });
}

Task<Result<std::vector<Alarm>>> AlarmStore::load_present() {
    return writer_.write([](Database& database) -> Result<std::vector<Alarm>> {
        LABHUB_TRY(auto statement,
                   database.prepare("SELECT id, rule, device, metric, unit, of_node, job_id, reaction, condition, "
                                    "severity, highest, value, limit_value, message, description, raised_ms, "
                                    "changed_ms, cleared_ms, acknowledged_ms, acknowledged_by, comment FROM alarms "
                                    "WHERE is_over = 0 ORDER BY raised_ms, id"));
        return read_all<Alarm>(statement, &read_alarm);
    });
}

Task<Result<void>> AlarmStore::record(Alarm alarm, Event event, std::vector<std::string> channels) {
    return writer_.write([alarm = std::move(alarm), event = std::move(event), channels = std::move(channels)](
                             Database& database) { return record_transition(database, alarm, event, channels); });
}

Task<Result<std::vector<Event>>> AlarmStore::history(AlarmHistoryQuery query) {
    return writer_.write([query = std::move(query)](Database& database) { return select_history(database, query); });
}

Task<Result<std::int64_t>> AlarmStore::forget_before(UtcMillis time) {
    return writer_.write([time](Database& database) { return forget_events(database, time); });
}

Task<Result<std::vector<Event>>> AlarmStore::undelivered(std::string channel, std::int64_t limit) {
    return writer_.write([channel = std::move(channel), limit](Database& database) {
        return select_undelivered(database, channel, limit);
    });
}

Task<Result<void>> AlarmStore::delivered(std::string channel, std::int64_t up_to) {
    return writer_.write([channel = std::move(channel), up_to](Database& database) {
        return database.run("DELETE FROM alarm_outbox WHERE channel = ? AND event <= ?", channel, up_to);
    });
}

Task<Result<std::int64_t>> AlarmStore::keep_channels(std::vector<std::string> channels) {
    return writer_.write(
        [channels = std::move(channels)](Database& database) { return forget_other_channels(database, channels); });
}

}  // namespace labhub::coordinator::store
