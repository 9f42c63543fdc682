#include "firmware-bridge/sim/heat.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::firmware_bridge::sim {
namespace {

constexpr double kWaterHeat = 4.18;  // J/(mL K)
constexpr double kFullPercent = 100;
/// Far below the shortest time constant (a nearly empty vial, 8 s), so that the steps stay stable.
constexpr double kLongestStep = 2;

}  // namespace

HeatBalance::HeatBalance(const HeatOptions& options) : options_(options), block_(options.start) {
    vials_.fill(options.start);
}

double HeatBalance::current(double peltier_percent) const {
    return options_.full_current * std::abs(peltier_percent) / kFullPercent;
}

void HeatBalance::advance(double seconds, double peltier_percent, const Vials& volumes, const Vials& inflows) {
    const double share = peltier_percent / kFullPercent;
    const double power = share * (share > 0 ? options_.heating : options_.cooling);
    for (double left = seconds; left > 0; left -= kLongestStep)
        step(std::min(left, kLongestStep), power, volumes, inflows);
}

void HeatBalance::step(double seconds, double power, const Vials& volumes, const Vials& inflows) {
    double into_block = power - options_.block_to_room * (block_ - options_.ambient);
    for (std::size_t n = 0; n < vials_.size(); ++n) {
        const double into_vial = options_.block_to_vial * (block_ - vials_[n]);
        into_block -= into_vial;
        vials_[n] += into_vial * seconds / (kWaterHeat * std::max(volumes[n], 1.0));
        const double replaced = -std::expm1(-inflows[n] * seconds / std::max(volumes[n], 1.0));
        vials_[n] += replaced * (options_.ambient - vials_[n]);
    }
    block_ += into_block * seconds / options_.block_capacity;
}

}  // namespace labhub::firmware_bridge::sim
