#include "agent/edge_node/births.hpp"

#include <algorithm>

namespace labhub::agent::edge_node {
namespace {

sparkplug::Metric metric(std::string name, Value value) {
    sparkplug::Metric made;
    made.name = std::move(name);
    made.value = std::move(value);
    return made;
}

const MetricInfo* info_of(const std::vector<MetricInfo>& metrics, const std::string& name) {
    const auto found =
        std::find_if(metrics.begin(), metrics.end(), [&](const MetricInfo& info) { return info.name == name; });
    return found == metrics.end() ? nullptr : &*found;
}

}  // namespace

std::vector<sparkplug::Metric> node_metrics(const spool::Spool::State& spool, const LastCommand& last) {
    std::vector<sparkplug::Metric> metrics;
    metrics.push_back(metric("Node Info/Spool Depth", static_cast<std::int64_t>(spool.depth)));
    metrics.push_back(metric("Node Info/Spool Dropped", static_cast<std::int64_t>(spool.dropped)));
    metrics.push_back(metric("Node Info/Spool Problem", spool.problem));
    metrics.push_back(metric("Last Command/Id", last.id));
    metrics.push_back(metric("Last Command/State", last.state));
    metrics.push_back(metric("Last Command/Reason", last.reason));
    return metrics;
}

sparkplug::Payload node_birth(std::uint8_t bd_seq, const NodeInfo& info, const spool::Spool::State& spool,
                              const LastCommand& last) {
    sparkplug::Payload birth;
    birth.metrics.push_back(metric(sparkplug::node_metric::kBdSeq, std::int64_t{bd_seq}));
    birth.metrics.push_back(metric(sparkplug::node_metric::kRebirth, false));
    birth.metrics.push_back(metric(sparkplug::node_metric::kAcknowledge, spool.acknowledged));
    birth.metrics.push_back(metric("Node Info/Version", info.version));
    birth.metrics.push_back(metric("Node Info/Boot Id", info.boot_id));
    birth.metrics.push_back(metric("Node Info/SSH Host Key", info.ssh_fingerprint));
    birth.metrics.push_back(metric("Node Info/SSH Port", std::int64_t{info.ssh_port}));
    for (auto& each : node_metrics(spool, last)) birth.metrics.push_back(std::move(each));
    return birth;
}

sparkplug::Payload device_birth(const sampling::Device& device) {
    sparkplug::Payload birth;
    const std::vector<Reading> latest = device.latest();
    for (std::size_t i = 0; i < latest.size(); ++i)
        birth.metrics.push_back(sparkplug::birth_metric(device.metrics()[i], latest[i]));
    return birth;
}

sparkplug::Payload device_data(const sampling::Device& device, const spool::Batch& batch, spool::Position position,
                               bool historical) {
    sparkplug::Payload data;
    data.metrics.reserve(batch.readings.size());
    for (const Reading& reading : batch.readings) {
        const MetricInfo* const info = info_of(device.metrics(), reading.metric);
        if (info) data.metrics.push_back(sparkplug::data_metric(reading, info->type, historical));
    }
    if (position > 0 && !data.metrics.empty())
        data.metrics.front().properties[sparkplug::property::kSpoolPosition] = std::int64_t{position};
    return data;
}

}  // namespace labhub::agent::edge_node
