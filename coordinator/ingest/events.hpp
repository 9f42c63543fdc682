#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

/// Metrics of the node itself that have changed (NDATA): "Node Info/Spool Depth", …
struct NodeChanged {
    NodeId node;
    UtcMillis time;
    std::map<std::string, Value> metrics;
};

/// What the present birth of a device says of it. Made once a birth and never changed; whatever follows points to it,
/// so that a sample needs no name. A device that is born again gets a new one, be it equal.
struct DeviceSchema {
    DeviceAddress device;
    std::vector<MetricInfo> metrics;
};
using DeviceSchemaPtr = std::shared_ptr<const DeviceSchema>;

/// One measured, or applied, value of `DeviceSchema::metrics[metric]`, of that metric's type or null.
struct Sample {
    std::uint32_t metric = 0;
    Quality quality = Quality::good;
    UtcMillis time;
    Value value;
};

/// A device is there, with every metric it will ever report in this session and the present values (DBIRTH).
struct DeviceBorn {
    DeviceSchemaPtr schema;
    UtcMillis time;
    std::vector<Sample> samples;
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

/// Readings of a node are set aside: they say times before 2000 or more than a day ahead. They are neither stored nor
/// shown, and their spool rows are acknowledged, as no repetition could mend them. Told at most once a second.
struct ReadingsRefused {
    NodeId node;
    std::uint64_t count = 0;  ///< since the coordinator's start
    std::string last;         ///< which one, and what it says: "vessel/temp of 1970-01-01T00:01:00.000Z"
};

/// What a node's birth says of its spool. Each birth makes a new one, be it equal.
struct NodeSpool {
    /// A name for as long as positions mean what they meant: what one has covered it covers for good. Empty: it says
    /// none, and a position means nothing any more at the next birth.
    std::string life;
    std::int64_t acknowledged = 0;  ///< as far as the node knows
};
using NodeSpoolPtr = std::shared_ptr<const NodeSpool>;

/// Samples of one DDATA, in the order sent. A message that mixes live and historical ones comes as two of these, the
/// position with the second.
struct Samples {
    DeviceSchemaPtr schema;
    std::vector<Sample> samples;
    bool historical = false;  ///< replayed after an outage: to be stored, not to be shown as present values
    bool transient = false;   ///< to be shown, not to be stored (Sparkplug B 3.0, 6.4.5)
    /// Everything of the node's spool up to here has reached us: Ingest::acknowledge() it once this and all earlier
    /// samples of the node are committed. Withheld after a gap until the node is born again, as it would cover what
    /// was lost.
    std::optional<std::int64_t> spool_position;
    NodeSpoolPtr spool = nullptr;  ///< of the node's birth they came after, where somebody needs it

    const DeviceAddress& device() const { return schema->device; }
    const MetricInfo& metric(const Sample& sample) const { return schema->metrics[sample.metric]; }
};

/// What the ingest tells its owner. Every call comes on the ingest's own thread, must not block and must not throw.
class Sink {
  public:
    virtual ~Sink() = default;
    virtual void node_born(NodeBorn born) = 0;
    virtual void node_changed(NodeChanged changed) = 0;
    virtual void device_born(DeviceBorn born) = 0;
    virtual void node_died(NodeDied died) = 0;
    virtual void device_died(DeviceDied died) = 0;
    virtual void node_stale(NodeStale stale) = 0;
    /// A silent node spoke again in the session it had: it is online, and its devices with it.
    virtual void node_heard_again(NodeId node, UtcMillis time) = 0;
    /// False: there was no room, and they are lost to us. The node's positions are withheld from then on, so that its
    /// spool keeps them; ask it for a rebirth once there is room.
    virtual bool samples(Samples samples) = 0;
    virtual void readings_refused(ReadingsRefused refused) = 0;
    /// The connection to the broker came up or was lost; when lost, node_stale follows for every node that was known.
    virtual void broker_changed(bool connected, std::string reason) = 0;
};

}  // namespace labhub::coordinator::ingest
