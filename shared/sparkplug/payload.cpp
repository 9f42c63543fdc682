#include "shared/sparkplug/payload.hpp"

#include <utility>

namespace labhub::sparkplug {
namespace {

/// Values of one type for a host that asks for doubles only: limits.
std::optional<double> number_property(const Metric& metric, const char* key) {
    const auto found = metric.properties.find(key);
    return found == metric.properties.end() ? std::nullopt : as_number(found->second);
}

std::string text_property(const Metric& metric, const char* key) {
    const auto found = metric.properties.find(key);
    if (found == metric.properties.end()) return {};
    const auto* text = std::get_if<std::string>(&found->second);
    return text ? *text : std::string{};
}

}  // namespace

DataType wire_type(ValueType type) {
    switch (type) {
        case ValueType::boolean: return DataType::boolean;
        case ValueType::integer: return DataType::int64;
        case ValueType::number: return DataType::float64;
        case ValueType::text: return DataType::string;
    }
    return DataType::string;
}

std::optional<ValueType> value_type(DataType type) {
    switch (type) {
        case DataType::int8:
        case DataType::int16:
        case DataType::int32:
        case DataType::int64:
        case DataType::uint8:
        case DataType::uint16:
        case DataType::uint32:
        case DataType::uint64:
        case DataType::datetime: return ValueType::integer;
        case DataType::float32:
        case DataType::float64: return ValueType::number;
        case DataType::boolean: return ValueType::boolean;
        case DataType::string:
        case DataType::text:
        case DataType::uuid: return ValueType::text;
        default: return std::nullopt;
    }
}

Metric data_metric(const Reading& reading, ValueType type, bool historical) {
    Metric metric;
    metric.name = reading.metric;
    metric.value = reading.value;
    metric.datatype = wire_type(type);
    metric.timestamp = reading.time;
    metric.quality = reading.quality;
    metric.is_historical = historical;
    return metric;
}

Metric birth_metric(const MetricInfo& info, const Reading& reading) {
    Metric metric = data_metric(reading, info.type);
    metric.name = info.name;
    metric.properties[property::kReadOnly] = info.kind == MetricKind::sensor;
    if (!info.unit.empty()) metric.properties[property::kUnit] = info.unit;
    if (!info.description.empty()) metric.properties[property::kDescription] = info.description;
    if (info.minimum) metric.properties[property::kMinimum] = *info.minimum;
    if (info.maximum) metric.properties[property::kMaximum] = *info.maximum;
    if (!std::holds_alternative<std::monostate>(info.safe_value))
        metric.properties[property::kSafeValue] = info.safe_value;
    return metric;
}

std::optional<MetricInfo> metric_info(const Metric& birth) {
    const auto type = birth.datatype ? value_type(*birth.datatype) : std::nullopt;
    if (!type) return std::nullopt;
    MetricInfo info;
    info.name = birth.name;
    info.type = *type;
    info.unit = text_property(birth, property::kUnit);
    info.description = text_property(birth, property::kDescription);
    info.minimum = number_property(birth, property::kMinimum);
    info.maximum = number_property(birth, property::kMaximum);
    const auto read_only = birth.properties.find(property::kReadOnly);
    const bool writable = read_only != birth.properties.end() && read_only->second == Value{false};
    info.kind = writable ? MetricKind::actuator : MetricKind::sensor;
    const auto safe = birth.properties.find(property::kSafeValue);
    if (safe != birth.properties.end()) info.safe_value = safe->second;
    return info;
}

Reading reading_of(const Metric& metric, UtcMillis fallback) {
    return Reading{metric.name, metric.value, metric.timestamp.value_or(fallback), metric.quality};
}

Payload node_death(std::uint8_t bd_seq, UtcMillis time) {
    Metric metric;
    metric.name = node_metric::kBdSeq;
    metric.value = std::int64_t{bd_seq};
    metric.timestamp = time;
    Payload payload;
    payload.timestamp = time;
    payload.metrics.push_back(std::move(metric));
    return payload;
}

Payload node_command(std::string name, Value value, UtcMillis time) {
    Metric metric;
    metric.name = std::move(name);
    metric.value = std::move(value);
    metric.timestamp = time;
    Payload payload;
    payload.timestamp = time;
    payload.metrics.push_back(std::move(metric));
    return payload;
}

std::optional<std::uint8_t> bd_seq_of(const Payload& payload) {
    for (const auto& metric : payload.metrics) {
        if (metric.name != node_metric::kBdSeq) continue;
        const auto* number = std::get_if<std::int64_t>(&metric.value);
        if (number && *number >= 0 && *number <= 255) return static_cast<std::uint8_t>(*number);
    }
    return std::nullopt;
}

}  // namespace labhub::sparkplug
