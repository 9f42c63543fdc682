#include "coordinator/api/lease_view.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/domain/fleet/condition.hpp"

namespace labhub::coordinator::api {
namespace {

struct NodeDevice {
    std::string device;
    bool connected = false;
    std::string problem;
    std::optional<LeaseView> lease;
};
BOOST_DESCRIBE_STRUCT(NodeDevice, (), (device, connected, problem, lease))
struct NodeSpool {
    std::int64_t rows = 0, bytes = 0, dropped = 0, dropped_readings = 0, dropped_state_changes = 0, dropped_alarms = 0,
                 replaced = 0;
    std::optional<std::int64_t> dropped_at;
    std::string problem;
};
BOOST_DESCRIBE_STRUCT(NodeSpool, (),
                      (rows, bytes, dropped, dropped_readings, dropped_state_changes, dropped_alarms, replaced,
                       dropped_at, problem))
struct NodeClock {
    std::string state;
    std::int64_t steps = 0, last_step_ms = 0;
};
BOOST_DESCRIBE_STRUCT(NodeClock, (), (state, steps, last_step_ms))
struct NodeView {
    std::string node, state, reason, version, link, host_key;
    bool leaving = false;
    std::optional<std::int64_t> last_seen, since;
    std::optional<NodeSpool> spool;
    std::optional<NodeClock> clock;
    std::int64_t refused_readings = 0;
    std::string refused_last;
    std::vector<NodeDevice> devices;
};
BOOST_DESCRIBE_STRUCT(NodeView, (),
                      (node, state, reason, version, link, host_key, leaving, last_seen, since, spool, clock,
                       refused_readings, refused_last, devices))
}  // namespace
template <>
struct MemberDocs<NodeSpool> {
    static constexpr MemberDoc list[] = {
        {"rows", "batches of readings the node keeps because they are not in the store yet"},
        {"dropped", "rows there was no room for since the agent's start: what the hub had not got by then is lost"},
        {"replaced", "damaged spools set aside since the agent's start"},
        {"dropped_at",
         "when the node last told of a loss, in milliseconds of UTC since 1970; null when it hasn't since the "
         "coordinator's start"},
        {"problem", "why readings can't be written to its disk now; empty when they can"}};
};
template <>
struct MemberDocs<NodeClock> {
    static constexpr MemberDoc list[] = {
        {"state", "synchronised, unsynchronised, or trusted: the agent was told not to look"},
        {"steps", "how often it was set since the agent's start, rather than slewed"},
        {"last_step_ms", "how far the last time; positive: forward"}};
};
template <>
struct MemberDocs<NodeView> {
    static constexpr MemberDoc list[] = {
        {"state", "online (readings come), stale (alive, but none come) or offline"},
        {"link", "connected, or why the SSH session to it isn't"},
        {"host_key", "the SSH host key it is enrolled with"},
        {"leaving", "not listed any more, and let go as soon as nobody leases a device of it"},
        {"last_seen", "milliseconds of UTC since 1970; null when it hasn't been seen"},
        {"since",
         "when its readings began to come, or ceased, in milliseconds of UTC since "
         "1970; null when it hasn't been seen"},
        {"spool", "null when the node says nothing of one"},
        {"clock", "null when the node says nothing of it"},
        {"refused_readings",
         "readings set aside since the coordinator's start: they say times before "
         "2000 or more than a day ahead"},
        {"refused_last", "the last of these, and the time it says"}};
};
namespace {
struct EnrolmentView {
    std::string file;
    std::optional<std::int64_t> taken;
    std::string problem;
};
BOOST_DESCRIBE_STRUCT(EnrolmentView, (), (file, taken, problem))
struct NodeList {
    std::vector<NodeView> nodes;
    EnrolmentView enrolment;
};
BOOST_DESCRIBE_STRUCT(NodeList, (), (nodes, enrolment))
}  // namespace
template <>
struct MemberDocs<EnrolmentView> {
    static constexpr MemberDoc list[] = {
        {"file", "the list of enrolled nodes"},
        {"taken", "when it was last read and taken, in milliseconds of UTC since 1970"},
        {"problem",
         "what is wrong with the file as it is now, so that the list before it is in force; empty: nothing"}};
};
namespace {

std::string link_text(const fleet::Node& node) {
    if (node.link->is_connected()) return "connected";
    const auto why = node.link->last_error();
    return why ? why->to_string() : "connecting";
}

std::optional<NodeSpool> spool_of(const fleet::Node& node) {
    const auto spool = fleet::spool_condition(node.metrics);
    if (!spool) return std::nullopt;
    NodeSpool shown;
    shown.rows = spool->rows;
    shown.bytes = spool->bytes;
    shown.dropped = spool->dropped;
    shown.dropped_readings = spool->dropped_readings;
    shown.dropped_state_changes = spool->dropped_state_changes;
    shown.dropped_alarms = spool->dropped_alarms;
    shown.replaced = spool->replaced;
    if (node.spool_dropped_at) shown.dropped_at = node.spool_dropped_at->count;
    shown.problem = spool->problem;
    return shown;
}

std::optional<NodeClock> clock_of(const fleet::Node& node) {
    const auto clock = fleet::clock_condition(node.metrics);
    if (!clock) return std::nullopt;
    return NodeClock{clock->state, clock->steps, clock->last_step_ms};
}

Task<Result<NodeList>> list_nodes(Services& services, Call, Nothing) {
    NodeList reply;
    for (const auto& [id, node] : services.fleet.nodes()) {
        NodeView shown;
        shown.node = id.value;
        shown.state = to_string(node.state());
        shown.reason = node.reason;
        shown.version = node.version;
        shown.link = link_text(node);
        shown.host_key = node.link->enrolment().host_key_fingerprint;
        shown.leaving = node.is_leaving;
        if (node.last_seen) shown.last_seen = node.last_seen->count;
        if (node.since) shown.since = node.since->count;
        shown.spool = spool_of(node);
        shown.clock = clock_of(node);
        shown.refused_readings = static_cast<std::int64_t>(node.refused_readings);
        shown.refused_last = node.refused_last;
        for (const auto& [name, device] : node.devices) {
            shown.devices.push_back({device.address.to_string(), device.is_connected, device.problem,
                                     lease_view(services.leases, device.address)});
        }
        reply.nodes.push_back(std::move(shown));
    }
    const fleet::EnrolmentList& list = services.fleet.enrolment_list;
    reply.enrolment.file = list.file;
    if (list.taken) reply.enrolment.taken = list.taken->count;
    reply.enrolment.problem = list.problem;
    co_return reply;
}

}  // namespace

void add_nodes(std::vector<Operation>& list) {
    list.push_back(with_handler(Operation{"GET",
                                          "/api/nodes",
                                          "listNodes",
                                          "nodes",
                                          "The machines with an agent, and how they are",
                                          Access::user_or_job,
                                          {},
                                          {},
                                          {},
                                          "application/json",
                                          {}},
                                &list_nodes));
}

}  // namespace labhub::coordinator::api
