#include "coordinator/domain/telemetry/series_writer.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::telemetry {

void SeriesWriter::learn(const std::vector<ingest::DeviceSchemaPtr>& schemas) {
    for (const auto& schema : schemas)
        if (auto described = store_.describe(schema->device, schema->metrics); !described)
            spdlog::error("can't store the units of {}: {}", schema->device.to_string(), described.error().to_string());
}

Result<store::StoreCounts> SeriesWriter::store(const SampleGroup& group) {
    std::vector<store::ReadingBatch> batches;
    for (const auto& each : group) {
        if (each.transient) continue;
        auto& batch = batches.emplace_back(store::ReadingBatch{each.device(), {}});
        for (const auto& sample : each.samples)
            batch.readings.push_back({each.metric(sample).name, sample.value, sample.time, sample.quality});
    }
    return store_.append(batches);
}

}  // namespace labhub::coordinator::telemetry
