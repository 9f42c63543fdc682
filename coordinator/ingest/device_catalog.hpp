#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordinator/ingest/defects.hpp"
#include "coordinator/ingest/events.hpp"
#include "coordinator/ingest/refused_metrics.hpp"
#include "coordinator/ingest/tally.hpp"
#include "coordinator/ingest/wire.hpp"
#include "shared/sparkplug/payload.hpp"

namespace labhub::coordinator::ingest {

/// Times a reading may have: not before a clock was set for the first time, not far ahead of ours.
struct SaneTimes {
    UtcMillis earliest, latest;
    static SaneTimes at(UtcMillis now);
    bool contains(UtcMillis time) const { return time >= earliest && time <= latest; }
};

/// Readings of one message that were left out as their times can't be.
struct RefusedTimes {
    std::uint64_t count = 0;
    std::uint32_t metric = 0;  ///< of the last one, in the schema
    UtcMillis time;            ///< what it said

    void add(std::uint32_t its_metric, UtcMillis its_time) {
        ++count;
        metric = its_metric;
        time = its_time;
    }
};

/// What one DDATA held, by where it goes.
struct DecodedData {
    std::vector<Sample> live, historical, transient;
    RefusedTimes refused;
    std::optional<std::int64_t> spool_position;
    std::vector<Defect> defects;         ///< what was left out and a birth could mend
    std::uint64_t unsupported = 0;       ///< values left out that are none of the type they should be
    std::uint32_t unsupported_last = 0;  ///< the metric of the last one, in the schema
    bool is_clock_unsure = false;        ///< the node's clock was not synchronised: what was good is uncertain
};

/// One device's metrics as its birth gave them, and the reading of its data by them: no name is copied, and the usual
/// message, which lists metrics in the order of the birth, needs no look-up. Thread: the ingest's.
class DeviceCatalog {
  public:
    /// From a birth's metrics. Those with a name or type we don't take are known, so that their data is no reason for a
    /// rebirth, but not part of the schema; counted in `tally`.
    DeviceCatalog(DeviceAddress device, const sparkplug::Payload& birth, Tally& tally);
    static constexpr std::size_t kMostRefused = 64;
    DeviceCatalog(DeviceCatalog&&) = default;
    DeviceCatalog& operator=(DeviceCatalog&&) = default;

    const DeviceSchemaPtr& schema() const { return schema_; }
    /// Metrics the birth named, those not taken among them, and about how many bytes are kept of them.
    std::size_t named() const { return entries_.size(); }
    std::size_t memory() const { return memory_; }
    /// The first of the birth's metrics that were not taken, at most kMostRefused; empty where all were.
    const std::vector<RefusedMetric>& refused() const { return refused_; }
    /// The samples of the birth itself.
    std::vector<Sample> birth_samples(const sparkplug::Payload& birth, UtcMillis fallback, const SaneTimes& times,
                                      RefusedTimes& refused) const;
    /// Error malformed where the bytes are no payload.
    Result<DecodedData> decode(std::string_view bytes, const PayloadHead& head, UtcMillis now, Tally& tally) const;

  private:
    static constexpr std::uint32_t kNotTaken = 0xFFFF'FFFF;
    struct Entry {
        std::string name;
        sparkplug::DataType type;
        std::uint32_t metric;  ///< index in the schema, or kNotTaken
    };

    const Entry* find(const MetricView& metric, std::size_t& guess) const;
    void take(MetricView& metric, const Entry& entry, UtcMillis fallback, const SaneTimes& times, DecodedData& data,
              Tally& tally) const;

    std::deque<Entry> entries_;  // a deque: the names must stay where by_name_ sees them
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::unordered_map<std::uint64_t, std::size_t> by_alias_;
    DeviceSchemaPtr schema_;
    std::size_t memory_ = 0;
    std::vector<RefusedMetric> refused_;
};

}  // namespace labhub::coordinator::ingest
