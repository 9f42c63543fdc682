// What describes the hub itself: the OpenAPI document and the metrics for Prometheus.
#include "coordinator/api/metrics.hpp"
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

Task<Result<http::Response>> get_openapi(Services&, Call, Nothing) {
    static const std::string document = to_pretty_json(openapi_document(all_operations()));
    co_return http::text_response(200, "application/json", document);
}

void add_node_gauges(const Services& services, std::vector<Metrics::Reading>& now) {
    std::map<std::string_view, double> by_state{{"online", 0}, {"stale", 0}, {"offline", 0}};
    for (const auto& [id, node] : services.fleet.nodes()) ++by_state[to_string(node.state())];
    for (const auto& [state, count] : by_state)
        now.push_back({"labhub_nodes", "Enrolled nodes by state", false, "state", std::string(state), count});
}

void add_job_gauges(const Services& services, std::vector<Metrics::Reading>& now) {
    std::map<std::string_view, double> by_status;
    for (const auto status :
         {jobs::Status::queued, jobs::Status::preparing, jobs::Status::running, jobs::Status::stopping,
          jobs::Status::completed, jobs::Status::failed, jobs::Status::stopped, jobs::Status::timed_out})
        by_status[to_string(status)] = 0;
    for (const jobs::Job* job : services.jobs.list()) ++by_status[to_string(job->status)];
    for (const auto& [status, count] : by_status)
        now.push_back({"labhub_jobs", "Experiments by status", false, "status", std::string(status), count});
}

void add_broker_gauges(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto& broker = services.broker.status();
    now.push_back(
        {"labhub_broker_connected", "1 while the broker answers", false, "", "", broker.is_connected ? 1. : 0.});
    if (broker.clients_connected)
        now.push_back({"labhub_broker_clients", "Clients connected to the broker", false, "", "",
                       static_cast<double>(*broker.clients_connected)});
    if (broker.messages_dropped)
        now.push_back({"labhub_broker_dropped_messages_total", "Messages the broker threw away since its own start",
                       true, "", "", static_cast<double>(*broker.messages_dropped)});
}

Task<Result<http::Response>> get_metrics(Services& services, Call, Nothing) {
    std::vector<Metrics::Reading> now;
    add_node_gauges(services, now);
    add_job_gauges(services, now);
    add_broker_gauges(services, now);
    const auto counts = services.recorder.counts();
    now.push_back({"labhub_samples_stored_total", "Readings stored", true, "", "", static_cast<double>(counts.stored)});
    now.push_back({"labhub_samples_duplicate_total", "Readings received again and ignored", true, "", "",
                   static_cast<double>(counts.duplicates)});
    now.push_back({"labhub_samples_dropped_total", "Readings given up while the store failed", true, "", "",
                   static_cast<double>(counts.dropped)});
    now.push_back({"labhub_samples_waiting", "Readings received and not stored yet", false, "", "",
                   static_cast<double>(counts.waiting)});
    now.push_back(
        {"labhub_leases", "Devices under a lease", false, "", "", static_cast<double>(services.leases.size())});
    co_return http::text_response(200, "text/plain; version=0.0.4; charset=utf-8", services.metrics.text(now));
}

Operation row(std::string path, std::string id, std::string summary, std::string type) {
    return Operation{"GET",
                     std::move(path),
                     std::move(id),
                     "documents",
                     std::move(summary),
                     Access::user,
                     {},
                     {},
                     {},
                     std::move(type),
                     {}};
}

}  // namespace

void add_documents(std::vector<Operation>& list) {
    list.push_back(with_handler(
        row("/openapi.json", "getOpenApi", "This API as an OpenAPI 3.1 document", "application/json"), &get_openapi));
    list.push_back(with_handler(row("/metrics", "getMetrics", "Metrics in the Prometheus text format", "text/plain"),
                                &get_metrics));
}

}  // namespace labhub::coordinator::api
