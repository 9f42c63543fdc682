#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/domain/fleet/recent_samples.hpp"
#include "coordinator/link/node_link.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::fleet {

enum class NodeState { online, stale, offline };
std::string_view to_string(NodeState state);

/// A device as its node announced it, with what it last said.
struct Device {
    DeviceAddress address;
    bool is_connected = false;
    std::string problem;  ///< why it isn't connected
    /// Since when it is as its birth or death says: the time in that message, or this machine's where the whole node
    /// died or fell silent (Sparkplug B 3.0, operational-behavior-edge-node-termination-host-action-*).
    std::optional<UtcMillis> since;
    std::vector<MetricInfo> metrics;
    std::map<std::string, Reading> latest;
    /// What the device's clock said before it was set back, once it was; `recent` is of after that.
    std::optional<UtcMillis> fell_from;
    RecentSamples recent;  ///< the last kRecentSamples live ones in which a sensor was read, oldest first
};

/// A machine with an agent. Three things are kept apart: what its birth and death messages say (is_born), whether
/// readings come (is_fresh), and the coordinator's own SSH session to it (link). `state` follows from them.
struct Node {
    NodeId id;
    bool is_born = false;
    bool is_fresh = false;
    std::string reason;  ///< why it isn't online
    /// Since when its messages are there, or missing; by this machine's clock where it died or fell silent.
    std::optional<UtcMillis> since;
    std::string version;
    std::string boot_id;
    std::map<std::string, Value> metrics;  ///< the node's own, by its birth and what changed since
    std::optional<UtcMillis> last_seen;
    /// When its spool last said that it had given up rows of which it hadn't said so before, by this machine's clock.
    std::optional<UtcMillis> spool_dropped_at;
    /// Readings the coordinator set aside since its start, as their times can't be, and which was the last of them.
    std::uint64_t refused_readings = 0;
    std::string refused_last;
    /// Since when the coordinator has no session to it, so that nothing can be commanded or renewed; unset while it
    /// has.
    std::optional<Steady::time_point> unreachable_since;
    std::map<std::string, Device> devices;
    std::uint64_t births = 0;  ///< grows whenever what it says of itself and its devices' metrics may have changed
    bool is_leaving = false;   ///< not listed any more: let go when its devices are free, and leased to nobody else
    std::unique_ptr<link::NodeLink> link;
    std::uint64_t link_number = 0;  ///< of the present link, by which the events of one before it are known

    NodeState state() const;
};

/// The list of enrolled nodes, as it is in force.
struct EnrolmentList {
    std::string file;
    std::optional<UtcMillis> taken;  ///< when it was last read and taken
    std::string problem;             ///< why the file as it is now is not in force; empty: it is
};

/// The node registry: which nodes and devices there are, how they are, what they last said. Lives on the main thread;
/// ingest's events are posted here by telemetry::Recorder. Knows nothing of leases and jobs.
class Fleet {
  public:
    static constexpr std::size_t kRecentSamples = 600;

    Fleet(asio::any_io_executor executor, const Clock& clock)
        : executor_(executor), clock_(clock), news_(executor), retiring_(executor) {
        news_.expires_at(Steady::time_point::max());
    }

    /// Adds a node and begins to connect to it. `user` is the login name, `key` the private key's path. Of one that is
    /// there the session is closed and opened anew by this enrolment; what is known of its devices stays.
    void enrol(link::Enrolment enrolment, const std::string& user, const std::filesystem::path& key);
    /// The same for a node that is reached in another way than by SSH: a twin.
    void enrol(const NodeId& node, link::Dial dial);
    /// Whether to lend its devices no more, as it is to be dismissed.
    void set_leaving(const NodeId& node, bool is_leaving);
    /// Closes the session to the node and forgets it and its devices.
    void dismiss(const NodeId& node);
    Task<void> stop();

    const std::map<NodeId, Node>& nodes() const { return nodes_; }
    EnrolmentList enrolment_list;  ///< kept by who reads it
    /// Errors not_found naming the devices there are; unavailable while its node has not said which it has.
    Result<const Device*> device(const DeviceAddress& address) const;
    std::vector<DeviceAddress> devices() const;
    /// Grows whenever there may be other devices, or a device may have other metrics.
    std::uint64_t changes() const { return changes_; }
    /// Whether commands and leases can reach the device now. Error unavailable says why not.
    Result<link::NodeLink*> reach(const DeviceAddress& address) const;

    // What ingest saw.
    void node_born(const NodeId& node, UtcMillis time, const std::map<std::string, Value>& node_metrics);
    void node_changed(const NodeId& node, const std::map<std::string, Value>& metrics);
    void node_died(const NodeId& node, const std::string& reason);
    void node_stale(const NodeId& node, const std::string& reason);
    void node_heard_again(const NodeId& node);
    void readings_refused(const NodeId& node, std::uint64_t count, const std::string& last);
    void device_born(const DeviceAddress& address, UtcMillis time, std::vector<MetricInfo> metrics,
                     std::vector<Reading> readings);
    void device_died(const DeviceAddress& address, UtcMillis time, const std::string& reason);
    void add_readings(const DeviceAddress& address, const std::vector<Reading>& readings);
    /// What a command's answer said: the device's latest values, but no sample, as nothing was measured.
    void note_applied(const DeviceAddress& address, const std::vector<Reading>& readings);

    /// Live samples newer than `after`, oldest first, at most `limit`. Waits up to `wait` for the first one.
    Task<Result<std::vector<Sample>>> samples_after(DeviceAddress address, UtcMillis after, std::size_t limit,
                                                    std::chrono::milliseconds wait);

    /// Called when a node's agent was connected to (each time). One listener: the job engine.
    std::function<void(const NodeId&)> on_connected;
    /// Called when a device was born or dismissed, and for each batch of live readings. One listener: the alarms.
    std::function<void(const DeviceAddress&)> on_device_born;
    std::function<void(const DeviceAddress&, const std::vector<Reading>&)> on_readings;

  private:
    using MakeLink = std::function<std::unique_ptr<link::NodeLink>(link::LinkEvents)>;
    void link_up(const NodeId& node, const MakeLink& make);
    void lose(Node& node, const std::string& reason);
    void watch_spool(Node& node, std::int64_t dropped_before);
    Node* find(const NodeId& node);
    Device& device_of(Node& node, const std::string& device);
    void link_connected(const NodeId& node, const rpc::HelloReply& hello);
    void link_disconnected(const NodeId& node, const Error& error);
    void tell_waiting() { news_.cancel(); }
    void retire(std::unique_ptr<link::NodeLink> link);
    Task<void> end(std::shared_ptr<link::NodeLink> link);

    asio::any_io_executor executor_;
    const Clock& clock_;
    asio::steady_timer news_;  ///< cancelled to wake those who wait for samples
    std::map<NodeId, Node> nodes_;
    std::uint64_t changes_ = 0;
    std::uint64_t strangers_ = 0;                           ///< births of nodes that are not enrolled
    std::uint64_t links_ = 0;                               ///< made since the start
    std::vector<std::shared_ptr<link::NodeLink>> retired_;  ///< until their sessions have ended
    TaskGroup retiring_;
};

}  // namespace labhub::coordinator::fleet
