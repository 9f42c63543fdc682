#include "firmware-bridge/sim/vessel.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::firmware_bridge::sim {
namespace {

// Stirring from this duty on keeps all cells afloat; without any, four in ten sink within about half an hour.
constexpr double kEnoughStirring = 15;
constexpr double kStaysAfloat = 0.6;
constexpr double kSinkSeconds = 600;
constexpr double kRiseSeconds = 20;

constexpr double kCelsiusNoise = 0.02;
constexpr double kCelsiusSteps = 100;
constexpr double kVoltNoise = 0.0002;
constexpr double kVoltSteps = 1e4;
constexpr double kAmpereNoise = 0.003;
constexpr double kAmpereSteps = 1000;

/// An analogue thermometer of the common kind: 0.5 V at 0 degrees Celsius, 10 mV per degree.
double thermometer_volts(double celsius) { return 0.5 + 0.01 * celsius; }

std::vector<Vial> make_vials(const VesselOptions& options) {
    std::vector<Vial> vials;
    for (const auto& od : options.start.od) {
        VialOptions vial = options.vial;
        vial.od = od.value_or(vial.od);
        vials.emplace_back(options.culture, vial);
    }
    return vials;
}

HeatBalance make_heat(const VesselOptions& options) {
    HeatOptions heat = options.heat;
    heat.ambient = options.start.ambient.value_or(heat.ambient);
    heat.start = options.start.block.value_or(heat.start);
    HeatBalance balance(heat);
    for (std::size_t n = 0; n < VESSEL_VIALS; ++n) balance.begin_vial(n, options.start.celsius[n].value_or(heat.start));
    return balance;
}

}  // namespace

Vessel::Vessel(const VesselOptions& options)
    : vials_(make_vials(options)),
      heat_(make_heat(options)),
      optics_(options.optics, options.seed),
      noise_(options.seed + 1) {}

void Vessel::advance(double seconds) {
    HeatBalance::Vials volumes{}, inflows{};
    for (std::size_t n = 0; n < vials_.size(); ++n) {
        const double in = outputs_[VESSEL_PUMPS + 2 * n], out = outputs_[VESSEL_PUMPS + 2 * n + 1];
        vials_[n].advance(seconds, in, out, heat_.vial(n));
        volumes[n] = vials_[n].volume();
        inflows[n] = in;
    }
    heat_.advance(seconds, outputs_[VESSEL_PELTIER], volumes, inflows);
    settle(seconds);
}

void Vessel::settle(double seconds) {
    const double stirring = std::min(1.0, outputs_[VESSEL_STIRRER] / kEnoughStirring);
    const double rest = kStaysAfloat + (1 - kStaysAfloat) * stirring;
    const double pace = rest > suspended_ ? kRiseSeconds : kSinkSeconds;
    suspended_ += (rest - suspended_) * -std::expm1(-seconds / pace);
}

Scene Vessel::scene() const {
    Scene scene = scene_;
    scene.led = outputs_[VESSEL_LED] != 0;
    scene.lamp_celsius = heat_.block();
    scene.stirrer_percent = outputs_[VESSEL_STIRRER];
    return scene;
}

double Vessel::noisy(double value, double deviation, double steps) {
    return std::round((value + deviation * normal_(noise_)) * steps) / steps;
}

std::optional<double> Vessel::sense(std::size_t channel) {
    if (channel >= VESSEL_DIODES && channel < VESSEL_IO_TEMP_IN) return sense_diode(channel);
    if (channel >= VESSEL_IO_TEMP_IN && channel < VESSEL_PELTIER_CURRENT) return sense_temperature(channel);
    if (channel != VESSEL_PELTIER_CURRENT) return std::nullopt;
    return std::max(0.0, noisy(heat_.current(outputs_[VESSEL_PELTIER]), kAmpereNoise, kAmpereSteps));
}

std::optional<double> Vessel::sense_diode(std::size_t channel) {
    if (channel >= VESSEL_REFERENCES) return optics_.reference(scene());
    const std::size_t n = (channel - VESSEL_DIODES) / 2;
    const bool is_180_degree = (channel - VESSEL_DIODES) % 2 == 0;
    return is_180_degree ? optics_.through(scene(), seen_od(n)) : optics_.scattered(scene(), seen_od(n));
}

std::optional<double> Vessel::sense_temperature(std::size_t channel) {
    if (channel == VESSEL_IO_TEMP_IN) return noisy(thermometer_volts(heat_.ambient()), kVoltNoise, kVoltSteps);
    if (channel == VESSEL_IO_TEMP_OUT) return noisy(thermometer_volts(heat_.block()), kVoltNoise, kVoltSteps);
    return noisy(heat_.vial(channel - VESSEL_TEMPERATURES), kCelsiusNoise, kCelsiusSteps);
}

}  // namespace labhub::firmware_bridge::sim
