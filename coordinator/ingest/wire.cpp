#include "coordinator/ingest/wire.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

using sparkplug::DataType;

constexpr std::size_t kMaxProperties = 16;
constexpr std::uint32_t kLengthDelimited = 2;

Error not_a_payload(std::string_view bytes) {
    return Error{ErrorCode::malformed, "the bytes are not a Sparkplug B payload: " + printable(bytes, 32)};
}

/// 64–127 is uncertain and 192–255 good in the older OPC numbering some nodes still send; whatever we can't place is
/// not to be trusted.
Quality quality_of(std::int64_t number) {
    if (number >= 64 && number <= 127) return Quality::uncertain;
    if (number >= 192 && number <= 255) return Quality::good;
    return number == static_cast<int>(Quality::stale) ? Quality::stale : Quality::bad;
}

/// The integer in a PropertyValue (fields 3 and 4), whatever type it says.
std::optional<std::int64_t> integer_property(std::string_view bytes) {
    std::optional<std::int64_t> number;
    FieldReader reader(bytes);
    while (reader.next()) {
        if (reader.field() == 3 && reader.is_varint())
            number = static_cast<std::int32_t>(reader.bits());
        else if (reader.field() == 4 && reader.is_varint())
            number = static_cast<std::int64_t>(reader.bits());
    }
    return reader.good() ? number : std::nullopt;
}

/// PropertySet: keys in field 1, values in field 2, two lists of equal length.
bool read_properties(std::string_view bytes, MetricView& metric) {
    std::array<std::string_view, kMaxProperties> keys, values;
    std::size_t key_count = 0, value_count = 0;
    FieldReader reader(bytes);
    while (reader.next()) {
        if (!reader.is_text()) continue;
        if (reader.field() == 1 && key_count < kMaxProperties) keys[key_count++] = reader.text();
        if (reader.field() == 2 && value_count < kMaxProperties) values[value_count++] = reader.text();
    }
    for (std::size_t i = 0; i < std::min(key_count, value_count); ++i) {
        if (keys[i] == sparkplug::property::kQuality) {
            const auto number = integer_property(values[i]);
            metric.quality = number ? quality_of(*number) : Quality::bad;
        } else if (keys[i] == sparkplug::property::kSpoolPosition) {
            metric.spool_position = integer_property(values[i]);
        } else if (keys[i] == sparkplug::property::kClock) {
            metric.is_clock_unsure = true;
        }
    }
    return reader.good();
}

/// Fields 10 to 19 are one `oneof`: the last one given counts.
void take_value_field(const FieldReader& reader, MetricView& metric) {
    using Field = MetricView::Field;
    struct Kind {
        Field field;
        std::uint32_t wire_type;
    };
    constexpr Kind kKinds[] = {{Field::int_value, 0},    {Field::long_value, 0}, {Field::float_value, 5},
                               {Field::double_value, 1}, {Field::boolean, 0},    {Field::string, 2}};
    const std::uint32_t number = reader.field() - 10;
    const Kind kind = number < std::size(kKinds) ? kKinds[number] : Kind{Field::other, kLengthDelimited};
    if (reader.wire_type() != kind.wire_type) return;
    metric.field = kind.field;
    metric.bits = reader.bits();
    metric.text = reader.text();
}

void take_number(const FieldReader& reader, MetricView& metric) {
    switch (reader.field()) {
        case 2: metric.alias = reader.bits(); break;
        case 3: metric.timestamp = reader.bits(); break;
        case 4: metric.datatype = static_cast<std::uint32_t>(reader.bits()); break;
        case 5: metric.is_historical = reader.bits() != 0; break;
        case 6: metric.is_transient = reader.bits() != 0; break;
        case 7: metric.is_null = reader.bits() != 0; break;
        default: break;
    }
}

template <class Narrow>
Value narrowed(std::uint64_t bits) {
    return static_cast<std::int64_t>(static_cast<Narrow>(bits));
}

