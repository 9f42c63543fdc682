// What describes the hub itself: the OpenAPI document and the metrics for Prometheus.
#include "coordinator/api/metrics.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/domain/fleet/condition.hpp"
#include "shared/base/text.hpp"

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

/// Of so many nodes each has series of its own, in the order of their names; a scrape must stay small.
constexpr std::int64_t kNodesWithSeries = 2'000;

/// What the nodes' agents say of themselves. The sums are over all of them.
void add_node_conditions(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto add = [&now](const char* name, const char* help, bool is_counter, const NodeId& node, double value) {
        now.push_back({name, help, is_counter, "node", node.value, value});
    };
    double rows = 0;
    std::int64_t shown = 0;
    for (const auto& [id, node] : services.fleet.nodes()) {
        const auto spool = fleet::spool_condition(node.metrics);
        const auto clock = fleet::clock_condition(node.metrics);
        if (spool) rows += static_cast<double>(spool->rows);
        if (++shown > kNodesWithSeries) continue;
        if (spool) {
            add("labhub_node_spool_rows", "Batches of readings a node keeps as they are not in the store yet", false,
                id, static_cast<double>(spool->rows));
            add("labhub_node_spool_bytes", "The same in bytes", false, id, static_cast<double>(spool->bytes));
            add("labhub_node_spool_dropped_total", "Batches a node's spool had no room for, since its agent's start",
                true, id, static_cast<double>(spool->dropped));
            add("labhub_node_spool_failing", "1 while a node can't write to its spool", false, id,
                spool->problem.empty() ? 0 : 1);
        }
        if (clock)
            add("labhub_node_clock_synchronised", "0 while a node's clock isn't, and its readings are marked", false,
                id, clock->is_synchronised() ? 1 : 0);
    }
    now.push_back({"labhub_nodes_spool_rows", "labhub_node_spool_rows of all nodes together", false, "", "", rows});
    now.push_back({"labhub_nodes_without_series", "Nodes left out of the series labhub_node_…, for their number", false,
                   "", "", static_cast<double>(std::max<std::int64_t>(0, shown - kNodesWithSeries))});
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

void add_result_gauges(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto& report = services.retention.report();
    const auto add = [&](std::string name, std::string help, bool is_counter, std::int64_t value) {
        now.push_back({std::move(name), std::move(help), is_counter, "", "", static_cast<double>(value)});
    };
    add("labhub_results", "Results that are there", false, report.results);
    add("labhub_results_bytes", "Bytes of those on the disk", false, report.bytes);
    add("labhub_results_free_bytes", "Bytes that are free on their file system", false, report.free);
    add("labhub_results_removed_total", "Results that retention removed since the start", true, report.removed_total);
    add("labhub_results_retention_failing", "1 while retention can't do what its rules say", false,
        report.problem.empty() ? 0 : 1);
    if (report.last_run)
        add("labhub_results_retention_last_run_seconds", "When retention last ran, in seconds since 1970", false,
            report.last_run->count / 1000);
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

void add_ingest_counters(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto seen = services.recorder.ingest_counters();
    now.push_back({"labhub_ingest_messages_total", "Messages of nodes received", true, "", "",
                   static_cast<double>(seen.messages)});
    const std::pair<const char*, std::uint64_t> events[] = {
        {"malformed", seen.malformed},
        {"gap", seen.gaps},
        {"before_birth", seen.before_birth},
        {"unknown_metric", seen.unknown_metrics},
        {"unsupported_metric", seen.unsupported_metrics},
        {"retained", seen.refused_retained},
        {"foreign_death", seen.refused_deaths},
        {"refused_time", seen.refused_times},
        {"type_change", seen.type_changes},
        {"impostor", seen.impostors},
        {"rebirth_requested", seen.rebirths_requested},
        {"broker_connected", seen.broker_connections},
        {"given_up", seen.given_up_values},
        {"forgotten_node", seen.forgotten_nodes},
        {"crowded_wait", seen.crowded_waits},
        {"reading_pause", seen.reading_pauses},
    };
    for (const auto& [kind, count] : events)
        now.push_back({"labhub_ingest_events_total", "What was out of order in the nodes' messages", true, "kind", kind,
                       static_cast<double>(count)});
    now.push_back({"labhub_ingest_given_up",
                   "Metrics, devices and kinds of message left out, as no birth of their nodes puts them right", false,
                   "", "", static_cast<double>(seen.given_up)});
    now.push_back({"labhub_ingest_nodes", "Nodes that speak or have spoken, enrolled or not", false, "", "",
                   static_cast<double>(seen.nodes)});
    now.push_back({"labhub_ingest_held_bytes", "Messages that wait for one that came too late", false, "", "",
                   static_cast<double>(seen.held_bytes)});
}

void add_recorder_counters(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto counts = services.recorder.counts();
    now.push_back({"labhub_samples_stored_total", "Readings stored", true, "", "", static_cast<double>(counts.stored)});
    now.push_back({"labhub_samples_duplicate_total", "Readings received again and ignored", true, "", "",
                   static_cast<double>(counts.duplicates)});
    now.push_back({"labhub_samples_dropped_total",
                   "Readings there was no room for; their nodes keep them and send them again", true, "", "",
                   static_cast<double>(counts.dropped)});
    now.push_back({"labhub_samples_waiting", "Readings received and not stored yet", false, "", "",
                   static_cast<double>(counts.waiting)});
    const auto& limits = telemetry::StoredWithin::kMilliseconds;
    double below = 0;
    for (std::size_t i = 0; i < counts.stored_within.samples.size(); ++i) {
        below += static_cast<double>(counts.stored_within.samples[i]);
        now.push_back({"labhub_sample_stored_seconds_bucket", "Time from a live reading to its being on disk", true,
                       "le", i < limits.size() ? format_number(limits[i] / 1000.) : "+Inf", below});
    }
}

void add_store_gauges(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto store = services.telemetry_store.statistics();
    struct Row {
        const char* name;
        const char* help;
        bool is_counter;
        std::uint64_t value;
    };
    const Row rows[] = {
        {"labhub_telemetry_series", "Metrics with readings in the store", false, store.series},
        {"labhub_telemetry_samples", "Readings in the store", false, store.samples},
        {"labhub_telemetry_unsealed_samples", "Readings in the journal, not packed yet", false, store.unsealed_samples},
        {"labhub_telemetry_partitions", "Files of packed readings", false, store.partitions},
        {"labhub_telemetry_blocks", "Packed blocks", false, store.blocks},
        {"labhub_telemetry_bytes", "Packed readings on disk", false, store.partition_bytes},
        {"labhub_telemetry_journal_bytes", "The journal on disk", false, store.journal_bytes},
        {"labhub_telemetry_quarantined_blocks", "Damaged blocks set aside", false, store.quarantined_blocks},
        {"labhub_telemetry_refused_total", "Readings refused for impossible times", true, store.refused},
        {"labhub_telemetry_deleted_partitions_total", "Files deleted for age or size", true, store.deleted_partitions},
    };
    for (const auto& row : rows)
        now.push_back({row.name, row.help, row.is_counter, "", "", static_cast<double>(row.value)});
}

void add_alarm_gauges(const Services& services, std::vector<Metrics::Reading>& now) {
    const auto counts = services.alarms.counts();
    for (const auto& [severity, count] : counts.active)
        now.push_back({"labhub_alarms", "Active alarms by severity", false, "severity",
                       std::string(alarm::to_string(severity)), static_cast<double>(count)});
    now.push_back({"labhub_alarms_unacknowledged", "Alarms nobody has acknowledged", false, "", "",
                   static_cast<double>(counts.unacknowledged)});
    now.push_back({"labhub_alarms_raised_total", "Alarms raised since the start", true, "", "",
                   static_cast<double>(counts.raised)});
    now.push_back({"labhub_alarm_rules", "Rules that watch metrics", false, "", "", static_cast<double>(counts.rules)});
    for (const auto& channel : services.notifier.state()) {
        now.push_back({"labhub_notifications_total", "Messages delivered, by channel", true, "channel", channel.name,
                       static_cast<double>(channel.delivered)});
        now.push_back({"labhub_notification_failures_total", "Attempts to deliver that failed, by channel", true,
                       "channel", channel.name, static_cast<double>(channel.failed)});
    }
}

Task<Result<http::Response>> get_metrics(Services& services, Call, Nothing) {
    std::vector<Metrics::Reading> now;
    add_node_gauges(services, now);
    add_node_conditions(services, now);
    add_job_gauges(services, now);
    add_result_gauges(services, now);
    add_broker_gauges(services, now);
    add_alarm_gauges(services, now);
    add_ingest_counters(services, now);
    add_recorder_counters(services, now);
    add_store_gauges(services, now);
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
