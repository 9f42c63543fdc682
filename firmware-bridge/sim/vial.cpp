#include "firmware-bridge/sim/vial.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::firmware_bridge::sim {
namespace {

constexpr double kSecondsPerHour = 3600;
/// Growth is stepped; at 1/h and 2 s the error of a step is below one in a million.
constexpr double kLongestStep = 2;

/// What is left of a concentration when `added` came in while the volume changed by `change`, at steady
/// rates.
double kept_share(double volume, double added, double change) {
    if (std::abs(change) < 1e-9 * volume) return std::exp(-added / volume);
    return std::pow(1 + change / volume, -added / change);
}

}  // namespace

double temperature_factor(const Culture& culture, double celsius) {
    const double low = culture.coldest, best = culture.best, high = culture.hottest;
    if (celsius <= low || celsius >= high) return 0;
    const double numerator = (celsius - high) * (celsius - low) * (celsius - low);
    const double denominator =
        (best - low) * ((best - low) * (celsius - best) - (best - high) * (best + low - 2 * celsius));
    return std::clamp(numerator / denominator, 0.0, 1.0);
}

Vial::Vial(const Culture& culture, const VialOptions& options)
    : culture_(culture),
      options_(options),
      biomass_(options.od / culture.od_per_g_per_l),
      substrate_(options.substrate),
      volume_(options.volume),
      adaptation_(culture.lag > 0 ? 1 / std::expm1(culture.mu_max * culture.lag) : 1e9) {}

double Vial::growth_rate(double celsius) const {
    const double fed = substrate_ / (culture_.half_saturation + substrate_);
    const double adapted = adaptation_ / (1 + adaptation_);
    return culture_.mu_max * temperature_factor(culture_, celsius) * fed * adapted;
}

void Vial::advance(double seconds, double in, double out, double celsius) {
    for (double left = seconds; left > 0; left -= kLongestStep) {
        const double step = std::min(left, kLongestStep);
        grow(step, celsius);
        exchange(step, in, out);
    }
}

void Vial::grow(double seconds, double celsius) {
    const double hours = seconds / kSecondsPerHour;
    const double wanted = biomass_ * std::expm1(growth_rate(celsius) * hours);
    const double made = std::min(wanted, substrate_ * culture_.yield);
    biomass_ += made;
    substrate_ -= made / culture_.yield;
    // Cells adapt at the pace at which they could grow; past 1e9 they have.
    if (adaptation_ < 1e9) adaptation_ *= std::exp(culture_.mu_max * temperature_factor(culture_, celsius) * hours);
}

void Vial::exchange(double seconds, double in, double out) {
    const double added = in * seconds;
    const double reachable = std::max(0.0, volume_ + added - options_.waste_level);
    const double removed = std::min(out * seconds, reachable);
    const double spilt = std::max(0.0, volume_ + added - removed - options_.capacity);
    const double change = added - removed - spilt;
    if (added > 0) {
        const double kept = kept_share(volume_, added, change);
        biomass_ *= kept;
        substrate_ = options_.feed_substrate + (substrate_ - options_.feed_substrate) * kept;
    }
    volume_ += change;
    total_in_ += added;
    total_out_ += removed;
    total_overflow_ += spilt;
}

}  // namespace labhub::firmware_bridge::sim
