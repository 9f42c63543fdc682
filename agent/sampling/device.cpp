#include "agent/sampling/device.hpp"

#include <algorithm>

#include "agent/sampling/rising_time.hpp"

namespace labhub::agent::sampling {

std::string Device::problem() const { return connected_ ? std::string{} : problem_; }

bool Device::tells_of_change(const Reading& reading) const {
    const auto known = latest_.find(reading.metric);
    if (known == latest_.end()) return false;
    if (known->second.quality != reading.quality) return true;
    if (known->second.value == reading.value) return false;
    const auto info = std::find_if(metrics().begin(), metrics().end(),
                                   [&](const MetricInfo& metric) { return metric.name == reading.metric; });
    if (info == metrics().end()) return false;
    const bool is_number = info->type == ValueType::number || info->type == ValueType::integer;
    return info->kind == MetricKind::actuator || !is_number;
}

std::vector<Reading> Device::prime(std::vector<Reading> readings) {
    bool went_back = false;
    for (Reading& reading : readings) {
        if (is_set_back(reading.time, floor_)) floor_ = {};
        auto [known, is_new] = latest_.try_emplace(reading.metric, reading);
        const UtcMillis before = is_new ? found_at_.value_or(UtcMillis{}) : known->second.time;
        const UtcMillis time = rising_time(reading.time, std::max(floor_, before));
        went_back = went_back || time < before;
        reading.time = time;
        known->second = reading;
    }
    if (went_back && step_listener_) step_listener_(*this);
    return readings;
}

std::vector<Reading> Device::accept_found(std::vector<Reading> readings) {
    readings = prime(std::move(readings));
    const Listener& listener = change_listener_ ? change_listener_ : listener_;
    if (listener && !readings.empty()) listener(*this, readings);
    return readings;
}

std::vector<Reading> Device::accept(std::vector<Reading> readings) {
    std::vector<bool> changes(readings.size());
    if (change_listener_)
        for (std::size_t i = 0; i < readings.size(); ++i) changes[i] = tells_of_change(readings[i]);
    readings = prime(std::move(readings));
    std::vector<Reading> plain, changed;
    for (std::size_t i = 0; i < readings.size(); ++i) (changes[i] ? changed : plain).push_back(readings[i]);
    if (!changed.empty()) change_listener_(*this, std::move(changed));
    if (listener_ && !plain.empty()) listener_(*this, std::move(plain));
    return readings;
}

void Device::accept_failure(const std::vector<std::string>& metrics) {
    std::vector<Reading> failed;
    for (const MetricInfo& metric : this->metrics()) {
        if (!metrics.empty() && std::find(metrics.begin(), metrics.end(), metric.name) == metrics.end()) continue;
        const auto known = latest_.find(metric.name);
        if (known != latest_.end() && known->second.quality == Quality::bad) continue;
        failed.push_back(Reading{metric.name, {}, clock_.utc_now(), Quality::bad});
    }
    accept(std::move(failed));
}

void Device::accept_unread() {
    std::vector<std::string> unread;
    for (const MetricInfo& metric : metrics())
        if (!latest_.contains(metric.name)) unread.push_back(metric.name);
    if (!unread.empty()) accept_failure(unread);
}

Reading Device::unread(const MetricInfo& metric) const {
    return {metric.name, {}, found_at_.value_or(clock_.utc_now()), Quality::bad};
}

std::vector<Reading> Device::latest() const {
    std::vector<Reading> all;
    all.reserve(metrics().size());
    for (const MetricInfo& metric : metrics()) {
        const auto known = latest_.find(metric.name);
        if (known != latest_.end())
            all.push_back(known->second);
        else
            all.push_back(unread(metric));
    }
    return all;
}

Result<Reading> Device::latest(std::string_view metric) const {
    LABHUB_TRY(const MetricInfo* const info, find_metric(metrics(), metric));
    const auto known = latest_.find(info->name);
    if (known == latest_.end()) return unread(*info);
    return known->second;
}

bool Device::is_safe() const {
    return std::all_of(metrics().begin(), metrics().end(), [this](const MetricInfo& metric) {
        if (metric.kind != MetricKind::actuator) return true;
        const auto known = latest_.find(metric.name);
        if (known == latest_.end()) return false;
        const auto now = as_number(known->second.value);
        const auto safe = as_number(metric.safe_value);
        return now && safe ? *now == *safe : known->second.value == metric.safe_value;
    });
}

LinkChange Device::observe() {
    const bool now = driver_->is_connected();
    const unsigned session = driver_->session();
    if (now && (!connected_ || session != session_)) {
        connected_ = true;
        session_ = session;
        if (!found_at_) found_at_ = rising_time(clock_.utc_now(), floor_);
        return LinkChange::found;
    }
    if (!now && connected_) {
        connected_ = false;
        problem_ = "the device doesn't answer";
        return LinkChange::lost;
    }
    return LinkChange::none;
}

Task<void> Device::look() {
    const LinkChange change = observe();
    if (change == LinkChange::none) co_return;
    if (change == LinkChange::lost) accept_failure();
    if (link_listener_) co_await link_listener_(*this, change);
}

}  // namespace labhub::agent::sampling
