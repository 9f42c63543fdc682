#include "coordinator/domain/jobs/usage.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::coordinator::jobs {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

std::int64_t hour_of(UtcMillis time) { return time.count / kHourMs; }

}  // namespace

/// More than 1 for an age below 0: a clock that was set back must not lose what was used.
double Usage::faded(std::chrono::milliseconds age) const {
    return std::exp2(-static_cast<double>(age.count()) / static_cast<double>(half_life_.count()));
}

void Usage::add(const std::string& user, UtcMillis ended, std::int64_t cpu_ms) {
    OfUser& of = users_[user];
    of.ms_by_hour[hour_of(ended)] += cpu_ms;
    const std::int64_t oldest = of.ms_by_hour.rbegin()->first - keep_.count();
    of.ms_by_hour.erase(of.ms_by_hour.begin(), of.ms_by_hour.lower_bound(oldest));
    const UtcMillis at = std::max(of.at, ended);
    of.recent_ms = of.recent_ms * faded(at - of.at) + static_cast<double>(cpu_ms) * faded(at - ended);
    of.at = at;
}

double Usage::cpu_seconds(const std::string& user, UtcMillis now, std::chrono::milliseconds window) const {
    const auto found = users_.find(user);
    if (found == users_.end()) return 0;
    const auto& hours = found->second.ms_by_hour;
    std::int64_t used = 0;
    for (auto hour = hours.lower_bound(hour_of(now - window)); hour != hours.end(); ++hour) used += hour->second;
    return static_cast<double>(used) / 1000.0;
}

double Usage::recent_cpu_seconds(const std::string& user, UtcMillis now) const {
    const auto found = users_.find(user);
    if (found == users_.end()) return 0;
    const OfUser& of = found->second;
    return of.recent_ms * faded(std::max(now - of.at, std::chrono::milliseconds{0})) / 1000.0;
}

}  // namespace labhub::coordinator::jobs
