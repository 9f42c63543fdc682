#include "firmware-bridge/drivers/board/doubtful_outputs.hpp"

#include <algorithm>

namespace labhub::firmware_bridge {

void DoubtfulOutputs::doubt(const MetricInfo& metric) {
    if (metric.kind == MetricKind::actuator) outputs_.insert_or_assign(metric.name, Doubt{metric.safe_value, moment_});
}

void DoubtfulOutputs::add(const std::vector<MetricInfo>& metrics, const std::vector<Setpoint>& written) {
    ++moment_;
    for (const auto& setpoint : written)
        if (const auto metric = find_metric(metrics, setpoint.metric)) doubt(**metric);
}

void DoubtfulOutputs::add_all(const std::vector<MetricInfo>& metrics) {
    ++moment_;
    for (const auto& metric : metrics) doubt(metric);
}

void DoubtfulOutputs::written(const std::vector<Setpoint>& setpoints) {
    for (const auto& setpoint : setpoints) outputs_.erase(setpoint.metric);
}

void DoubtfulOutputs::settled(const Batch& batch) {
    for (const auto& setpoint : batch.to_safe) {
        const auto known = outputs_.find(setpoint.metric);
        if (known != outputs_.end() && known->second.since <= batch.moment) outputs_.erase(known);
    }
}

DoubtfulOutputs::Batch DoubtfulOutputs::take(std::size_t most, const std::vector<Setpoint>& besides) const {
    Batch batch{{}, moment_};
    for (const auto& [name, doubt] : outputs_) {
        if (batch.to_safe.size() >= most) break;
        const bool is_named = std::any_of(besides.begin(), besides.end(),
                                          [&](const Setpoint& setpoint) { return setpoint.metric == name; });
        if (!is_named) batch.to_safe.push_back({name, doubt.safe});
    }
    return batch;
}

}  // namespace labhub::firmware_bridge
