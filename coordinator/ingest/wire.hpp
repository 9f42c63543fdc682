#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/value.hpp"
#include "shared/sparkplug/payload.hpp"

namespace labhub::coordinator::ingest {

inline constexpr std::uint32_t kMetricField = 2;  ///< Payload.metrics in shared/proto/sparkplug_b.proto

/// Reads the fields of one protocol buffers message where they lie, without copying. Anything that is no such message
/// makes good() false and ends it.
class FieldReader {
  public:
    explicit FieldReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    /// Steps to the next field and reads its content; false at the end and where the bytes are no message.
    bool next();
    bool good() const { return good_; }
    std::uint32_t field() const { return field_; }
    /// Protocol buffers' own: 0 varint, 1 eight bytes, 2 text with its length, 5 four bytes. A field of another one
    /// than its number asks for is to be passed over.
    std::uint32_t wire_type() const { return wire_type_; }
    bool is_varint() const { return wire_type_ == 0; }
    bool is_text() const { return wire_type_ == 2; }
    /// A varint, or the bits of a fixed-size field.
    std::uint64_t bits() const { return bits_; }
    std::string_view text() const { return text_; }

  private:
    bool varint(std::uint64_t& value) {
        // Nearly every tag and length is one byte.
        if (at_ < end_ && static_cast<std::uint8_t>(*at_) < 0x80) {
            value = static_cast<std::uint8_t>(*at_++);
            return true;
        }
        return long_varint(value);
    }
    bool long_varint(std::uint64_t& value);
    template <class Bits>
    bool fixed();
    bool fail() { return good_ = false; }

    const char* at_;
    const char* end_;
    bool good_ = true;
    std::uint32_t field_ = 0, wire_type_ = 0;
    std::uint64_t bits_ = 0;
    std::string_view text_;
};

/// What a payload says beside its metrics.
struct PayloadHead {
    std::optional<std::uint64_t> timestamp;
    std::optional<std::uint64_t> seq;
    std::string_view uuid, body;
    std::size_t metrics = 0;
};
/// One pass over the outermost fields. Error malformed where the bytes are no payload or seq is not 0–255.
Result<PayloadHead> read_head(std::string_view bytes);

/// A metric as it lies in the bytes of a payload.
struct MetricView {
    enum class Field : std::uint8_t { none, int_value, long_value, float_value, double_value, boolean, string, other };

    std::string_view name;
    std::optional<std::uint64_t> alias, timestamp;
    std::uint32_t datatype = 0;  ///< 0: none given
    bool is_historical = false, is_transient = false, is_null = false;
    Field field = Field::none;
    std::uint64_t bits = 0;
    std::string_view text;
    Quality quality = Quality::good;
    std::optional<std::int64_t> spool_position;
    bool is_clock_unsure = false;  ///< property "clock" says something: the times of the whole message may be wrong
};
/// False where the bytes are no metric.
bool read_metric(std::string_view bytes, MetricView& metric);

/// The value as `type`, which becomes a `target` here, by the same leniency as sparkplug::decode: integers cut to their
/// width and sign-extended, numbers that are not finite null and of bad quality. Nothing where it sits in a field that
/// can't be of that type.
std::optional<Value> value_of(MetricView& metric, sparkplug::DataType type, ValueType target);

}  // namespace labhub::coordinator::ingest
