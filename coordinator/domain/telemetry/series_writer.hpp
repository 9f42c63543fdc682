#pragma once

#include <set>
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

    /// A device was born: remembers its units and lets go of schemas nobody uses any more.
    void learn(const std::vector<ingest::DeviceSchemaPtr>& schemas);
    /// Stores a whole group or nothing of it; transient samples are left out. Errors as TelemetryStore::append.
    Result<store::StoreCounts> store(const SampleGroup& group);
    /// Nodes of which samples could not be stored because the store has too many series: they must not be told that
    /// everything is stored.
    const std::set<NodeId>& incomplete() const { return incomplete_; }

  private:
    struct Known {
        ingest::DeviceSchemaPtr schema;       ///< held, so that no other schema can have its address
        std::vector<store::SeriesId> series;  ///< by metric; SeriesId{} where there is none to be had
    };
    const Known& known(const ingest::DeviceSchemaPtr& schema);

    store::TelemetryStore& store_;
    std::unordered_map<const ingest::DeviceSchema*, Known> known_;
    std::vector<store::NewSample> samples_;
    std::set<NodeId> incomplete_;
    std::uint64_t without_series_ = 0;
};

}  // namespace labhub::coordinator::telemetry
