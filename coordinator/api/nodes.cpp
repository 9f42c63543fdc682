#include "coordinator/api/lease_view.hpp"
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

struct NodeDevice {
    std::string device;
    bool connected = false;
    std::string problem;
    std::optional<LeaseView> lease;
};
BOOST_DESCRIBE_STRUCT(NodeDevice, (), (device, connected, problem, lease))
struct NodeView {
    std::string node, state, reason, version, link;
    std::optional<std::int64_t> last_seen, since;
    std::vector<NodeDevice> devices;
};
BOOST_DESCRIBE_STRUCT(NodeView, (), (node, state, reason, version, link, last_seen, since, devices))
}  // namespace
template <>
struct MemberDocs<NodeView> {
    static constexpr MemberDoc list[] = {{"state", "online (readings come), stale (alive, but none come) or offline"},
                                         {"link", "connected, or why the SSH session to it isn't"},
                                         {"last_seen", "milliseconds of UTC since 1970; null when it hasn't been seen"},
                                         {"since",
                                          "when its readings began to come, or ceased, in milliseconds of UTC since "
                                          "1970; null when it hasn't been seen"}};
};
namespace {
struct NodeList {
    std::vector<NodeView> nodes;
};
BOOST_DESCRIBE_STRUCT(NodeList, (), (nodes))

std::string link_text(const fleet::Node& node) {
    if (node.link->is_connected()) return "connected";
    const auto why = node.link->last_error();
    return why ? why->to_string() : "connecting";
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
        if (node.last_seen) shown.last_seen = node.last_seen->count;
        if (node.since) shown.since = node.since->count;
        for (const auto& [name, device] : node.devices) {
            shown.devices.push_back({device.address.to_string(), device.is_connected, device.problem,
                                     lease_view(services.leases, device.address)});
        }
        reply.nodes.push_back(std::move(shown));
    }
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
