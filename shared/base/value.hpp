#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub {

/// What a metric can hold. `monostate` is "no value to be had now": null in JSON, NaN in Python, is_null in Sparkplug.
/// A double in here is always finite: NaN and infinities become monostate where they enter.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

enum class ValueType { boolean, integer, number, text };
enum class MetricKind { sensor, actuator };

/// How far a reading may be trusted. Numbers are Sparkplug B 3.0's Quality property (6.4.7,
/// payloads-propertyset-quality-value-value), but `uncertain`, which is OPC's: a value to be used with care, first of
/// all one whose time came from a clock that was not synchronised. It is never sent: Sparkplug has no number for it.
enum class Quality : int { bad = 0, uncertain = 64, good = 192, stale = 500 };
/// Whether the value counts: in charts and means, and against limits.
constexpr bool is_usable(Quality quality) { return quality == Quality::good || quality == Quality::uncertain; }

/// What a device says of one of its metrics: enough to show it, check a command against it and make it safe.
struct MetricInfo {
    std::string name;  ///< unique in its device, satisfies check_name: "vial_A_temp"
    MetricKind kind = MetricKind::sensor;
    ValueType type = ValueType::number;
    std::string unit;               ///< UCUM symbol where there is one: "V", "Cel", "mL/s", "%", "A"; empty if none
    std::string description;        ///< one line for people
    std::optional<double> minimum;  ///< inclusive, in `unit`
    std::optional<double> maximum;  ///< inclusive, in `unit`
    Value safe_value;               ///< actuators: where it goes when nobody is in control
};

/// One measured, or applied, value.
struct Reading {
    std::string metric;
    Value value;
    UtcMillis time;
    Quality quality = Quality::good;
};

/// A wish for one actuator.
struct Setpoint {
    std::string metric;
    Value value;
};

std::string_view to_string(ValueType type);
std::string_view to_string(MetricKind kind);
std::string_view to_string(Quality quality);

/// The value in its shortest exact form: "true", "40", "0.25", "#ff0000", "null".
std::string to_string(const Value& value);
/// The number a boolean, integer or number stands for.
std::optional<double> as_number(const Value& value);
/// `number`, or monostate where it is NaN or infinite.
Value finite(double number);

/// Text to a value of the metric's type: "on", "true", "1" for booleans; decimal numbers; any text. Error malformed.
Result<Value> parse_value(const MetricInfo& metric, std::string_view text);
/// `value` as the metric's own type (an integer given for a number, 0/1 for a boolean). Checks the type, that it is
/// finite and inside the range. Errors malformed (type), out_of_range (says the range and unit), forbidden (a sensor).
Result<Value> check_setpoint(const MetricInfo& metric, const Value& value);
/// "0 to 100 %", "at least 0 mL/s"; empty when there is no limit.
std::string range_text(const MetricInfo& metric);

/// The metric of that name, or Error not_found naming the choices.
Result<const MetricInfo*> find_metric(const std::vector<MetricInfo>& metrics, std::string_view name);

}  // namespace labhub
