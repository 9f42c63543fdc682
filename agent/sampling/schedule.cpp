#include "agent/sampling/schedule.hpp"

namespace labhub::agent::sampling {

std::vector<std::string> Schedule::begin(const std::vector<MetricInfo>& metrics, Steady::time_point now) {
    groups_.clear();
    auto unused = overrides_;
    for (const MetricInfo& metric : metrics) {
        const auto own = overrides_.find(metric.name);
        Group& group = groups_[own == overrides_.end() ? period_ : own->second];
        group.metrics.push_back(metric.name);
        group.next = now;
        unused.erase(metric.name);
    }
    std::vector<std::string> unknown;
    for (const auto& [name, period] : unused) unknown.push_back(name);
    return unknown;
}

Steady::time_point Schedule::next() const {
    auto earliest = Steady::time_point::max();
    for (const auto& [period, group] : groups_) earliest = std::min(earliest, group.next);
    return earliest;
}

std::vector<std::string> Schedule::take_due(Steady::time_point now) {
    std::vector<std::string> due;
    for (auto& [period, group] : groups_) {
        if (group.next > now) continue;
        due.insert(due.end(), group.metrics.begin(), group.metrics.end());
        const auto missed = (now - group.next) / period;
        group.next += period * (missed + 1);
    }
    return due;
}

}  // namespace labhub::agent::sampling
