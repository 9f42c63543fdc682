#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

/// What became of the last command that came over MQTT, which has no answer of its own.
struct LastCommand {
    std::string id;
    std::string state;  ///< "done", or the error's code
    std::string reason;
};

/// Metrics of the node that change while it lives.
std::vector<sparkplug::Metric> node_metrics(const spool::Spool::State& spool, const LastCommand& last);
/// NBIRTH: bdSeq, the control metrics, and all the node says of itself (topics-nbirth-metrics).
sparkplug::Payload node_birth(std::uint8_t bd_seq, const NodeInfo& info, const spool::Spool::State& spool,
                              const LastCommand& last);
/// DBIRTH: every metric of the device with its latest value, unit and limits (topics-dbirth-metrics).
sparkplug::Payload device_birth(const sampling::Device& device);
/// DDATA of one batch. Readings of metrics the device doesn't have (any more) are left out. `position` 0: none is said.
sparkplug::Payload device_data(const sampling::Device& device, const spool::Batch& batch, spool::Position position,
                               bool historical);

}  // namespace labhub::agent::edge_node
