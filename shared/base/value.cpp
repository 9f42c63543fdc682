#include "shared/base/value.hpp"

#include <charconv>
#include <cmath>

#include "shared/base/text.hpp"

namespace labhub {
namespace {

Error wrong_type(const MetricInfo& metric, std::string_view given) {
    return Error{ErrorCode::malformed,
                 metric.name + " takes a " + std::string(to_string(metric.type)) + ", not " + std::string(given)};
}

std::string_view kind_of(const Value& value) {
    constexpr std::string_view kNames[] = {"null", "boolean", "integer", "number", "text"};
    return kNames[value.index()];
}

Result<void> check_range(const MetricInfo& metric, double number) {
    const bool below = metric.minimum && number < *metric.minimum;
    const bool above = metric.maximum && number > *metric.maximum;
    if (!below && !above) return {};
    return Error{ErrorCode::out_of_range, metric.name + " can't be set to " + format_number(number),
                 "allowed: " + range_text(metric)};
}

}  // namespace

std::string_view to_string(ValueType type) {
    switch (type) {
        case ValueType::boolean: return "boolean";
        case ValueType::integer: return "integer";
        case ValueType::number: return "number";
        case ValueType::text: return "text";
    }
    return "text";
}

std::string_view to_string(MetricKind kind) { return kind == MetricKind::sensor ? "sensor" : "actuator"; }

std::string_view to_string(Quality quality) {
    switch (quality) {
        case Quality::good: return "good";
        case Quality::uncertain: return "uncertain";
        case Quality::stale: return "stale";
        case Quality::bad: return "bad";
    }
    return "bad";
}

std::string to_string(const Value& value) {
    struct Writer {
        std::string operator()(std::monostate) const { return "null"; }
        std::string operator()(bool b) const { return b ? "true" : "false"; }
        std::string operator()(std::int64_t i) const { return std::to_string(i); }
        std::string operator()(double d) const { return format_number(d); }
        std::string operator()(const std::string& s) const { return s; }
    };
    return std::visit(Writer{}, value);
}

std::optional<double> as_number(const Value& value) {
    if (const auto* b = std::get_if<bool>(&value)) return *b ? 1.0 : 0.0;
    if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&value)) return *d;
    return std::nullopt;
}

Value finite(double number) { return std::isfinite(number) ? Value{number} : Value{}; }

Result<Value> parse_value(const MetricInfo& metric, std::string_view text) {
    if (metric.type == ValueType::text) return Value{std::string(text)};
    if (metric.type == ValueType::boolean) {
        if (text == "true" || text == "on" || text == "1") return Value{true};
        if (text == "false" || text == "off" || text == "0") return Value{false};
        return wrong_type(metric, "'" + std::string(text.substr(0, 64)) + "'");
    }
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [after, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc{} || after != end || !std::isfinite(number))
        return wrong_type(metric, "'" + std::string(text.substr(0, 64)) + "'");
    return Value{number};
}

Result<Value> check_setpoint(const MetricInfo& metric, const Value& value) {
    if (metric.kind == MetricKind::sensor)
        return Error{ErrorCode::forbidden, metric.name + " is a sensor and can't be set"};
    if (metric.type == ValueType::text) {
        if (!std::holds_alternative<std::string>(value)) return wrong_type(metric, kind_of(value));
        return value;
    }
    const auto number = as_number(value);
    if (!number) return wrong_type(metric, kind_of(value));
    if (metric.type == ValueType::boolean) {
        if (*number != 0 && *number != 1) return wrong_type(metric, format_number(*number));
        return Value{*number == 1};
    }
    if (std::holds_alternative<bool>(value)) return wrong_type(metric, "boolean");
    if (!std::isfinite(*number))
        return Error{ErrorCode::out_of_range, metric.name + " can't be set to a value that is not finite",
                     "allowed: " + range_text(metric)};
    LABHUB_CHECK(check_range(metric, *number));
    if (metric.type == ValueType::number) return Value{*number};
    if (std::floor(*number) != *number || std::abs(*number) > 9.0e15) return wrong_type(metric, format_number(*number));
    return Value{static_cast<std::int64_t>(*number)};
}

std::string range_text(const MetricInfo& metric) {
    const std::string unit = metric.unit.empty() ? "" : " " + metric.unit;
    if (metric.minimum && metric.maximum)
        return format_number(*metric.minimum) + " to " + format_number(*metric.maximum) + unit;
    if (metric.minimum) return "at least " + format_number(*metric.minimum) + unit;
    if (metric.maximum) return "at most " + format_number(*metric.maximum) + unit;
    return {};
}

Result<const MetricInfo*> find_metric(const std::vector<MetricInfo>& metrics, std::string_view name) {
    std::string known;
    for (const auto& metric : metrics) {
        if (metric.name == name) return &metric;
        known += (known.empty() ? "" : ", ") + metric.name;
    }
    return Error{ErrorCode::not_found, "no metric named '" + printable(name, 128) + "'", "there are: " + known};
}

}  // namespace labhub
