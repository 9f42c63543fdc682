#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "coordinator/store/telemetry/types.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::daemon {

/// `[[telemetry.class]]`: series that are kept otherwise than the rest.
struct TelemetryClass {
    std::string name;
    std::vector<std::string> metrics;
    int keep_days = 0;
    std::uint64_t max_bytes = 0;
};

/// What the configuration says of the telemetry store; 0: no limit.
struct TelemetrySettings {
    int keep_days = 0;
    std::uint64_t max_bytes = 0;
    int series_bound = 200'000;
    std::uint64_t live_memory = 16u << 20;
    std::vector<TelemetryClass> classes;
};

void add_telemetry_options(config::Options& options, TelemetrySettings& settings);
/// For the store in `<data>/telemetry`, which takes over an earlier `<data>/telemetry.db`. Error conflict: a class
/// named twice, or `default`.
Result<store::TelemetryOptions> telemetry_options(const TelemetrySettings& settings, const std::filesystem::path& data);

}  // namespace labhub::coordinator::daemon
