#include "coordinator/ingest/former_types.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::ingest {
namespace {

constexpr std::size_t kMaxDevices = 256;      // of one node
constexpr std::size_t kMaxMetrics = 100'000;  // of all nodes

}  // namespace

void FormerTypes::remember(const DeviceSchema& schema) {
    const bool has_room = devices_.size() < kMaxDevices || devices_.contains(schema.device.device);
    if (!has_room || tally_.former_metrics + schema.metrics.size() > kMaxMetrics) return;
    Types& types = devices_[schema.device.device];
    tally_.former_metrics -= types.size();
    types.clear();
    for (const auto& metric : schema.metrics) types.emplace(metric.name, metric.type);
    tally_.former_metrics += types.size();
}

void FormerTypes::clear() {
    for (const auto& [name, types] : devices_) tally_.former_metrics -= types.size();
    devices_.clear();
}

void FormerTypes::compare(const DeviceSchema& schema) {
    const auto former = devices_.find(schema.device.device);
    if (former == devices_.end()) return;
    for (const auto& metric : schema.metrics) {
        const auto before = former->second.find(metric.name);
        if (before == former->second.end() || before->second == metric.type) continue;
        ++tally_.type_changes;
        if (const auto count = remarks_.note(Oddity::changed_type))
            spdlog::warn("device {}: {} was a {} and is a {} now ({} changes of type so far)",
                         schema.device.to_string(), metric.name, to_string(before->second), to_string(metric.type),
                         *count);
    }
    tally_.former_metrics -= former->second.size();
    devices_.erase(former);
}

}  // namespace labhub::coordinator::ingest
