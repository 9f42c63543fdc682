#include "coordinator/api/metrics.hpp"

#include <map>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace labhub::coordinator::api {
namespace {

const prometheus::Histogram::BucketBoundaries kCommandBuckets{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                              0.1,    0.25,  0.5,   1,     2.5,  5};
const prometheus::Histogram::BucketBoundaries kHttpBuckets{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};

}  // namespace

struct Metrics::State {
    prometheus::Registry registry;
    prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                            .Name("labhub_http_requests_total")
                                                            .Help("HTTP requests by operation and status")
                                                            .Register(registry);
    prometheus::Family<prometheus::Histogram>& request_seconds = prometheus::BuildHistogram()
                                                                     .Name("labhub_http_request_seconds")
                                                                     .Help("Time to answer, by operation")
                                                                     .Register(registry);
    prometheus::Family<prometheus::Counter>& commands = prometheus::BuildCounter()
                                                            .Name("labhub_commands_total")
                                                            .Help("Actuator commands by outcome")
                                                            .Register(registry);
    prometheus::Histogram& command_seconds = prometheus::BuildHistogram()
                                                 .Name("labhub_command_seconds")
                                                 .Help("From request to the device's acknowledgement")
                                                 .Register(registry)
                                                 .Add({}, kCommandBuckets);
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::observe_http(std::string_view operation, int status, double seconds) {
    const std::string name(operation);
    state_->requests.Add({{"operation", name}, {"status", std::to_string(status)}}).Increment();
    state_->request_seconds.Add({{"operation", name}}, kHttpBuckets).Observe(seconds);
}

void Metrics::observe_command(std::string_view outcome, double seconds) {
    state_->commands.Add({{"outcome", std::string(outcome)}}).Increment();
    if (outcome == "applied") state_->command_seconds.Observe(seconds);
}

std::string Metrics::text(const std::vector<Reading>& now) const {
    auto families = state_->registry.Collect();
    std::map<std::string, prometheus::MetricFamily> gauges;
    for (const auto& reading : now) {
        auto& family = gauges[reading.name];
        family.name = reading.name;
        family.help = reading.help;
        family.type = reading.is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
        prometheus::ClientMetric metric;
        if (!reading.label.empty()) metric.label.push_back({reading.label, reading.label_value});
        if (reading.is_counter)
            metric.counter.value = reading.value;
        else
            metric.gauge.value = reading.value;
        family.metric.push_back(std::move(metric));
    }
    for (auto& [name, family] : gauges) families.push_back(std::move(family));
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace labhub::coordinator::api
