#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::alarm {

/// How bad it is, as EPICS has it. `invalid`: the value can't be trusted, so nobody knows how bad it is.
enum class Severity { none, minor, major, invalid };

/// What is wrong with a metric. `no_data`: nothing came for too long. `bad_quality`: what came is no value, or the
/// device says that it is not to be trusted.
enum class Condition { none, low, lowlow, high, highhigh, no_data, bad_quality };

std::string_view to_string(Severity severity);
std::string_view to_string(Condition condition);
/// Errors malformed, naming the choices.
Result<Severity> severity_from(std::string_view name);
Result<Condition> condition_from(std::string_view name);

/// A node's own alarm is a metric of its device, named kMetricPrefix + the watched metric. Its value is this, as text:
/// "normal", or severity, condition and whether a person has acknowledged it: "major highhigh unacknowledged". An alarm
/// that has cleared and was not acknowledged yet keeps its condition: "cleared highhigh unacknowledged".
struct NodeAlarm {
    Severity severity = Severity::none;     ///< none: it is normal, or has cleared
    Condition condition = Condition::none;  ///< the present one, or the last one before it cleared
    bool is_acknowledged = true;

    bool operator==(const NodeAlarm&) const = default;
};

inline constexpr std::string_view kMetricPrefix = "alarm.";

std::string to_string(const NodeAlarm& alarm);
/// Error malformed.
Result<NodeAlarm> node_alarm_from(std::string_view text);

}  // namespace labhub::alarm
