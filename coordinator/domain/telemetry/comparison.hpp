#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::telemetry {

/// A device over a time: what is compared with another, both from their own beginnings.
struct ComparedRun {
    DeviceAddress device;
    UtcMillis from, to;
};

/// What a metric was over one run. Readings of bad quality count, but give no value.
struct MetricOfRun {
    std::uint64_t count = 0;  ///< of readings
    std::optional<double> mean, minimum, maximum;
    Value last;
    std::vector<std::optional<double>> values;  ///< the mean of each step; nothing where there was no reading
    std::uint64_t damaged_blocks = 0;           ///< of the store, left out
};

/// Another run's against the first one's; nothing where one of them has none.
struct MetricDifference {
    std::optional<double> mean, minimum, maximum, last;
    std::optional<double> largest;  ///< of all steps, the value farthest from 0
    std::optional<std::chrono::milliseconds> largest_at;
};

struct ComparedMetric {
    std::string name, unit;
    std::vector<MetricOfRun> runs;              ///< in the order asked for
    std::vector<MetricDifference> differences;  ///< of the second and further ones against the first
};

struct Comparison {
    std::chrono::milliseconds step{};  ///< from one of the values to the next; the first one is of the beginning
    std::size_t steps = 0;
    std::vector<ComparedMetric> metrics;
};

inline constexpr std::size_t kMostComparedMetrics = 100;
inline constexpr std::size_t kMostComparedSteps = 2'000;

/// Compares `metrics`, or all that any of the runs has readings of, at most kMostComparedMetrics. The step is a round
/// time that gives at most `most_steps`, and not shorter than the time between readings. Errors not_found (a metric
/// none of the devices has), too_many, and as the store's query.
Task<Result<Comparison>> compare(store::TelemetryStore& store, std::vector<ComparedRun> runs,
                                 std::vector<std::string> metrics, std::size_t most_steps);

/// The shortest of 1, 2, 5, 10, 20, 50 … ms, s, and of 1, 2, 5, 10, 20, 30 min, 1, 2, 4, 8, 12 h, days that is no
/// shorter.
std::chrono::milliseconds round_step(std::chrono::milliseconds least);

}  // namespace labhub::coordinator::telemetry