Value integer_of(std::uint64_t bits, DataType type) {
    switch (type) {
        case DataType::int8: return narrowed<std::int8_t>(bits);
        case DataType::int16: return narrowed<std::int16_t>(bits);
        case DataType::int32: return narrowed<std::int32_t>(bits);
        case DataType::uint8: return narrowed<std::uint8_t>(bits);
        case DataType::uint16: return narrowed<std::uint16_t>(bits);
        case DataType::uint32: return narrowed<std::uint32_t>(bits);
        case DataType::uint64:
            if (bits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                return static_cast<double>(bits);
            [[fallthrough]];
        default: return static_cast<std::int64_t>(bits);
    }
}

Value number_of(MetricView& metric) {
    const double number = metric.field == MetricView::Field::double_value
                              ? std::bit_cast<double>(metric.bits)
                              : std::bit_cast<float>(static_cast<std::uint32_t>(metric.bits));
    if (std::isfinite(number)) return number;
    metric.quality = Quality::bad;
    return {};
}

}  // namespace

bool FieldReader::long_varint(std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && at_ < end_; shift += 7) {
        const auto byte = static_cast<std::uint8_t>(*at_++);
        value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) return true;
    }
    return fail();
}

template <class Bits>
bool FieldReader::fixed() {
    Bits bits = 0;
    if (static_cast<std::size_t>(end_ - at_) < sizeof bits) return fail();
    // Little-endian on the wire, as on every machine this runs on.
    std::memcpy(&bits, at_, sizeof bits);
    at_ += sizeof bits;
    bits_ = bits;
    return true;
}

bool FieldReader::next() {
    if (at_ >= end_ || !good_) return false;
    std::uint64_t tag = 0, length = 0;
    if (!varint(tag)) return false;
    field_ = static_cast<std::uint32_t>(tag >> 3);
    wire_type_ = static_cast<std::uint32_t>(tag & 7);
    if (field_ == 0 || tag > std::numeric_limits<std::uint32_t>::max()) return fail();
    text_ = {};
    switch (wire_type_) {
        case 0: return varint(bits_);
        case 1: return fixed<std::uint64_t>();
        case kLengthDelimited:
            if (!varint(length) || length > static_cast<std::uint64_t>(end_ - at_)) return fail();
            text_ = {at_, static_cast<std::size_t>(length)};
            at_ += length;
            return true;
        case 5: return fixed<std::uint32_t>();
        default: return fail();
    }
}

Result<PayloadHead> read_head(std::string_view bytes) {
    PayloadHead head;
    FieldReader reader(bytes);
    while (reader.next()) {
        switch (reader.field()) {
            case 1:
                if (reader.is_varint()) head.timestamp = reader.bits();
                break;
            case 2: head.metrics += reader.is_text() ? 1 : 0; break;
            case 3:
                if (reader.is_varint()) head.seq = reader.bits();
                break;
            case 4:
                if (reader.is_text()) head.uuid = reader.text();
                break;
            case 5:
                if (reader.is_text()) head.body = reader.text();
                break;
            default: break;
        }
    }
    if (!reader.good()) return not_a_payload(bytes);
    if (head.seq && *head.seq > 255)
        return Error{ErrorCode::malformed, "seq " + std::to_string(*head.seq) + " is out of range", "0 to 255"};
    return head;
}

bool read_metric(std::string_view bytes, MetricView& metric) {
    FieldReader reader(bytes);
    while (reader.next()) {
        if (reader.field() >= 10 && reader.field() <= 19)
            take_value_field(reader, metric);
        else if (reader.is_varint())
            take_number(reader, metric);
        else if (reader.is_text() && reader.field() == 1)
            metric.name = reader.text();
        else if (reader.is_text() && reader.field() == 9 && !read_properties(reader.text(), metric))
            return false;
    }
    return reader.good();
}

std::optional<Value> value_of(MetricView& metric, DataType type, ValueType target) {
    using Field = MetricView::Field;
    if (metric.is_null || metric.field == Field::none) return Value{};
    switch (target) {
        case ValueType::number:
            if (metric.field != Field::double_value && metric.field != Field::float_value) return std::nullopt;
            return number_of(metric);
        case ValueType::integer:
            if (metric.field != Field::int_value && metric.field != Field::long_value) return std::nullopt;
            return integer_of(metric.field == Field::int_value ? static_cast<std::uint32_t>(metric.bits) : metric.bits,
                              type);
        case ValueType::boolean:
            if (metric.field != Field::boolean) return std::nullopt;
            return Value{metric.bits != 0};
        case ValueType::text:
            if (metric.field != Field::string || !is_utf8(metric.text)) return std::nullopt;
            return Value{std::string(metric.text)};
    }
    return std::nullopt;
}

}  // namespace labhub::coordinator::ingest
