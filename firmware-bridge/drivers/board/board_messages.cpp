#include "firmware-bridge/drivers/board/board_messages.hpp"

#include <cmath>
#include <utility>

#include "shared/base/ids.hpp"

namespace labhub::firmware_bridge {
namespace {

namespace wire = labhub::board;

// The fixed sizes of shared/proto/board.options.
constexpr std::size_t kMaxTexts = 2;
constexpr std::size_t kMaxTextBytes = 256;

ValueType to_type(wire::Type type) {
    switch (type) {
        case wire::INTEGER: return ValueType::integer;
        case wire::BOOLEAN: return ValueType::boolean;
        case wire::PIXELS: return ValueType::text;
        default: return ValueType::number;
    }
}

Error corrupt(std::string what) {
    return {ErrorCode::corrupt, "the board's answer makes no sense: " + std::move(what)};
}

Reading make_reading(const MetricInfo& metric, Value value, UtcMillis time) {
    const bool had = !std::holds_alternative<std::monostate>(value);
    return {metric.name, std::move(value), time, had ? Quality::good : Quality::bad};
}

/// Adds one value to the message, if it is of the metric's sort. Limits are the board's to judge.
Result<void> add(wire::Write& write, std::uint32_t channel, const MetricInfo& metric, const Value& value) {
    const auto* text = std::get_if<std::string>(&value);
    const auto number = as_number(value);
    if ((metric.type == ValueType::text) != (text != nullptr) || (text == nullptr && !number))
        return Error{ErrorCode::malformed, metric.name + " can't be set to " + to_string(value),
                     "it takes a value of type " + std::string(to_string(metric.type))};
    if (text == nullptr) {
        auto& entry = *write.add_numbers();
        entry.set_channel(channel);
        entry.set_number(*number);
        return {};
    }
    if (text->size() > kMaxTextBytes)
        return Error{ErrorCode::too_large, "the text for " + metric.name + " is longer than a board takes",
                     "at most " + std::to_string(kMaxTextBytes) + " bytes"};
    auto& entry = *write.add_texts();
    entry.set_channel(channel);
    entry.set_text(*text);
    return {};
}

}  // namespace

Value to_value(const MetricInfo& metric, double number) {
    if (!std::isfinite(number)) return {};
    if (metric.type == ValueType::boolean) return number != 0;
    if (metric.type == ValueType::integer) return static_cast<std::int64_t>(std::llround(number));
    return number;
}

Result<MetricInfo> to_metric(const wire::Channel& channel) {
    if (auto named = check_name("metric name", channel.name()); !named) return corrupt(named.error().to_string());
    MetricInfo metric;
    metric.name = channel.name();
    metric.kind = channel.kind() == wire::OUTPUT ? MetricKind::actuator : MetricKind::sensor;
    metric.type = to_type(channel.type());
    metric.unit = channel.unit();
    metric.description = channel.description();
    // A switch has no limits worth telling anyone.
    const bool limited = metric.type == ValueType::number || metric.type == ValueType::integer;
    if (limited && channel.has_minimum()) metric.minimum = channel.minimum();
    if (limited && channel.has_maximum()) metric.maximum = channel.maximum();
    if (metric.kind == MetricKind::sensor) return metric;
    metric.safe_value = to_value(metric, channel.safe_number());
    if (metric.type == ValueType::text) metric.safe_value = channel.safe_text();
    if (auto safe = check_setpoint(metric, metric.safe_value); !safe)
        return corrupt("the safe value of " + metric.name + ": " + safe.error().to_string());
    return metric;
}

Result<wire::Write> to_write(const std::vector<MetricInfo>& metrics, const std::vector<Setpoint>& setpoints) {
    wire::Write write;
    for (const auto& setpoint : setpoints) {
        LABHUB_TRY(const MetricInfo* metric, find_metric(metrics, setpoint.metric));
        const auto channel = static_cast<std::uint32_t>(metric - metrics.data());
        LABHUB_CHECK(add(write, channel, *metric, setpoint.value));
    }
    const auto numbers = static_cast<std::size_t>(write.numbers_size());
    if (numbers > kMaxNumbersInWrite || static_cast<std::size_t>(write.texts_size()) > kMaxTexts)
        return Error{
            ErrorCode::too_many, "a board takes fewer values in one write",
            "at most " + std::to_string(kMaxNumbersInWrite) + " numbers and " + std::to_string(kMaxTexts) + " texts"};
    return write;
}

std::vector<Reading> to_readings(const std::vector<MetricInfo>& metrics, std::vector<Value> values, UtcMillis time) {
    std::vector<Reading> readings;
    readings.reserve(metrics.size());
    for (std::size_t i = 0; i < metrics.size(); ++i)
        readings.push_back(make_reading(metrics[i], std::move(values[i]), time));
    return readings;
}

Result<std::vector<Reading>> to_readings(const std::vector<MetricInfo>& metrics, const wire::Applied& applied,
                                         UtcMillis time) {
    std::vector<Reading> readings;
    for (const auto& entry : applied.numbers()) {
        if (entry.channel() >= metrics.size())
            return corrupt("it answers for channel " + std::to_string(entry.channel()));
        const auto& metric = metrics[entry.channel()];
        readings.push_back(make_reading(metric, to_value(metric, entry.number()), time));
    }
    for (const auto& entry : applied.texts()) {
        if (entry.channel() >= metrics.size())
            return corrupt("it answers for channel " + std::to_string(entry.channel()));
        readings.push_back(make_reading(metrics[entry.channel()], entry.text(), time));
    }
    return readings;
}

Error to_error(const wire::Failure& failure) {
    auto code = ErrorCode::internal;
    switch (failure.code()) {
        case wire::NO_SUCH_CHANNEL: code = ErrorCode::not_found; break;
        case wire::NOT_AN_OUTPUT: code = ErrorCode::forbidden; break;
        case wire::WRONG_VALUE: code = ErrorCode::malformed; break;
        case wire::OUT_OF_RANGE: code = ErrorCode::out_of_range; break;
        case wire::TOO_OLD: code = ErrorCode::conflict; break;
        case wire::WRONG_PROTOCOL: code = ErrorCode::unsupported; break;
        case wire::HELLO_FIRST:
        case wire::NO_HEARTBEAT:
        case wire::HARDWARE: code = ErrorCode::unavailable; break;
        default: break;
    }
    return {code, "the board refused: " + failure.text()};
}

}  // namespace labhub::firmware_bridge
