#include "agent/alarms/node_alarms.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/sampling/rising_time.hpp"

namespace labhub::agent::alarms {
namespace {

using alarm::Condition;
using alarm::NodeAlarm;
using alarm::Severity;

constexpr std::string_view kAll = "all";

struct Remembered {
    std::string state;
    std::int64_t worst = 0;
    UtcMillis since{};
};

Result<std::optional<Remembered>> recall(sqlite::Database& database, const std::string& device,
                                         const std::string& metric) {
    LABHUB_TRY(auto row,
               database.prepare("SELECT state, worst, since_ms FROM node_alarm WHERE device = ?1 AND metric = ?2"));
    row.bind_all(device, metric);
    LABHUB_TRY(const bool found, row.step());
    if (!found) return std::optional<Remembered>{};
    return std::optional(Remembered{row.column_text(0), row.column_int64(1), row.column_time(2)});
}

bool is_its_safe_value(const MetricInfo& metric, const Value& value) {
    const auto asked = as_number(value);
    const auto safe = as_number(metric.safe_value);
    return asked && safe ? *asked == *safe : value == metric.safe_value;
}

}  // namespace

NodeAlarms::NodeAlarms(asio::any_io_executor executor, std::vector<Rule> rules, safety::CommandPath& path,
                       sqlite::Writer& memory, const Clock& clock)
    : executor_(executor),
      path_(path),
      memory_(memory),
      clock_(clock),
      wake_(executor, Steady::time_point::max()),
      tasks_(executor) {
    for (Rule& rule : rules) {
        alarm::LimitCheck check(rule.limits, clock.steady_now());
        watched_.emplace_back(std::move(rule), std::move(check));
    }
}

void NodeAlarms::start(Tell tell, UtcMillis newest) {
    tell_ = std::move(tell);
    newest_ = newest;
    if (watched_.empty()) return;
    for (Watched& watched : watched_) load(watched);
    path_.interlock = [this](const std::string& device, const MetricInfo& metric, const Value& value) {
        return interlock(device, metric, value);
    };
}

void NodeAlarms::load(Watched& watched) {
    watched.since = sampling::rising_time(clock_.utc_now(), newest_);
    const std::string device = watched.rule.device;
    const std::string metric = watched.rule.metric;
    auto known = memory_.write_and_wait([=](sqlite::Database& database) { return recall(database, device, metric); });
    if (!known) return spdlog::error("the alarm of {} can't be remembered: {}", metric, known.error().to_string());
    if (!*known) return;
    const auto state = alarm::node_alarm_from((*known)->state);
    if (!state) return spdlog::error("the alarm of {} can't be remembered: {}", metric, state.error().to_string());
    watched.state = *state;
    watched.worst = static_cast<Severity>(std::clamp<std::int64_t>((*known)->worst, 0, 3));
    const bool is_active = state->severity != Severity::none;
    watched.check =
        alarm::LimitCheck(watched.rule.limits, clock_.steady_now(), is_active ? state->condition : Condition::none);
    if (*state != NodeAlarm{})
        spdlog::warn("{} of {} was alarming before this start: {}", metric, device, alarm::to_string(*state));
}

void NodeAlarms::take(const std::string& device, const std::vector<Reading>& readings) {
    const auto now = clock_.steady_now();
    for (Watched& watched : watched_) {
        if (watched.rule.device != device) continue;
        for (const Reading& reading : readings)
            if (reading.metric == watched.rule.metric && watched.check.take(reading, now)) changed(watched);
    }
    if (!watched_.empty()) wake_.cancel();
}

void NodeAlarms::look() {
    const auto now = clock_.steady_now();
    for (Watched& watched : watched_)
        if (watched.check.look(now)) changed(watched);
}

Steady::time_point NodeAlarms::next_look() const {
    auto next = Steady::time_point::max();
    for (const Watched& watched : watched_) next = std::min(next, watched.check.next_look());
    return next;
}

Task<void> NodeAlarms::watch() {
    while (true) {
        wake_.expires_at(next_look());
        co_await wake_.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        look();
    }
}

std::string NodeAlarms::what(const Watched& watched) const {
    std::string unit;
    if (const auto device = path_.find(watched.rule.device))
        if (const auto info = find_metric((*device)->metrics(), watched.rule.metric)) unit = (*info)->unit;
    const bool has_limit =
        watched.state.condition != Condition::no_data && watched.state.condition != Condition::bad_quality;
    return watched.rule.metric + (has_limit ? " " : ": ") +
           alarm::explain(watched.rule.limits, watched.state.condition, unit);
}

void NodeAlarms::changed(Watched& watched) {
    const bool was_active = watched.state.severity != Severity::none;
    const bool was_over = !was_active && watched.state.is_acknowledged;
    const Condition condition = watched.check.condition();
    watched.state.severity = watched.check.severity();
    if (condition == Condition::none) {
        // Not acknowledged: it stays in the list, with what it was about.
        if (watched.state.is_acknowledged) watched.state = NodeAlarm{};
        if (watched.state.is_acknowledged) watched.worst = Severity::none;
        spdlog::info("alarm: {} of {} is normal again", watched.rule.metric, watched.rule.device);
        return publish(watched);
    }
    watched.state.condition = condition;
    if (was_over) watched.worst = Severity::none;
    const bool is_worse = watched.state.severity > watched.worst;
    watched.worst = std::max(watched.worst, watched.state.severity);
    if (!was_active || is_worse) watched.state.is_acknowledged = false;
    spdlog::warn("alarm: {} of {} ({})", what(watched), watched.rule.device, alarm::to_string(watched.state.severity));
    if (!was_active || is_worse) make_safe(watched);
    publish(watched);
}

void NodeAlarms::make_safe(const Watched& watched) {
    if (!watched.rule.makes_safe) return;
    safety::Hold wish;
    wish.asker = safety::agent_itself();
    wish.device = watched.rule.device;
    wish.reason = "alarm: " + what(watched);
    wish.actuators = watched.rule.actuators;
    tasks_.spawn("make safe for an alarm", hold(std::move(wish)));
}

Task<void> NodeAlarms::hold(safety::Hold hold) {
    const std::string device = hold.device;
    auto held = co_await path_.hold(std::move(hold));
    if (!held) spdlog::error("{} is not safe yet, which its alarm asks for: {}", device, held.error().to_string());
}

void NodeAlarms::publish(Watched& watched) {
    watched.since = sampling::rising_time(clock_.utc_now(), watched.since);
    const std::string text = alarm::to_string(watched.state);
    memory_.post([device = watched.rule.device, metric = watched.rule.metric, text,
                  worst = static_cast<std::int64_t>(watched.worst), since = watched.since](sqlite::Database& database) {
        return database.run(
            "INSERT INTO node_alarm(device, metric, state, worst, since_ms) VALUES(?1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT(device, metric) DO UPDATE SET state = ?3, worst = ?4, since_ms = ?5",
            device, metric, text, worst, since);
    });
    const std::string name = std::string(alarm::kMetricPrefix) + watched.rule.metric;
    if (tell_) tell_(watched.rule.device, Reading{name, text, watched.since, Quality::good});
}

Result<std::string> NodeAlarms::acknowledge(const std::string& device, const std::string& metric,
                                            const safety::Asker& asker, const std::string& comment) {
    if (asker.role == safety::Role::viewer)
        return Error{ErrorCode::forbidden, asker.principal + " may not acknowledge alarms",
                     "it takes the role operator"};
    LABHUB_TRY(const sampling::Device* const found, path_.find(device));
    std::string choices, done;
    bool is_known = metric == kAll;
    for (Watched& watched : watched_) {
        if (watched.rule.device != found->id()) continue;
        choices += (choices.empty() ? "" : ", ") + watched.rule.metric;
        if (metric != kAll && metric != watched.rule.metric) continue;
        is_known = true;
        if (watched.state.is_acknowledged) continue;
        done += (done.empty() ? "" : ", ") + watched.rule.metric;
        watched.state.is_acknowledged = true;
        if (watched.state.severity == Severity::none) watched.state = NodeAlarm{};
        if (watched.state == NodeAlarm{}) watched.worst = Severity::none;
        spdlog::info("alarm of {} acknowledged by {}{}", watched.rule.metric, asker.principal,
                     comment.empty() ? "" : ": " + comment);
        publish(watched);
    }
    if (!is_known)
        return Error{ErrorCode::not_found, "this node has no alarm of '" + metric + "'",
                     choices.empty() ? "none is configured" : "there are: " + choices};
    return done;
}

Result<void> NodeAlarms::interlock(const std::string& device, const MetricInfo& metric, const Value& value) const {
    if (is_its_safe_value(metric, value)) return {};
    for (const Watched& watched : watched_) {
        const Rule& rule = watched.rule;
        if (rule.device != device || !rule.makes_safe || watched.state == NodeAlarm{}) continue;
        const bool is_held = rule.actuators.empty() || std::find(rule.actuators.begin(), rule.actuators.end(),
                                                                 metric.name) != rule.actuators.end();
        if (!is_held) continue;
        const bool is_active = watched.state.severity != Severity::none;
        const std::string until = !is_active ? "until a person has acknowledged it"
                                  : watched.state.is_acknowledged
                                      ? "until it has cleared"
                                      : "until it has cleared and a person has acknowledged it";
        return Error{ErrorCode::conflict, metric.name + " is held safe by an alarm: " + what(watched), until};
    }
    return {};
}

std::vector<std::pair<MetricInfo, Reading>> NodeAlarms::metrics_of(const std::string& device) const {
    std::vector<std::pair<MetricInfo, Reading>> all;
    for (const Watched& watched : watched_) {
        if (watched.rule.device != device) continue;
        MetricInfo info;
        info.name = std::string(alarm::kMetricPrefix) + watched.rule.metric;
        info.type = ValueType::text;
        info.description = "alarm of " + watched.rule.metric + ", checked on the node";
        Reading reading{info.name, alarm::to_string(watched.state), watched.since, Quality::good};
        all.emplace_back(std::move(info), std::move(reading));
    }
    return all;
}

std::string NodeAlarms::describe() const {
    std::string text;
    for (const Watched& watched : watched_) {
        if (watched.state == NodeAlarm{}) continue;
        const bool is_active = watched.state.severity != Severity::none;
        text += watched.rule.device + ": " + what(watched) + " (" +
                std::string(is_active ? alarm::to_string(watched.state.severity) : "cleared") + ", " +
                (watched.state.is_acknowledged ? "acknowledged" : "not acknowledged") + ") since " +
                to_rfc3339(watched.since) + "\n";
    }
    return text;
}

}  // namespace labhub::agent::alarms
