#include <algorithm>
#include <limits>
#include <utility>

#include "shared/base/text.hpp"
#include "shared/proto/sparkplug_b.pb.h"
#include "shared/sparkplug/codec.hpp"

namespace labhub::sparkplug {
namespace {

namespace pb = labhub::sparkplug_b;

/// Cuts to the declared width, then sign-extends: senders differ in how far they extend (Tahu Python to 8 bits only).
template <class Narrow>
Value narrowed(std::uint64_t bits) {
    return static_cast<std::int64_t>(static_cast<Narrow>(bits));
}

Value from_uint64(std::uint64_t bits) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (bits > kMost) return static_cast<double>(bits);
    return static_cast<std::int64_t>(bits);
}

/// The bits of an integer, from whichever of the two fields the sender used.
template <class Message>
std::optional<std::uint64_t> integer_bits(const Message& in) {
    if (in.value_case() == Message::kIntValue) return in.int_value();
    if (in.value_case() == Message::kLongValue) return in.long_value();
    return std::nullopt;
}

std::optional<Value> integer_of(std::uint64_t bits, DataType type) {
    switch (type) {
        case DataType::int8: return narrowed<std::int8_t>(bits);
        case DataType::int16: return narrowed<std::int16_t>(bits);
        case DataType::int32: return narrowed<std::int32_t>(bits);
        case DataType::int64:
        case DataType::datetime: return static_cast<std::int64_t>(bits);
        case DataType::uint8: return narrowed<std::uint8_t>(bits);
        case DataType::uint16: return narrowed<std::uint16_t>(bits);
        case DataType::uint32: return narrowed<std::uint32_t>(bits);
        case DataType::uint64: return from_uint64(bits);
        default: return std::nullopt;
    }
}

template <class Message>
std::optional<double> number_bits(const Message& in) {
    if (in.value_case() == Message::kDoubleValue) return in.double_value();
    if (in.value_case() == Message::kFloatValue) return in.float_value();
    return std::nullopt;
}

/// The value of a Metric or PropertyValue as `type`; nothing where the type isn't ours or the value sits in a field
/// that can't be of it.
template <class Message>
std::optional<Value> take_value(const Message& in, DataType type) {
    const auto target = value_type(type);
    if (!target) return std::nullopt;
    if (in.is_null() || in.value_case() == Message::VALUE_NOT_SET) return Value{};
    switch (*target) {
        case ValueType::boolean:
            if (in.value_case() != Message::kBooleanValue) return std::nullopt;
            return Value{in.boolean_value()};
        case ValueType::text:
            if (in.value_case() != Message::kStringValue || !is_utf8(in.string_value())) return std::nullopt;
            return Value{in.string_value()};
        case ValueType::number:
            if (const auto number = number_bits(in)) return finite(*number);
            return std::nullopt;
        case ValueType::integer:
            if (const auto bits = integer_bits(in)) return integer_of(*bits, type);
            return std::nullopt;
    }
    return std::nullopt;
}

/// A property without a type: the field it sits in tells.
DataType type_by_field(const pb::PropertyValue& in) {
    switch (in.value_case()) {
        case pb::PropertyValue::kIntValue: return DataType::int32;
        case pb::PropertyValue::kLongValue: return DataType::int64;
        case pb::PropertyValue::kFloatValue:
        case pb::PropertyValue::kDoubleValue: return DataType::float64;
        case pb::PropertyValue::kBooleanValue: return DataType::boolean;
        case pb::PropertyValue::kStringValue: return DataType::string;
        default: return DataType::unknown;
    }
}

/// 64–127 is uncertain and 192–255 good in the older OPC numbering some nodes still send; whatever we can't place is
/// not to be trusted.
Quality quality_of(const Value& value) {
    const auto* number = std::get_if<std::int64_t>(&value);
    if (!number) return Quality::bad;
    if (*number >= 64 && *number <= 127) return Quality::uncertain;
    if (*number >= 192 && *number <= 255) return Quality::good;
    if (*number == static_cast<int>(Quality::stale)) return Quality::stale;
    return Quality::bad;
}

void take_properties(const pb::PropertySet& in, Metric& metric) {
    const int count = std::min(in.keys_size(), in.values_size());
    for (int i = 0; i < count; ++i) {
        const auto& entry = in.values(i);
        const DataType type = entry.has_type() ? static_cast<DataType>(entry.type()) : type_by_field(entry);
        auto value = take_value(entry, type);
        if (!value || !is_utf8(in.keys(i))) continue;
        if (in.keys(i) == property::kQuality)
            metric.quality = quality_of(*value);
        else
            metric.properties[in.keys(i)] = std::move(*value);
    }
}

std::optional<UtcMillis> take_time(bool present, std::uint64_t millis) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!present || millis > kMost) return std::nullopt;
    return UtcMillis{static_cast<std::int64_t>(millis)};
}

