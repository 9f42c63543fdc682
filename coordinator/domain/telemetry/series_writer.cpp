#include "coordinator/domain/telemetry/series_writer.hpp"

#include <bit>
#include <utility>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::telemetry {
namespace {

constexpr std::size_t kKeptSamples = 65'536;  // room kept from one group to the next

}  // namespace

void SeriesWriter::learn(const std::vector<ingest::DeviceSchemaPtr>& schemas) {
    if (schemas.empty()) return;
    std::erase_if(known_, [](const auto& entry) { return entry.second.schema.use_count() == 1; });
    for (const auto& schema : schemas)
        if (auto described = store_.describe(schema->device, schema->metrics); !described)
            spdlog::error("can't store the units of {}: {}", schema->device.to_string(), described.error().to_string());
}

const SeriesWriter::Known& SeriesWriter::known(const ingest::DeviceSchemaPtr& schema) {
    const auto [place, is_new] = known_.try_emplace(schema.get());
    Known& known = place->second;
    if (!is_new) return known;
    known.schema = schema;
    known.series.reserve(schema->metrics.size());
    for (const auto& metric : schema->metrics) {
        const auto series = store_.resolve(schema->device, metric.name);
        known.series.push_back(series.value_or(store::SeriesId{}));
        if (!series && std::has_single_bit(++without_series_))
            spdlog::error("{}/{} can't be stored: {}", schema->device.to_string(), metric.name,
                          series.error().to_string());
    }
    return known;
}

Result<store::StoreCounts> SeriesWriter::store(const SampleGroup& group) {
    samples_.clear();
    std::size_t most = 0;
    for (const auto& each : group) most += each->samples.size();
    samples_.reserve(most);
    for (const auto& each : group) {
        if (each->transient || each->samples.empty()) continue;
        const Known& device = known(each->schema);
        for (const auto& sample : each->samples) {
            const store::SeriesId series = device.series[sample.metric];
            if (series == store::SeriesId{})
                incomplete_.insert(each->device().node);
            else
                samples_.push_back({series, sample.quality, sample.time, sample.value});
        }
    }
    if (samples_.empty()) return store::StoreCounts{};
    auto stored = store_.append(samples_);
    if (samples_.capacity() > kKeptSamples) samples_ = {};
    return stored;
}

}  // namespace labhub::coordinator::telemetry
