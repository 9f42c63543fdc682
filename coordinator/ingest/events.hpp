#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::ingest {

/// A node began a session (NBIRTH). Its devices are gone until each is born again, directly after this.
struct NodeBorn {
    NodeId node;
    UtcMillis time;  ///< the node's own
    int bd_seq = 0;
    std::map<std::string, Value> node_metrics;  ///< "Node Info/Version", …
};

/// A device is there, with every metric it will ever report in this session and the present values (DBIRTH).
struct DeviceBorn {
    DeviceAddress device;
    UtcMillis time;
    std::vector<MetricInfo> metrics;
    std::vector<Reading> readings;
};

/// A node's session ended: it said so, or its Will did. All its devices and metrics are stale. Stamped with our clock
/// (operational-behavior-edge-node-termination-host-action-ndeath-node-offline).
struct NodeDied {
    NodeId node;
    UtcMillis time;
    std::string reason;
};

/// A node lost one device (DDEATH). Stamped with the message's time.
struct DeviceDied {
    DeviceAddress device;
    UtcMillis time;
    std::string reason;
};

/// Nothing is known of a node any more, though no death was seen: it was silent too long, or the broker is lost.
struct NodeStale {
    NodeId node;
    UtcMillis time;
    std::string reason;
};

/// Readings of one DDATA, in the order sent; every one is of a metric the device's birth named. A message that mixes
/// live and historical readings comes as two of these, the position with the second.
struct Samples {
    DeviceAddress device;
    std::vector<Reading> readings;
    bool historical = false;  ///< replayed after an outage: to be stored, not to be shown as present values
    /// Everything of the node's spool up to here has reached us: Ingest::acknowledge() it once this and all earlier
    /// samples of the node are committed. Withheld after a gap until the node is born again, as it would cover what
    /// was lost.
    std::optional<std::int64_t> spool_position;
};

/// What the ingest tells its owner. Every call comes on the ingest's own thread, must not block and must not throw.
class Sink {
  public:
    virtual ~Sink() = default;
    virtual void node_born(NodeBorn born) = 0;
    virtual void device_born(DeviceBorn born) = 0;
    virtual void node_died(NodeDied died) = 0;
    virtual void device_died(DeviceDied died) = 0;
    virtual void node_stale(NodeStale stale) = 0;
    /// A silent node spoke again in the session it had: it is online, and its devices with it.
    virtual void node_heard_again(NodeId node, UtcMillis time) = 0;
    virtual void samples(Samples samples) = 0;
    /// The connection to the broker came up or was lost; when lost, node_stale follows for every node that was known.
    virtual void broker_changed(bool connected, std::string reason) = 0;
};

}  // namespace labhub::coordinator::ingest
