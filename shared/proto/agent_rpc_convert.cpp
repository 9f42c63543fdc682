#include "shared/proto/agent_rpc_convert.hpp"

#include <variant>

#include "shared/base/text.hpp"

namespace labhub::rpc {
namespace {

/// proto3 strings must be UTF-8, or the peer's parser refuses the whole message.
std::string text_for_wire(const std::string& text) { return is_utf8(text) ? text : printable(text, text.size()); }

Quality quality_of(int number) {
    for (const Quality known : {Quality::good, Quality::stale})
        if (static_cast<int>(known) == number) return known;
    return Quality::bad;
}

template <class Wire, class Ours>
google::protobuf::RepeatedPtrField<Wire> all_to_rpc(const std::vector<Ours>& items) {
    google::protobuf::RepeatedPtrField<Wire> wire;
    wire.Reserve(static_cast<int>(items.size()));
    for (const auto& item : items) *wire.Add() = to_rpc(item);
    return wire;
}

template <class Ours, class Wire>
std::vector<Ours> all_from_rpc(const google::protobuf::RepeatedPtrField<Wire>& wire) {
    std::vector<Ours> items;
    items.reserve(static_cast<std::size_t>(wire.size()));
    for (const auto& item : wire) items.push_back(from_rpc(item));
    return items;
}

}  // namespace

Value to_rpc(const labhub::Value& value) {
    Value wire;
    if (const auto* boolean = std::get_if<bool>(&value)) wire.set_boolean(*boolean);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) wire.set_integer(*integer);
    if (const auto* number = std::get_if<double>(&value)) wire.set_number(*number);
    if (const auto* text = std::get_if<std::string>(&value)) wire.set_text(text_for_wire(*text));
    return wire;
}

labhub::Value from_rpc(const Value& value) {
    switch (value.kind_case()) {
        case Value::kBoolean: return value.boolean();
        case Value::kInteger: return std::int64_t{value.integer()};
        case Value::kNumber: return finite(value.number());
        case Value::kText: return value.text();
        case Value::KIND_NOT_SET: break;
    }
    return std::monostate{};
}

Reading to_rpc(const labhub::Reading& reading) {
    Reading wire;
    wire.set_metric(text_for_wire(reading.metric));
    *wire.mutable_value() = to_rpc(reading.value);
    wire.set_time_ms(reading.time.count);
    wire.set_quality(static_cast<int>(reading.quality));
    return wire;
}

labhub::Reading from_rpc(const Reading& reading) {
    return {reading.metric(), from_rpc(reading.value()), UtcMillis{reading.time_ms()}, quality_of(reading.quality())};
}

Readings to_rpc(const std::vector<labhub::Reading>& readings) { return all_to_rpc<Reading>(readings); }
std::vector<labhub::Reading> from_rpc(const Readings& readings) { return all_from_rpc<labhub::Reading>(readings); }

Setpoint to_rpc(const labhub::Setpoint& setpoint) {
    Setpoint wire;
    wire.set_metric(text_for_wire(setpoint.metric));
    *wire.mutable_value() = to_rpc(setpoint.value);
    return wire;
}

labhub::Setpoint from_rpc(const Setpoint& setpoint) { return {setpoint.metric(), from_rpc(setpoint.value())}; }

Setpoints to_rpc(const std::vector<labhub::Setpoint>& setpoints) { return all_to_rpc<Setpoint>(setpoints); }
std::vector<labhub::Setpoint> from_rpc(const Setpoints& setpoints) { return all_from_rpc<labhub::Setpoint>(setpoints); }

Failure to_rpc(const Error& error) {
    Failure wire;
    wire.set_code(std::string(code_name(error.code)));
    wire.set_message(text_for_wire(error.message));
    wire.set_detail(text_for_wire(error.detail));
    return wire;
}

Error from_rpc(const Failure& failure) {
    return Error{code_from_name(failure.code()), failure.message(), failure.detail()};
}

}  // namespace labhub::rpc
