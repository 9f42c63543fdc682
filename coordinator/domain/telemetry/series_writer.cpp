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
    std::erase_if(incomplete_, [](const auto& entry) { return entry.second.use_count() == 1; });
    std::vector<store::DescribedDevice> devices;
    devices.reserve(schemas.size());
    for (const auto& schema : schemas) devices.push_back({schema->device, schema->metrics});
    if (const auto described = store_.describe(devices); !described && std::has_single_bit(++not_described_))
        spdlog::error("can't store the units of {} devices, {} among them: {} (attempt {} that failed)", devices.size(),
                      devices.front().device.to_string(), described.error().to_string(), not_described_);
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

bool SeriesWriter::take(const ingest::Samples& samples) {
    if (samples.transient || samples.samples.empty()) return true;
    bool is_whole = true;
    const Known& device = known(samples.schema);
    for (const auto& sample : samples.samples) {
        const store::SeriesId series = device.series[sample.metric];
        if (series == store::SeriesId{})
            is_whole = false;
        else
            samples_.push_back({series, sample.quality, sample.time, sample.value});
    }
    return is_whole;
}

/// Those that mean something after a restart, too.
std::vector<store::SpoolPosition> SeriesWriter::lasting(const std::map<NodeId, Position>& said) const {
    std::vector<store::SpoolPosition> positions;
    for (const auto& [node, each] : said)
        if (each.spool && !each.spool->life.empty()) positions.push_back({node, each.spool->life, each.position});
    return positions;
}

Result<store::StoreCounts> SeriesWriter::store(const SampleGroup& group) {
    samples_.clear();
    positions_.clear();
    std::size_t most = 0;
    for (const auto& each : group) most += each->samples.size();
    samples_.reserve(most);
    std::map<NodeId, Position> said;
    Incomplete incomplete = incomplete_;  // not the member: a group that isn't stored comes again
    for (const auto& each : group) {
        const NodeId& node = each->device().node;
        if (!take(*each)) incomplete[node] = each->spool;
        if (!each->spool_position) continue;
        const auto lacking = incomplete.find(node);
        const bool may_lack = lacking != incomplete.end() && (!each->spool || lacking->second == each->spool);
        if (may_lack) continue;
        said[node] = {*each->spool_position, each->spool.get()};
    }
    Result<store::StoreCounts> stored = store::StoreCounts{};
    if (!samples_.empty()) stored = store_.append(samples_, lasting(said));
    if (samples_.capacity() > kKeptSamples) samples_ = {};
    if (!stored) return stored;
    incomplete_ = std::move(incomplete);
    for (const auto& [node, each] : said) positions_[node] = each.position;
    return stored;
}

}  // namespace labhub::coordinator::telemetry
