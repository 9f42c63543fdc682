#include "firmware-bridge/sim/optics.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::firmware_bridge::sim {
namespace {

constexpr double kCalibratedAt = 25;  // degrees Celsius
constexpr double kBubblesFrom = 70;   // % of stirring
constexpr double kResolution = 1e5;   // steps per volt of the converter

}  // namespace

double Optics::lamp(const Scene& scene) const {
    if (!scene.led) return 0;
    return std::max(0.0, 1 + options_.lamp_drift * (scene.lamp_celsius - kCalibratedAt));
}

double Optics::measured(const Scene& scene, double signal, double noise_share) {
    const double deviation = options_.noise_floor + noise_share * signal;
    const double volts = options_.dark + options_.ring_bleed * scene.ring + signal + deviation * normal_(noise_);
    return std::round(std::max(0.0, volts) * kResolution) / kResolution;
}

double Optics::through(const Scene& scene, double od) {
    const double bubbles = std::max(0.0, scene.stirrer_percent - kBubblesFrom) / (100 - kBubblesFrom);
    const double signal = lamp(scene) * options_.full * std::pow(10, -options_.through * od);
    return measured(scene, signal, options_.noise_share + options_.bubble_share * bubbles);
}

double Optics::scattered(const Scene& scene, double od) {
    const double bubbles = std::max(0.0, scene.stirrer_percent - kBubblesFrom) / (100 - kBubblesFrom);
    const double share = options_.scatter_blank + options_.scatter * od / (1 + options_.scatter_bend * od);
    return measured(scene, lamp(scene) * options_.full * share, options_.noise_share + options_.bubble_share * bubbles);
}

double Optics::reference(const Scene& scene) {
    return measured(scene, lamp(scene) * options_.full, options_.noise_share);
}

}  // namespace labhub::firmware_bridge::sim
