#include "coordinator/api/operations.hpp"
#include "coordinator/domain/fleet/condition.hpp"

namespace labhub::coordinator::api {
namespace {

struct Degradation {
    std::string part, why;
};
BOOST_DESCRIBE_STRUCT(Degradation, (), (part, why))
struct Health {
    std::string status = "healthy";
    std::string version = LABHUB_VERSION;
    std::string launcher;
    std::int64_t nodes_online = 0, nodes = 0;
    std::vector<Degradation> degraded;
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, version, launcher, nodes_online, nodes, degraded))
}  // namespace
template <>
struct MemberDocs<Health> {
    static constexpr MemberDoc list[] = {{"status", "healthy, or degraded when anything is listed below"},
                                         {"launcher", "who starts the sandboxes' runners, and why: spawn or systemd"}};
};
namespace {

/// So long after a node last told of lost readings it stands in here, for those who look now and then.
constexpr std::chrono::hours kTellOfLoss{1};

/// An unsynchronised clock is no degradation: a lab without a time server would never be healthy.
void add_spool(const fleet::Node& node, UtcMillis now, std::vector<Degradation>& degraded) {
    const auto spool = fleet::spool_condition(node.metrics);
    if (!spool) return;
    const std::string part = "spool of node " + node.id.value;
    if (!spool->problem.empty()) degraded.push_back({part, "readings are in memory only: " + spool->problem});
    if (node.spool_dropped_at && now - *node.spool_dropped_at < kTellOfLoss)
        degraded.push_back({part, std::to_string(spool->dropped) +
                                      " rows had no room since its agent's start, last told at " +
                                      to_rfc3339(*node.spool_dropped_at)});
}

Task<Result<Health>> get_health(Services& services, Call, Nothing) {
    Health reply;
    reply.launcher = services.jobs.launcher();
    if (!services.recorder.is_broker_connected())
        reply.degraded.push_back({"broker", services.recorder.broker_problem()});
    if (const auto counts = services.recorder.counts(); counts.is_failing)
        reply.degraded.push_back({"telemetry store", counts.failure});
    if (const auto store = services.telemetry_store.statistics(); !store.failure.empty())
        reply.degraded.push_back({"telemetry store", store.failure});
    if (const auto& problem = services.retention.report().problem; !problem.empty())
        reply.degraded.push_back({"results", problem});
    if (const auto& problem = services.alarms.journal().problem(); !problem.empty())
        reply.degraded.push_back({"alarm history", problem});
    for (const auto& channel : services.notifier.state())
        if (!channel.problem.empty())
            reply.degraded.push_back({"alarm notifications by " + channel.name, channel.problem});
    // Anyone may ask here: what is wrong with the file stands in GET /api/nodes.
    if (!services.fleet.enrolment_list.problem.empty())
        reply.degraded.push_back({"list of nodes", "the file has a mistake, and the list before it is in force"});
    for (const auto& [id, node] : services.fleet.nodes()) {
        ++reply.nodes;
        const auto state = node.state();
        if (state == fleet::NodeState::online)
            ++reply.nodes_online;
        else
            reply.degraded.push_back({"node " + id.value, std::string(to_string(state)) + ": " + node.reason});
        add_spool(node, services.clock.utc_now(), reply.degraded);
        if (!node.link->is_connected()) {
            const auto why = node.link->last_error();
            reply.degraded.push_back({"session to node " + id.value, why ? why->to_string() : "connecting"});
        }
    }
    if (!reply.degraded.empty()) reply.status = "degraded";
    co_return reply;
}

}  // namespace

void add_health(std::vector<Operation>& list) {
    list.push_back(with_handler(Operation{"GET",
                                          "/health",
                                          "getHealth",
                                          "health",
                                          "Whether all is well, and what isn't",
                                          Access::anyone,
                                          {},
                                          {},
                                          {},
                                          "application/json",
                                          {}},
                                &get_health));
}

}  // namespace labhub::coordinator::api
