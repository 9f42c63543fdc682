#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "coordinator/domain/telemetry/intake.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"

namespace labhub::coordinator::telemetry {

/// Turns groups of samples into what the store takes: each metric of a birth is resolved to its series once, and a
/// sample costs an index. Thread: the recorder's. The store must outlive it.
class SeriesWriter {
  public:
    explicit SeriesWriter(store::TelemetryStore& store) : store_(store) {}

    /// Devices were born: remembers their units and lets go of schemas nobody uses any more.
    void learn(const std::vector<ingest::DeviceSchemaPtr>& schemas);
    /// Stores a whole group or nothing of it; transient samples are left out. What it says of spools is stored with it.
    /// Errors as TelemetryStore::append.
    Result<store::StoreCounts> store(const SampleGroup& group);
    /// How far each node's spool is stored, by the group that was stored last. A node of which samples could not be
    /// stored, because the store has too many series, must not be told that everything is: from then on, until it is
    /// born again and sends all that isn't acknowledged, its positions are left out.
    const std::map<NodeId, std::int64_t>& positions() const { return positions_; }

  private:
    struct Known {
        ingest::DeviceSchemaPtr schema;       ///< held, so that no other schema can have its address
        std::vector<store::SeriesId> series;  ///< by metric; SeriesId{} where there is none to be had
    };
    /// The birth since which some of a node's samples were not stored.
    using Incomplete = std::map<NodeId, ingest::NodeSpoolPtr>;
    struct Position {
        std::int64_t position = 0;
        const ingest::NodeSpool* spool = nullptr;
    };
    const Known& known(const ingest::DeviceSchemaPtr& schema);
    /// Whether all of them can be stored.
    bool take(const ingest::Samples& samples);
    std::vector<store::SpoolPosition> lasting(const std::map<NodeId, Position>& said) const;

    store::TelemetryStore& store_;
    std::unordered_map<const ingest::DeviceSchema*, Known> known_;
    std::vector<store::NewSample> samples_;
    std::map<NodeId, std::int64_t> positions_;
    Incomplete incomplete_;
    std::uint64_t without_series_ = 0, not_described_ = 0;
};

}  // namespace labhub::coordinator::telemetry
