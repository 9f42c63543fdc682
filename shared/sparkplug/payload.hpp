#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"

namespace labhub::sparkplug {

/// Sparkplug B 3.0, 6.4.16. Those from dataset on are recognised, never decoded: no reading of ours has such a shape.
enum class DataType : std::uint32_t {
    unknown = 0,
    int8 = 1,
    int16 = 2,
    int32 = 3,
    int64 = 4,
    uint8 = 5,
    uint16 = 6,
    uint32 = 7,
    uint64 = 8,
    float32 = 9,
    float64 = 10,
    boolean = 11,
    string = 12,
    datetime = 13,
    text = 14,
    uuid = 15,
    dataset = 16,
    bytes = 17,
    file = 18,
    template_instance = 19,
    property_set = 20,
    property_set_list = 21,
    first_array = 22,
    last_array = 34,
};

/// The type we send a metric as: Boolean, Int64, Double, String. Never UInt32, which decoders read from two fields.
DataType wire_type(ValueType type);
/// What a received type becomes here; nothing for the types we don't decode.
std::optional<ValueType> value_type(DataType type);

/// Keys of metric properties. engUnit, engLow and engHigh, readOnly are the names Ignition uses.
namespace property {
inline constexpr const char* kQuality = "Quality";          ///< Int32, payloads-propertyset-quality-value-type
inline constexpr const char* kUnit = "engUnit";             ///< String: UCUM symbol
inline constexpr const char* kMinimum = "engLow";           ///< Double: inclusive, in the unit
inline constexpr const char* kMaximum = "engHigh";          ///< Double: inclusive, in the unit
inline constexpr const char* kReadOnly = "readOnly";        ///< Boolean: false for an actuator
inline constexpr const char* kSafeValue = "safeValue";      ///< as the metric's type: where an actuator goes by itself
inline constexpr const char* kDescription = "description";  ///< String: one line for people
/// Int64, on the first metric of a DDATA: every row of the node's spool up to and including this one has been sent in
/// this session. A message that is not the next one of an unbroken run from the last acknowledged row carries none.
/// After an NBIRTH (also one asked for by rebirth) the run begins again behind the last acknowledged row.
inline constexpr const char* kSpoolPosition = "spool_position";
/// String "unsynchronised", on the first metric of a DDATA: the times of all its readings were taken from a clock that
/// was not known to be right. Absent otherwise.
inline constexpr const char* kClock = "clock";
}  // namespace property

/// Names of the node's own metrics that have a meaning.
namespace node_metric {
inline constexpr const char* kBdSeq = "bdSeq";
inline constexpr const char* kRebirth = "Node Control/Rebirth";          ///< Boolean, false in the birth
inline constexpr const char* kAcknowledge = "Node Control/Acknowledge";  ///< Int64: spool position the host has stored
}  // namespace node_metric

/// One metric of a message.
struct Metric {
    std::string name;
    Value value;                         ///< monostate travels as is_null
    std::optional<DataType> datatype;    ///< sending: needed only for a null value, else follows from the value
    std::optional<UtcMillis> timestamp;  ///< sending: the payload's where absent
    Quality quality = Quality::good;     ///< travels as property Quality where not good
    bool is_historical = false;
    bool is_transient = false;
    std::optional<std::uint64_t> alias;       ///< never sent by us
    std::map<std::string, Value> properties;  ///< without Quality
};

/// One message's content.
struct Payload {
    std::optional<UtcMillis> timestamp;
    std::vector<Metric> metrics;
    std::optional<std::uint8_t> seq;
    std::string uuid;
    std::string body;
};

/// A metric of a birth: value, type, and what a host needs to know of it as properties.
Metric birth_metric(const MetricInfo& info, const Reading& reading);
/// A metric of a data message. `type` matters for a null value.
Metric data_metric(const Reading& reading, ValueType type, bool historical = false);
/// What a birth says of a metric; nothing for types we don't decode. Without property readOnly it is a sensor.
std::optional<MetricInfo> metric_info(const Metric& birth);
/// The reading a received metric holds, stamped with `fallback` (the payload's time) where it has no time of its own.
Reading reading_of(const Metric& metric, UtcMillis fallback);

/// The Will and the explicit death of a node: bdSeq alone and no seq (topics-ndeath-payload, payloads-ndeath-seq).
Payload node_death(std::uint8_t bd_seq, UtcMillis time);
/// An NCMD: one metric, no seq (payloads-ncmd-seq). For kRebirth give true, for kAcknowledge the position.
Payload node_command(std::string metric, Value value, UtcMillis time);
/// The bdSeq a birth or death carries; nothing where it has none or one outside 0–255.
std::optional<std::uint8_t> bd_seq_of(const Payload& payload);

}  // namespace labhub::sparkplug
