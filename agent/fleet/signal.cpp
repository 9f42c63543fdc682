#include "agent/fleet/signal.hpp"

#include <cmath>
#include <cstdio>
#include <iterator>
#include <numbers>

namespace labhub::agent::fleet {
namespace {

struct Kind {
    const char* name;
    const char* unit;
    double middle, swing, noise, step;
};

/// What bioreactors measure, as their sensors resolve it.
constexpr Kind kKinds[] = {
    {"temperature", "Cel", 37.0, 0.4, 0.03, 0.01},   {"ph", "", 7.0, 0.25, 0.01, 0.01},
    {"dissolved_oxygen", "%", 40.0, 15.0, 0.5, 0.1}, {"optical_density", "", 1.2, 0.9, 0.005, 0.001},
    {"stirrer", "/min", 400.0, 60.0, 2.0, 1.0},      {"pressure", "mbar", 1013.0, 6.0, 0.3, 0.1},
    {"air_flow", "L/min", 1.0, 0.2, 0.01, 0.01},     {"pump", "mL/h", 12.0, 4.0, 0.05, 0.05},
};
constexpr double kWaveSamples = 900;
constexpr std::uint64_t kUnreadableOnceIn = 400;

/// SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output.
std::uint64_t mixed(std::uint64_t bits) {
    bits += 0x9E37'79B9'7F4A'7C15;
    bits = (bits ^ (bits >> 30)) * 0xBF58'476D'1CE4'E5B9;
    bits = (bits ^ (bits >> 27)) * 0x94D0'49BB'1331'11EB;
    return bits ^ (bits >> 31);
}

std::uint64_t series_of(std::uint64_t seed, std::uint32_t node, std::uint32_t metric) {
    return mixed(mixed(seed ^ (std::uint64_t{node} << 32)) ^ metric);
}

/// In [0, 1).
double fraction(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

}  // namespace

std::vector<MetricInfo> simulated_metrics(std::uint32_t count) {
    std::vector<MetricInfo> metrics;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Kind& kind = kKinds[i % std::size(kKinds)];
        char number[16];
        std::snprintf(number, sizeof number, "_%02u", i / static_cast<unsigned>(std::size(kKinds)) + 1);
        MetricInfo& info = metrics.emplace_back();
        info.name = kind.name + std::string(number);
        info.unit = kind.unit;
    }
    return metrics;
}

bool is_unreadable(std::uint64_t seed, std::uint32_t node, std::uint32_t metric, std::uint64_t sample) {
    return mixed(~series_of(seed, node, metric) + sample) % kUnreadableOnceIn == 0;
}

double simulated_value(std::uint64_t seed, std::uint32_t node, std::uint32_t metric, std::uint64_t sample) {
    const Kind& kind = kKinds[metric % std::size(kKinds)];
    const std::uint64_t series = series_of(seed, node, metric);
    const double phase = fraction(series) + static_cast<double>(sample) / kWaveSamples;
    const double noise = 2 * fraction(mixed(series + sample)) - 1;
    const double value = kind.middle + kind.swing * std::sin(2 * std::numbers::pi * phase) + kind.noise * noise;
    // Divided, not multiplied: so 37.02 is the double people mean by it.
    return std::round(value / kind.step) / std::round(1 / kind.step);
}

}  // namespace labhub::agent::fleet
