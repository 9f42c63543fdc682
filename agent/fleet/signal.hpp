#pragma once

#include <cstdint>
#include <vector>

#include "shared/base/value.hpp"

namespace labhub::agent::fleet {

/// What the metric of that number looks like: temperatures, pH, optical density and so on in turn, "temperature_01".
std::vector<MetricInfo> simulated_metrics(std::uint32_t count);

/// Whether the sensor can't be read at that sample: now and then, as with real ones.
bool is_unreadable(std::uint64_t seed, std::uint32_t node, std::uint32_t metric, std::uint64_t sample);
/// The value of one metric of one node at its n-th sample: a slow wave and noise, in steps as a sensor gives them.
/// Depends, as does is_unreadable, on nothing but its arguments.
double simulated_value(std::uint64_t seed, std::uint32_t node, std::uint32_t metric, std::uint64_t sample);

}  // namespace labhub::agent::fleet
