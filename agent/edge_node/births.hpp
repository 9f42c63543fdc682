#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/sampling/clock_watch.hpp"
#include "agent/sampling/device.hpp"
#include "agent/spool/spool.hpp"
#include "shared/sparkplug/payload.hpp"

namespace labhub::agent::edge_node {

/// What a node says of itself in its birth.
struct NodeInfo {
    std::string version;
    std::string boot_id;          ///< new at each start of the agent
    std::string ssh_fingerprint;  ///< of the SSH host key: "SHA256:…"
    std::uint16_t ssh_port = 0;
};

/// A metric of a device that its driver doesn't know: an alarm's state, as its room computes it.
struct ExtraMetric {
    MetricInfo info;
    Reading latest;
};
/// The further metrics of a device, or (with an empty id) of the node itself. They are part of the births, and data of
/// them come through the spool as batches of that device. What it names must stay the same for a session.
using ExtraMetrics = std::function<std::vector<ExtraMetric>(const std::string& device)>;

/// What became of the last command that came over MQTT, which has no answer of its own.
struct LastCommand {
    std::string id;
    std::string state;  ///< "done", or the error's code
    std::string reason;
};

/// Metrics of the node that change while it lives: what its spool and its clock do, and the last command.
std::vector<sparkplug::Metric> node_metrics(const spool::Spool::State& spool, const sampling::ClockState& clock,
                                            const LastCommand& last);
/// How far the spool is acknowledged, and in which life of it: while the life is the same, what a position covered it
/// covers for ever.
struct SpoolStand {
    spool::Position acknowledged = 0;
    std::string life;
};
/// NBIRTH: bdSeq, the control metrics, and all the node says of itself (topics-nbirth-metrics), `changing` included.
sparkplug::Payload node_birth(std::uint8_t bd_seq, const NodeInfo& info, const SpoolStand& spool,
                              std::vector<sparkplug::Metric> changing, const std::vector<ExtraMetric>& extras);
/// DBIRTH: every metric of the device with its latest value, unit and limits (topics-dbirth-metrics).
sparkplug::Payload device_birth(const sampling::Device& device, const std::vector<ExtraMetric>& extras);

/// The metrics a birth named: a data message may have no others.
class BornMetrics {
  public:
    explicit BornMetrics(const sparkplug::Payload& birth);
    struct Told {
        std::string name;
        sparkplug::DataType type;
        UtcMillis time;  ///< of the value that was told
    };
    /// What was said of it; nothing for a metric that wasn't named.
    const Told* find(std::string_view name) const;

  private:
    std::vector<Told> told_;  ///< sorted by name
};

/// The readings of a batch as metrics of a DDATA or NDATA. Those the birth didn't name are left out; those older than
/// the value it told are historical whatever `historical` says, as live values may not go back in time
/// (operational-behavior-data-publish-dbirth-order).
void add_readings(sparkplug::Payload& data, const BornMetrics& born, const spool::Batch& batch, bool historical);
/// Puts a position (0: none) and the doubt in the clock on the first metric.
void mark(sparkplug::Payload& data, spool::Position position, bool clock_unsure);

}  // namespace labhub::agent::edge_node
