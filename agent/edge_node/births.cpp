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

sparkplug::Metric count(std::string name, std::uint64_t value) {
    return metric(std::move(name), static_cast<std::int64_t>(value));
}

std::uint64_t dropped(const spool::Spool::State& spool, spool::Class of) {
    return spool.dropped[static_cast<std::size_t>(of)];
}

void add_extras(sparkplug::Payload& birth, const std::vector<ExtraMetric>& extras) {
    for (const ExtraMetric& extra : extras) birth.metrics.push_back(sparkplug::birth_metric(extra.info, extra.latest));
}

}  // namespace

std::vector<sparkplug::Metric> node_metrics(const spool::Spool::State& spool, const sampling::ClockState& clock,
                                            const LastCommand& last) {
    std::vector<sparkplug::Metric> metrics;
    metrics.push_back(count("Node Info/Spool Depth", spool.depth()));
    metrics.push_back(count("Node Info/Spool Bytes", spool.holding.bytes));
    metrics.push_back(count("Node Info/Spool Dropped", spool::total(spool.dropped)));
    metrics.push_back(count("Node Info/Spool Dropped Readings", dropped(spool, spool::Class::reading)));
    metrics.push_back(count("Node Info/Spool Dropped State Changes", dropped(spool, spool::Class::state_change)));
    metrics.push_back(count("Node Info/Spool Dropped Alarms", dropped(spool, spool::Class::alarm)));
    metrics.push_back(count("Node Info/Spool Unconfirmed", spool.unconfirmed));
    metrics.push_back(count("Node Info/Spool Replaced", spool.replaced));
    metrics.push_back(metric("Node Info/Spool Problem", spool.problem));
    metrics.push_back(metric("Node Info/Clock", clock.describe()));
    metrics.push_back(count("Node Info/Clock Steps", clock.steps));
    metrics.push_back(metric("Node Info/Clock Last Step", std::int64_t{clock.last_step.count()}));
    metrics.push_back(metric("Last Command/Id", last.id));
    metrics.push_back(metric("Last Command/State", last.state));
    metrics.push_back(metric("Last Command/Reason", last.reason));
    return metrics;
}

sparkplug::Payload node_birth(std::uint8_t bd_seq, const NodeInfo& info, const SpoolStand& spool,
                              std::vector<sparkplug::Metric> changing, const std::vector<ExtraMetric>& extras) {
    sparkplug::Payload birth;
    birth.metrics.push_back(metric(sparkplug::node_metric::kBdSeq, std::int64_t{bd_seq}));
    birth.metrics.push_back(metric(sparkplug::node_metric::kRebirth, false));
    birth.metrics.push_back(metric(sparkplug::node_metric::kAcknowledge, spool.acknowledged));
    birth.metrics.push_back(metric("Node Info/Spool Life", spool.life));
    birth.metrics.push_back(metric("Node Info/Version", info.version));
    birth.metrics.push_back(metric("Node Info/Boot Id", info.boot_id));
    birth.metrics.push_back(metric("Node Info/SSH Host Key", info.ssh_fingerprint));
    birth.metrics.push_back(metric("Node Info/SSH Port", std::int64_t{info.ssh_port}));
    for (auto& each : changing) birth.metrics.push_back(std::move(each));
    add_extras(birth, extras);
    return birth;
}

sparkplug::Payload device_birth(const sampling::Device& device, const std::vector<ExtraMetric>& extras) {
    sparkplug::Payload birth;
    const std::vector<Reading> latest = device.latest();
    for (std::size_t i = 0; i < latest.size(); ++i)
        birth.metrics.push_back(sparkplug::birth_metric(device.metrics()[i], latest[i]));
    add_extras(birth, extras);
    return birth;
}

BornMetrics::BornMetrics(const sparkplug::Payload& birth) {
    told_.reserve(birth.metrics.size());
    for (const sparkplug::Metric& each : birth.metrics)
        if (each.datatype) told_.push_back({each.name, *each.datatype, each.timestamp.value_or(UtcMillis{0})});
    std::sort(told_.begin(), told_.end(), [](const Told& a, const Told& b) { return a.name < b.name; });
}

const BornMetrics::Told* BornMetrics::find(std::string_view name) const {
    const auto found = std::lower_bound(told_.begin(), told_.end(), name,
                                        [](const Told& each, std::string_view wanted) { return each.name < wanted; });
    return found == told_.end() || found->name != name ? nullptr : &*found;
}

void add_readings(sparkplug::Payload& data, const BornMetrics& born, const spool::Batch& batch, bool historical) {
    data.metrics.reserve(data.metrics.size() + batch.readings.size());
    for (const Reading& reading : batch.readings) {
        const BornMetrics::Told* const told = born.find(reading.metric);
        if (!told) continue;
        sparkplug::Metric made = metric(reading.metric, reading.value);
        made.datatype = told->type;
        made.timestamp = reading.time;
        made.quality = reading.quality;
        made.is_historical = historical || batch.is_late || reading.time < told->time;
        data.metrics.push_back(std::move(made));
    }
}

void mark(sparkplug::Payload& data, spool::Position position, bool clock_unsure) {
    if (data.metrics.empty()) return;
    auto& properties = data.metrics.front().properties;
    if (position > 0) properties[sparkplug::property::kSpoolPosition] = std::int64_t{position};
    if (clock_unsure) properties[sparkplug::property::kClock] = std::string("unsynchronised");
}

}  // namespace labhub::agent::edge_node