enum class Taken { yes, unsupported, unknown };

/// Fills name and datatype, from the birth where the message leaves them out.
Taken identify(const pb::Metric& in, const MetricCatalog* births, Metric& metric) {
    if (in.has_alias()) metric.alias = in.alias();
    metric.name = in.name();
    if (metric.name.empty() && births && metric.alias) metric.name = births->name_of(*metric.alias);
    if (metric.name.empty() || !is_utf8(metric.name) || (births && !births->knows(metric.name))) return Taken::unknown;
    if (in.has_datatype() && in.datatype() != 0)
        metric.datatype = static_cast<DataType>(in.datatype());
    else if (births)
        metric.datatype = births->type_of(metric.name);
    return metric.datatype ? Taken::yes : Taken::unknown;
}

Taken take_metric(const pb::Metric& in, const MetricCatalog* births, Metric& metric) {
    if (const Taken identified = identify(in, births, metric); identified != Taken::yes) return identified;
    auto value = take_value(in, *metric.datatype);
    if (!value) return Taken::unsupported;
    metric.value = std::move(*value);
    metric.timestamp = take_time(in.has_timestamp(), in.timestamp());
    metric.is_historical = in.is_historical();
    metric.is_transient = in.is_transient();
    if (in.has_properties()) take_properties(in.properties(), metric);
    // A number that is not finite: null, and not to be trusted, whatever the sender says of it.
    const bool is_null = in.is_null() || in.value_case() == pb::Metric::VALUE_NOT_SET;
    if (!is_null && std::holds_alternative<std::monostate>(metric.value)) metric.quality = Quality::bad;
    return Taken::yes;
}

constexpr std::size_t kMostBadNames = 16;
constexpr const char* kCompressed = "SPBV1.0_COMPRESSED";

Result<void> check_payload(const pb::Payload& in) {
    if (in.uuid() == kCompressed)
        return Error{ErrorCode::unsupported, "the payload is compressed", "switch compression off at the sender"};
    if (in.has_seq() && in.seq() > 255)
        return Error{ErrorCode::malformed, "seq " + std::to_string(in.seq()) + " is out of range", "0 to 255"};
    return {};
}

}  // namespace

Result<Decoded> decode(std::string_view bytes, const MetricCatalog* births) {
    if (bytes.size() > kMaxPayloadBytes)
        return Error{ErrorCode::too_large, "a payload of " + std::to_string(bytes.size()) + " bytes is too large",
                     "at most " + std::to_string(kMaxPayloadBytes) + " bytes"};
    pb::Payload in;
    if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return Error{ErrorCode::malformed, "the bytes are not a Sparkplug B payload: " + printable(bytes, 32)};
    LABHUB_CHECK(check_payload(in));
    Decoded decoded;
    decoded.payload.timestamp = take_time(in.has_timestamp(), in.timestamp());
    if (in.has_seq()) decoded.payload.seq = static_cast<std::uint8_t>(in.seq());
    decoded.payload.uuid = in.uuid();
    decoded.payload.body = in.body();
    for (const auto& entry : in.metrics()) {
        Metric metric;
        const Taken taken = take_metric(entry, births, metric);
        if (taken == Taken::unsupported) ++decoded.unsupported;
        // Of a birth's metric that we can't read the name is still kept: its data is then known to be unsupported, not
        // unknown, which would ask for a rebirth each time.
        if (taken == Taken::yes || (taken == Taken::unsupported && !births))
            decoded.payload.metrics.push_back(std::move(metric));
        if (taken != Taken::unknown) continue;
        ++decoded.unknown;
        if (!is_utf8(entry.name()) && decoded.bad_names.size() < kMostBadNames)
            decoded.bad_names.push_back(entry.name());
    }
    return decoded;
}

void MetricCatalog::learn(const Payload& birth) {
    clear();
    for (const auto& metric : birth.metrics) {
        if (!metric.datatype || metric.name.empty()) continue;
        types_[metric.name] = *metric.datatype;
        if (metric.alias) names_[*metric.alias] = metric.name;
    }
}

void MetricCatalog::clear() {
    types_.clear();
    names_.clear();
}

std::optional<DataType> MetricCatalog::type_of(const std::string& name) const {
    const auto found = types_.find(name);
    return found == types_.end() ? std::nullopt : std::optional<DataType>(found->second);
}

std::string MetricCatalog::name_of(std::uint64_t alias) const {
    const auto found = names_.find(alias);
    return found == names_.end() ? std::string{} : found->second;
}

}  // namespace labhub::sparkplug
