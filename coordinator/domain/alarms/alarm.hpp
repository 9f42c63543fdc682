#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/alarm/limit_check.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::alarms {

using alarm::Condition;
using alarm::Limits;
using alarm::Severity;

using RuleId = Id<struct RuleTag>;    ///< one rule; the name a person gave it
using AlarmId = Id<struct AlarmTag>;  ///< one alarm, from its raising until it is cleared and acknowledged

/// What an alarm sets off; each does what those before it do, too.
enum class Reaction {
    log,     ///< it is in the list and the history
    notify,  ///< people are told, by e-mail and webhook
    pause,   ///< the running experiment's commands are refused until the alarm is over, or a person lets them go on
    stop,    ///< the device is made safe and the running experiment stopped
};
std::string_view to_string(Reaction reaction);
/// Error malformed, naming the choices.
Result<Reaction> reaction_from(std::string_view name);

/// Which metric is watched, and what happens. `device` kAnyDevice stands for every device that has the metric.
struct Rule {
    RuleId id;
    std::string device;
    std::string metric;
    Limits limits;
    Reaction reaction = Reaction::notify;
    std::string description;
    std::string set_by;  ///< "user:admin", "configuration", or "job:<id>" for an experiment's own
    UtcMillis set_at{};

    static constexpr std::string_view kAnyDevice = "*";
    static constexpr std::string_view kConfiguration = "configuration";
    bool is_for(const DeviceAddress& address) const { return device == kAnyDevice || device == address.to_string(); }
};

/// Errors as alarm::check_limits; malformed for names that are none.
Result<void> check_rule(const Rule& rule);

/// What an experiment declares: a rule of its own, or another reaction to a rule there is.
struct ExperimentAlarm {
    RuleId rule;  ///< set: the lab's rule it refers to, and only `reaction` counts
    std::string metric;
    Limits limits;
    Reaction reaction = Reaction::notify;
    std::string description;
};

/// As it is stored with the experiment and shown in experiment.json.
boost::json::object to_json_object(const ExperimentAlarm& declared);
/// Error corrupt or malformed, for what to_json_object can't have written.
Result<ExperimentAlarm> experiment_alarm_from(const boost::json::object& stored);
boost::json::object to_json_object(const Limits& limits);
Result<Limits> limits_from(const boost::json::object& stored);

/// An alarm that is present: active, or cleared and not yet acknowledged.
struct Alarm {
    AlarmId id;
    RuleId rule;
    DeviceAddress device;
    std::string metric, unit;
    bool is_of_node = false;  ///< the node itself checks it and makes its device safe
    JobId job;                ///< the experiment that held the device when it was raised; empty: none did
    Reaction reaction = Reaction::notify;
    Condition condition = Condition::none;  ///< none: it has cleared
    Severity severity = Severity::none;
    Severity highest = Severity::none;  ///< since it was raised
    std::optional<double> value, limit;
    std::string message;  ///< "vial_A_temp of sim-1/vessel is at or above 45 Cel: 46.2 Cel"
    std::string description;
    UtcMillis raised{}, changed{};
    std::optional<UtcMillis> cleared, acknowledged;
    std::string acknowledged_by, comment;

    bool is_active() const { return condition != Condition::none; }
    bool is_acknowledged() const { return acknowledged.has_value(); }
    /// Nothing is left for anybody to do.
    bool is_over() const { return !is_active() && is_acknowledged(); }
};

enum class EventKind { raised, severity_changed, cleared, acknowledged };
std::string_view to_string(EventKind kind);
Result<EventKind> event_kind_from(std::string_view name);

/// One line of the history.
struct Event {
    std::int64_t number = 0;  ///< rises with every event; given by the store
    AlarmId alarm;
    RuleId rule;
    DeviceAddress device;
    std::string metric, unit;
    JobId job;
    EventKind kind = EventKind::raised;
    Condition condition = Condition::none;  ///< after the event
    Severity severity = Severity::none;     ///< after the event
    Severity highest = Severity::none;      ///< since the alarm was raised
    std::optional<double> value, limit;
    UtcMillis time{};
    std::string who, comment;  ///< acknowledged: by whom, and what they said
    std::string message;
};

/// The event that made `alarm` what it is now.
Event event_of(const Alarm& alarm, EventKind kind, UtcMillis time);
boost::json::object to_json_object(const Event& event);

}  // namespace labhub::coordinator::alarms
