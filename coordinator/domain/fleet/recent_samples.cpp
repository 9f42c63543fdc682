#include "coordinator/domain/fleet/recent_samples.hpp"

#include <algorithm>

namespace labhub::coordinator::fleet {
namespace {

/// A device that is born again and again with other metrics must not leave its old names here for ever.
constexpr std::size_t kMostNames = 20'000;

}  // namespace

void RecentSamples::add(UtcMillis time, const std::string& metric, const Value& value) {
    if (!samples_.empty() && time < newest()) return;
    const std::uint32_t number = number_of(metric);
    if (samples_.empty() || time > newest()) begin(time);
    auto& values = samples_.back().values;
    Metric& its = metrics_[number];
    if (its.last_in == begun_) {
        values[its.place].second = value;
        return;
    }
    its.last_in = begun_;
    its.place = values.size();
    values.emplace_back(number, value);
}

void RecentSamples::begin(UtcMillis time) {
    const std::size_t usual = samples_.empty() ? 0 : samples_.back().values.size();
    if (!samples_.empty()) samples_.back().values.shrink_to_fit();
    samples_.push_back({time, {}});
    samples_.back().values.reserve(usual);
    ++begun_;
}

std::uint32_t RecentSamples::number_of(const std::string& metric) {
    if (const auto known = numbers_.find(metric); known != numbers_.end()) return known->second;
    if (metrics_.size() >= kMostNames) clear();
    const auto number = static_cast<std::uint32_t>(metrics_.size());
    metrics_.push_back({&numbers_.emplace(metric, number).first->first});
    return number;
}

void RecentSamples::keep(std::size_t most) {
    while (samples_.size() > most) samples_.pop_front();
}

void RecentSamples::clear() {
    samples_.clear();
    metrics_.clear();
    numbers_.clear();
}

std::vector<Sample> RecentSamples::after(UtcMillis after, std::size_t limit) const {
    std::vector<Sample> found;
    auto next = std::upper_bound(samples_.begin(), samples_.end(), after,
                                 [](UtcMillis time, const Packed& sample) { return time < sample.time; });
    for (; next != samples_.end() && found.size() < limit; ++next) {
        Sample& sample = found.emplace_back();
        sample.time = next->time;
        for (const auto& [number, value] : next->values) sample.values.emplace(*metrics_[number].name, value);
    }
    return found;
}

}  // namespace labhub::coordinator::fleet
