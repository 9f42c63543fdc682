#include "coordinator/domain/fleet/fleet.hpp"

#include <algorithm>
#include <bit>

#include <spdlog/spdlog.h>

#include "coordinator/domain/fleet/condition.hpp"
#include "shared/proto/agent_rpc.pb.h"

namespace labhub::coordinator::fleet {

std::string_view to_string(NodeState state) {
    switch (state) {
        case NodeState::online: return "online";
        case NodeState::stale: return "stale";
        case NodeState::offline: return "offline";
    }
    return "offline";
}

NodeState Node::state() const {
    if (is_born && is_fresh) return NodeState::online;
    return is_born || (link && link->is_connected()) ? NodeState::stale : NodeState::offline;
}

void Fleet::enrol(link::Enrolment enrolment, const std::string& user, const std::filesystem::path& key) {
    const NodeId id = enrolment.node;
    link_up(id, [&](link::LinkEvents events) {
        return std::make_unique<link::NodeLink>(executor_, std::move(enrolment), user, key, std::move(events));
    });
}

void Fleet::enrol(const NodeId& id, link::Dial dial) {
    link_up(id, [&](link::LinkEvents events) {
        return std::make_unique<link::NodeLink>(executor_, id, std::move(dial), std::move(events));
    });
}

void Fleet::link_up(const NodeId& id, const MakeLink& make) {
    const auto [entry, is_new] = nodes_.try_emplace(id);
    Node& node = entry->second;
    node.id = id;
    if (is_new) node.reason = "not heard of since the coordinator started, or it was enrolled";
    if (!node.unreachable_since) node.unreachable_since = clock_.steady_now();
    if (node.link) retire(std::move(node.link));
    node.link_number = ++links_;
    const auto is_present = [this, id, number = node.link_number] {
        const Node* const now = find(id);
        return now && now->link_number == number;
    };
    link::LinkEvents events;
    events.connected = [this, id, is_present](const rpc::HelloReply& hello) {
        if (is_present()) link_connected(id, hello);
    };
    events.disconnected = [this, id, is_present](const Error& error) {
        if (is_present()) link_disconnected(id, error);
    };
    node.link = make(std::move(events));
    node.link->start();
}

void Fleet::set_leaving(const NodeId& node, bool is_leaving) {
    if (Node* const found = find(node)) found->is_leaving = is_leaving;
}

void Fleet::dismiss(const NodeId& node) {
    const auto found = nodes_.find(node);
    if (found == nodes_.end()) return;
    std::vector<DeviceAddress> devices;
    for (const auto& [name, device] : found->second.devices) devices.push_back(device.address);
    // Forgotten first: the end of its session is no loss.
    auto link = std::move(found->second.link);
    nodes_.erase(found);
    retire(std::move(link));
    ++changes_;
    for (const auto& device : devices)
        if (on_device_born) on_device_born(device);
    tell_waiting();
}

void Fleet::retire(std::unique_ptr<link::NodeLink> link) {
    retired_.push_back(std::move(link));
    retiring_.spawn("end of a session", end(retired_.back()));
}

Task<void> Fleet::end(std::shared_ptr<link::NodeLink> link) {
    co_await link->stop();
    std::erase(retired_, link);
}

Task<void> Fleet::stop() {
    for (auto& [id, node] : nodes_) co_await node.link->stop();
    const auto retired = retired_;
    for (const auto& link : retired) co_await link->stop();
    co_await retiring_.stop();
    tell_waiting();
}

Result<const Device*> Fleet::device(const DeviceAddress& address) const {
    const auto node = nodes_.find(address.node);
    if (node != nodes_.end()) {
        const auto device = node->second.devices.find(address.device);
        if (device != node->second.devices.end()) return &device->second;
        // So soon after the coordinator's start nobody can say that there is no such device.
        if (node->second.devices.empty())
            return Error{ErrorCode::unavailable,
                         "node " + address.node.value + " has not said yet which devices it has", node->second.reason};
    }
    std::string known;
    for (const auto& other : devices()) known += (known.empty() ? "" : ", ") + other.to_string();
    return Error{ErrorCode::not_found, "no device named '" + address.to_string() + "'",
                 known.empty() ? "no node has announced a device yet" : "there are: " + known};
}

std::vector<DeviceAddress> Fleet::devices() const {
    std::vector<DeviceAddress> all;
    for (const auto& [id, node] : nodes_)
        for (const auto& [name, device] : node.devices) all.push_back(device.address);
    return all;
}

Result<link::NodeLink*> Fleet::reach(const DeviceAddress& address) const {
    LABHUB_TRY(const Device* const device, this->device(address));
    const Node& node = nodes_.at(address.node);
    if (!node.link->is_connected()) {
        const auto why = node.link->last_error();
        return Error{ErrorCode::unavailable, "node " + node.id.value + " can't be reached",
                     why ? why->to_string() : "the coordinator is still connecting to it"};
    }
    if (!device->is_connected)
        return Error{ErrorCode::unavailable, "device " + address.to_string() + " is not connected to its node",
                     device->problem};
    return node.link.get();
}

namespace {

/// Recent samples of all nodes together, about half a kilobyte each where a device has ten metrics. At a thousand nodes
/// half a minute at 1 Hz is left to each.
constexpr std::size_t kRecentOfAll = 30'000;
constexpr std::size_t kFewestRecent = 30;

std::size_t recent_bound(std::size_t nodes) {
    return std::clamp(kRecentOfAll / std::max<std::size_t>(nodes, 1), kFewestRecent, Fleet::kRecentSamples);
}

/// A spool that overflows says so again and again: one line until it has been quiet for so long.
constexpr std::chrono::minutes kQuiet{1};

/// A live reading that is older than the one before by so much tells that its clock was set back; a younger one was
/// overtaken by a command's answer.
constexpr std::chrono::seconds kClockStep{10};

bool is_overtaken(UtcMillis time, UtcMillis latest) { return time < latest && latest - time < kClockStep; }

/// The recent samples begin anew where the clock fell, so that they are in order of time.
void begin_anew_after_step(Device& device, UtcMillis time) {
    if (device.recent.empty() || time >= device.recent.newest()) return;
    if (is_overtaken(time, device.recent.newest())) return;
    spdlog::warn("device {}: its clock was set back from {} to {}", device.address.to_string(),
                 to_rfc3339(device.recent.newest()), to_rfc3339(time));
    device.fell_from = device.recent.newest();
    device.recent.clear();
}

/// Of whom has read up to a moment before the clock fell, the samples after the fall are all unread.
UtcMillis cursor_of(const Device& device, UtcMillis after) {
    const bool is_of_before = device.fell_from && after <= *device.fell_from && !device.recent.empty() &&
                              after - device.recent.newest() >= kClockStep;
    return is_of_before ? UtcMillis{} : after;
}

std::int64_t dropped_by(const Node& node) {
    const auto spool = spool_condition(node.metrics);
    return spool ? spool->dropped : 0;
}

bool is_sensor(const Device& device, const std::string& metric) {
    const auto found = std::find_if(device.metrics.begin(), device.metrics.end(),
                                    [&](const MetricInfo& known) { return known.name == metric; });
    return found == device.metrics.end() || found->kind == MetricKind::sensor;
}

}  // namespace

Node* Fleet::find(const NodeId& node) {
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? nullptr : &found->second;
}

Device& Fleet::device_of(Node& node, const std::string& device) {
    const auto [entry, is_new] = node.devices.try_emplace(device);
    if (is_new) ++node.births;
    entry->second.address = DeviceAddress{node.id, device};
    return entry->second;
}

void Fleet::node_born(const NodeId& id, UtcMillis time, const std::map<std::string, Value>& node_metrics) {
    Node* const node = find(id);
    if (!node) {
        // One line for the 1st, 2nd, 4th, 8th …: there may be thousands.
        if (std::has_single_bit(++strangers_))
            spdlog::warn("node {} announced itself but is not enrolled: its readings are stored, nothing is sent to it",
                         id.value);
        return;
    }
    node->is_born = node->is_fresh = true;
    node->reason.clear();
    node->last_seen = node->since = time;
    const auto dropped_before = dropped_by(*node);
    node->metrics = node_metrics;
    watch_spool(*node, dropped_before);
    const auto version = node_metrics.find("Node Info/Version");
    if (version != node_metrics.end()) node->version = labhub::to_string(version->second);
    ++node->births;
    spdlog::info("node {} is online", id.value);
}

void Fleet::node_changed(const NodeId& id, const std::map<std::string, Value>& metrics) {
    Node* const node = find(id);
    if (!node) return;
    node->is_fresh = true;
    node->last_seen = clock_.utc_now();
    const auto dropped_before = dropped_by(*node);
    for (const auto& [name, value] : metrics) node->metrics[name] = value;
    watch_spool(*node, dropped_before);
}

/// An agent counts from its own start, so that less than before is a loss too, and so is what the first birth tells:
/// nobody may have seen it.
void Fleet::watch_spool(Node& node, std::int64_t dropped_before) {
    const auto dropped = dropped_by(node);
    if (dropped == dropped_before || dropped == 0) return;
    const UtcMillis now = clock_.utc_now();
    const auto since = node.spool_dropped_at ? now - *node.spool_dropped_at : kQuiet;
    node.spool_dropped_at = now;
    if (since >= kQuiet)
        spdlog::warn(
            "node {}: its spool had no room for {} rows since its agent's start: what was not stored here by then is "
            "lost",
            node.id.value, dropped);
}

void Fleet::lose(Node& node, const std::string& reason) {
    node.is_fresh = false;
    node.reason = reason;
    node.since = clock_.utc_now();
    for (auto& [name, device] : node.devices) {
        if (device.is_connected) device.since = node.since;
        for (auto& [metric, reading] : device.latest) reading.quality = Quality::stale;
    }
}

void Fleet::node_died(const NodeId& id, const std::string& reason) {
    Node* const node = find(id);
    if (!node) return;
    node->is_born = false;
    lose(*node, reason);
    spdlog::warn("node {} is {}: {}", id.value, to_string(node->state()), reason);
}

void Fleet::node_stale(const NodeId& id, const std::string& reason) {
    Node* const node = find(id);
    if (!node) return;
    lose(*node, reason);
    spdlog::warn("node {} is stale: {}", id.value, reason);
}

void Fleet::readings_refused(const NodeId& id, std::uint64_t count, const std::string& last) {
    Node* const node = find(id);
    if (!node) return;
    node->refused_readings = count;
    node->refused_last = last;
}

void Fleet::node_heard_again(const NodeId& id) {
    Node* const node = find(id);
    if (!node) return;
    node->is_fresh = true;
    node->reason.clear();
    node->since = clock_.utc_now();
    spdlog::info("node {} is heard again", id.value);
}

void Fleet::device_born(const DeviceAddress& address, UtcMillis time, std::vector<MetricInfo> metrics,
                        std::vector<Reading> readings) {
    Node* const node = find(address.node);
    if (!node) return;
    Device& device = device_of(*node, address.device);
    device.is_connected = true;
    device.since = time;
    device.problem.clear();
    device.metrics = std::move(metrics);
    ++node->births;
    ++changes_;
    for (const auto& reading : readings) device.latest[reading.metric] = reading;
    if (on_device_born) on_device_born(address);
    if (on_readings) on_readings(address, readings);
    tell_waiting();
}

void Fleet::device_died(const DeviceAddress& address, UtcMillis time, const std::string& reason) {
    Node* const node = find(address.node);
    if (!node) return;
    Device& device = device_of(*node, address.device);
    device.is_connected = false;
    device.since = time;
    device.problem = reason;
    for (auto& [metric, reading] : device.latest) reading.quality = Quality::stale;
    spdlog::warn("device {} is away: {}", address.to_string(), reason);
}

void Fleet::add_readings(const DeviceAddress& address, const std::vector<Reading>& readings) {
    Node* const node = find(address.node);
    if (!node || readings.empty()) return;
    node->is_fresh = true;
    node->last_seen = clock_.utc_now();
    Device& device = device_of(*node, address.device);
    // An actuator that was set is no measurement: who waits for the next sample must not be woken by its own commands.
    const bool is_measured = std::any_of(readings.begin(), readings.end(),
                                         [&](const Reading& reading) { return is_sensor(device, reading.metric); });
    for (const auto& reading : readings) {
        Reading& latest = device.latest[reading.metric];
        if (is_overtaken(reading.time, latest.time)) continue;
        latest = reading;
        if (!is_measured) continue;
        begin_anew_after_step(device, reading.time);
        device.recent.add(reading.time, reading.metric, reading.value);
    }
    device.recent.keep(recent_bound(nodes_.size()));
    if (on_readings) on_readings(address, readings);
    tell_waiting();
}

void Fleet::note_applied(const DeviceAddress& address, const std::vector<Reading>& readings) {
    Node* const node = find(address.node);
    if (!node) return;
    Device& device = device_of(*node, address.device);
    for (const auto& reading : readings) {
        Reading& latest = device.latest[reading.metric];
        if (latest.time <= reading.time) latest = reading;
    }
}

Task<Result<std::vector<Sample>>> Fleet::samples_after(DeviceAddress address, UtcMillis after, std::size_t limit,
                                                       std::chrono::milliseconds wait) {
    const auto until = Steady::now() + wait;
    while (true) {
        auto found = device(address);
        if (!found) co_return std::move(found).error();
        std::vector<Sample> newer = (*found)->recent.after(cursor_of(**found, after), limit);
        const auto left = until - Steady::now();
        if (!newer.empty() || left <= Steady::duration::zero()) co_return newer;
        asio::steady_timer give_up(executor_, left);
        using namespace asio::experimental::awaitable_operators;
        co_await (news_.async_wait(as_result) || give_up.async_wait(as_result));
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
            co_return newer;
    }
}

void Fleet::link_connected(const NodeId& id, const rpc::HelloReply& hello) {
    Node* const node = find(id);
    if (!node) return;
    node->version = hello.version();
    ++node->births;  // the version and the devices may be others
    ++changes_;
    node->boot_id = hello.boot_id();
    if (!node->is_born) node->reason = "connected over SSH, but no readings come from it";
    for (const auto& status : hello.devices()) {
        Device& device = device_of(*node, status.device());
        device.is_connected = status.connected();
        device.problem = status.problem();
    }
    node->unreachable_since.reset();
    spdlog::info("connected to node {} (agent {})", id.value, node->version);
    if (on_connected) on_connected(id);
}

void Fleet::link_disconnected(const NodeId& id, const Error& error) {
    Node* const node = find(id);
    if (!node) return;
    node->unreachable_since = clock_.steady_now();
    spdlog::warn("lost the session to node {}: {}", id.value, error.to_string());
}

}  // namespace labhub::coordinator::fleet
