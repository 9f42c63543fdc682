#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"

namespace labhub::agent::sampling {

/// When which metrics are due. Metrics of one period form a group; all groups count from one beginning, so that periods
/// that divide each other fall on the same ticks and cost one read. Absolute times: a late tick doesn't shift the next,
/// and ticks that were missed are left out, not made up for.
class Schedule {
  public:
    Schedule(std::chrono::milliseconds period, std::map<std::string, std::chrono::milliseconds> overrides)
        : period_(period), overrides_(std::move(overrides)) {}

    /// Learns the metrics to sample and begins to count. Names of `overrides` that no metric has are returned.
    std::vector<std::string> begin(const std::vector<MetricInfo>& metrics, Steady::time_point now);
    bool has_begun() const { return !groups_.empty(); }
    /// The next time something is due.
    Steady::time_point next() const;
    /// The metrics due by `now`, which are then due again a period later.
    std::vector<std::string> take_due(Steady::time_point now);

  private:
    struct Group {
        std::vector<std::string> metrics;
        Steady::time_point next;
    };
    std::chrono::milliseconds period_;
    std::map<std::string, std::chrono::milliseconds> overrides_;
    std::map<std::chrono::milliseconds, Group> groups_;
};

}  // namespace labhub::agent::sampling
