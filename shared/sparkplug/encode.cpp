#include <cmath>
#include <utility>

#include "shared/base/text.hpp"
#include "shared/proto/sparkplug_b.pb.h"
#include "shared/sparkplug/codec.hpp"

namespace labhub::sparkplug {
namespace {

namespace pb = labhub::sparkplug_b;

bool carries_seq(MessageType type) {
    return type != MessageType::ndeath && type != MessageType::ncmd && type != MessageType::dcmd;
}

bool is_birth(MessageType type) { return type == MessageType::nbirth || type == MessageType::dbirth; }

std::optional<DataType> type_of_value(const Value& value) {
    switch (value.index()) {
        case 1: return DataType::boolean;
        case 2: return DataType::int64;
        case 3: return DataType::float64;
        case 4: return DataType::string;
        default: return std::nullopt;
    }
}

Error bad_metric(const Metric& metric, std::string_view why, std::string detail = {}) {
    return Error{ErrorCode::malformed, "metric '" + printable(metric.name, 64) + "' " + std::string(why),
                 std::move(detail)};
}

/// The datatype the metric goes out with, where the value fits it.
Result<DataType> sending_type(const Metric& metric) {
    const auto natural = type_of_value(metric.value);
    if (!natural && !metric.datatype) return bad_metric(metric, "has neither a value nor a datatype");
    const DataType type = metric.datatype.value_or(natural.value_or(DataType::unknown));
    const bool sendable =
        type == DataType::boolean || type == DataType::int64 || type == DataType::float64 || type == DataType::string;
    if (!sendable) return bad_metric(metric, "has a datatype we don't send", "Boolean, Int64, Double or String");
    const bool widened = type == DataType::float64 && natural == DataType::int64;
    if (natural && *natural != type && !widened) return bad_metric(metric, "has a value that is not of its datatype");
    return type;
}

/// Writes the value into a Metric or PropertyValue: both have fields of these names.
template <class Message>
Result<void> put_value(Message& out, const Value& value, DataType type) {
    if (std::holds_alternative<std::monostate>(value)) {
        out.set_is_null(true);
    } else if (type == DataType::float64) {
        const double number = *as_number(value);
        if (!std::isfinite(number))
            return Error{ErrorCode::malformed, "a value that is not finite can't be sent", "null"};
        out.set_double_value(number);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
        out.set_boolean_value(*flag);
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        out.set_long_value(static_cast<std::uint64_t>(*integer));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        if (!is_utf8(*text)) return Error{ErrorCode::malformed, "text '" + printable(*text, 64) + "' is not UTF-8"};
        out.set_string_value(*text);
    }
    return {};
}

void put_quality(pb::PropertySet& out, Quality quality) {
    out.add_keys(property::kQuality);
    auto& value = *out.add_values();
    value.set_type(static_cast<std::uint32_t>(DataType::int32));
    value.set_int_value(static_cast<std::uint32_t>(quality));
}

Result<void> put_properties(pb::Metric& out, const Metric& metric) {
    if (metric.properties.empty() && is_usable(metric.quality)) return {};
    auto& set = *out.mutable_properties();
    if (!is_usable(metric.quality)) put_quality(set, metric.quality);
    for (const auto& [key, value] : metric.properties) {
        const auto type = type_of_value(value);
        if (!type) return bad_metric(metric, "has a property without a value: " + key);
        set.add_keys(key);
        auto& entry = *set.add_values();
        entry.set_type(static_cast<std::uint32_t>(*type));
        LABHUB_CHECK(put_value(entry, value, *type));
    }
    return {};
}

Result<void> put_metric(pb::Metric& out, const Metric& metric, UtcMillis fallback) {
    if (metric.name.empty()) return bad_metric(metric, "has no name");
    if (!is_utf8(metric.name)) return bad_metric(metric, "has a name that is not UTF-8");
    LABHUB_TRY(const DataType type, sending_type(metric));
    out.set_name(metric.name);
    out.set_timestamp(static_cast<std::uint64_t>(metric.timestamp.value_or(fallback).count));
    out.set_datatype(static_cast<std::uint32_t>(type));
    if (metric.is_historical) out.set_is_historical(true);
    if (metric.is_transient) out.set_is_transient(true);
    if (auto put = put_value(out, metric.value, type); !put) return put.error().within("metric '" + metric.name + "'");
    return put_properties(out, metric);
}

Error against_rule(MessageType type, std::string_view what) {
    return Error{ErrorCode::malformed, std::string(to_string(type)) + " " + std::string(what)};
}

Result<void> check_rules(MessageType type, const Payload& payload) {
    if (!payload.timestamp) return against_rule(type, "needs a timestamp (payloads-timestamp-in-UTC)");
    if (payload.timestamp->count < 0) return against_rule(type, "has a timestamp before 1970");
    if (carries_seq(type) && !payload.seq)
        return against_rule(type, "needs a seq (payloads-sequence-num-always-included)");
    if (!carries_seq(type) && payload.seq) return against_rule(type, "must not carry a seq");
    if (type == MessageType::nbirth && *payload.seq != 0)
        return against_rule(type, "must carry seq 0 (topics-nbirth-seq-num)");
    if (type == MessageType::ndeath && (payload.metrics.size() != 1 || !bd_seq_of(payload)))
        return against_rule(type, "holds exactly one metric, bdSeq from 0 to 255 (topics-ndeath-payload)");
    if (type == MessageType::nbirth && !bd_seq_of(payload))
        return against_rule(type, "needs the metric bdSeq (topics-nbirth-bdseq-included)");
    if (type == MessageType::ddeath && !payload.metrics.empty()) return against_rule(type, "has no metrics");
    if (!is_birth(type)) return {};
    for (const auto& metric : payload.metrics)
        if (metric.is_historical) return bad_metric(metric, "is historical, which a birth can't be");
    return {};
}

}  // namespace

Result<std::string> encode(MessageType type, const Payload& payload) {
    LABHUB_CHECK(check_rules(type, payload));
    pb::Payload out;
    out.set_timestamp(static_cast<std::uint64_t>(payload.timestamp->count));
    if (payload.seq) out.set_seq(*payload.seq);
    if (!payload.uuid.empty()) out.set_uuid(payload.uuid);
    if (!payload.body.empty()) out.set_body(payload.body);
    for (const auto& metric : payload.metrics) LABHUB_CHECK(put_metric(*out.add_metrics(), metric, *payload.timestamp));
    std::string bytes;
    if (!out.SerializeToString(&bytes)) return Error{ErrorCode::internal, "the payload can't be serialised"};
    if (bytes.size() > kMaxPayloadBytes)
        return Error{ErrorCode::too_large, "a payload of " + std::to_string(bytes.size()) + " bytes is too large",
                     "at most " + std::to_string(kMaxPayloadBytes) + " bytes"};
    return bytes;
}

}  // namespace labhub::sparkplug
