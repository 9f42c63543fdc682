#include "coordinator/domain/jobs/description.hpp"

#include "coordinator/domain/images/image.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<UtcMillis>& time) {
    return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::object describe_request(const Job& job) {
    json::object environment;
    for (const auto& [name, value] : job.environment) environment[name] = value;
    json::array alarms, inputs;
    for (const auto& declared : job.alarms) alarms.push_back(coordinator::alarms::to_json_object(declared));
    for (const auto& input : job.inputs)
        inputs.push_back(json::object{{"name", input.name}, {"size", input.size}, {"sha256", input.sha256}});
    json::object limits{{"memory_bytes", job.limits.memory_bytes},
                        {"cpus", job.limits.cpus},
                        {"pids", job.limits.pids},
                        {"time_limit_ms", job.limits.time.count()},
                        {"output_bytes", job.limits.output_bytes},
                        {"log_bytes", job.limits.log_bytes},
                        {"tmp_bytes", job.limits.tmp_bytes}};
    return json::object{{"params", job.params},
                        {"inputs", std::move(inputs)},
                        {"needs", to_json_object(job.needs)},
                        {"environment", std::move(environment)},
                        {"limits", std::move(limits)},
                        {"alarms", std::move(alarms)}};
}

json::array describe_pauses(const Job& job) {
    json::array described;
    for (const auto& pause : job.pauses)
        described.push_back(json::object{{"since", to_rfc3339(pause.since)},
                                         {"until", time_or_null(pause.until)},
                                         {"actuators", to_string(pause.actuators)},
                                         {"who", pause.who},
                                         {"reason", pause.reason}});
    return described;
}

}  // namespace

json::object describe_job(const Job& job) {
    json::object times{{"created", to_rfc3339(job.created)},
                       {"started", time_or_null(job.started)},
                       {"ended", time_or_null(job.ended)}};
    json::object versions{{"labhub", LABHUB_VERSION}, {"runtime", job.runtime}};
    return json::object{
        {"experiment_id", job.id.value},
        {"status", to_string(job.status)},
        {"reason", job.reason},
        {"message", job.message},
        {"exit_code", job.exit_code ? json::value(*job.exit_code) : json::value(nullptr)},
        {"signal", job.signal ? json::value(*job.signal) : json::value(nullptr)},
        {"requested_by", job.requested_by},
        {"requester_name", job.requester_name},
        {"device", job.has_device() ? json::value(job.device_name()) : json::value(nullptr)},
        {"dry_run", job.dry_run.has_value()},
        {"node", job.has_device() ? json::value(job.device.node.value) : json::value(nullptr)},
        {"image", job.image.empty() ? std::string(images::kHostImage) : job.image},
        {"image_digest", job.image_digest},
        {"request", describe_request(job)},
        {"tags", json::array(job.labels.tags.begin(), job.labels.tags.end())},
        {"note", job.labels.note},
        {"restarted_from", job.restarted_from.empty() ? json::value(nullptr) : json::value(job.restarted_from.value)},
        {"times", std::move(times)},
        {"pauses", describe_pauses(job)},
        {"versions", std::move(versions)},
        {"peak_memory_bytes", job.peak_memory_bytes ? json::value(*job.peak_memory_bytes) : json::value(nullptr)},
        {"cpu_ms", job.cpu_ms ? json::value(*job.cpu_ms) : json::value(nullptr)}};
}

json::array describe_metrics(const std::vector<MetricInfo>& metrics) {
    json::array described;
    for (const auto& metric : metrics) {
        described.push_back(
            json::object{{"name", metric.name},
                         {"kind", to_string(metric.kind)},
                         {"type", to_string(metric.type)},
                         {"unit", metric.unit},
                         {"minimum", metric.minimum ? json::value(*metric.minimum) : json::value(nullptr)},
                         {"maximum", metric.maximum ? json::value(*metric.maximum) : json::value(nullptr)},
                         {"safe_value", value_to_json(metric.safe_value)}});
    }
    return described;
}

}  // namespace labhub::coordinator::jobs
