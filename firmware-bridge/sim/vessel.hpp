#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "firmware-bridge/firmware/vessel_profile.h"
#include "firmware-bridge/sim/heat.hpp"
#include "firmware-bridge/sim/optics.hpp"
#include "firmware-bridge/sim/vial.hpp"

namespace labhub::firmware_bridge::sim {

/// What is known of a vessel when its time begins; where nothing is, it is as VialOptions and HeatOptions say.
struct VesselStart {
    std::array<std::optional<double>, VESSEL_VIALS> od;
    std::array<std::optional<double>, VESSEL_VIALS> celsius;
    std::optional<double> block;    ///< degrees Celsius
    std::optional<double> ambient;  ///< degrees Celsius
};

struct VesselOptions {
    VesselStart start;
    Culture culture;
    VialOptions vial;
    HeatOptions heat;
    OpticsOptions optics;
    unsigned seed = 1;
};

/// Four vials in a heated block: outputs in, time passes, sensors out, by the channel numbers of
/// vessel_profile.h. Time is the vessel's own; what drives it decides how fast that is. Not thread-safe.
class Vessel {
  public:
    explicit Vessel(const VesselOptions& options);

    void set(std::size_t channel, double value) { outputs_[channel] = value; }
    /// Mean brightness of the ring light, 0 to 1.
    void set_ring(double brightness) { scene_.ring = brightness; }
    void advance(double seconds);
    /// A sensor's value; nothing for a channel that is none.
    std::optional<double> sense(std::size_t channel);

    const Vial& vial(std::size_t n) const { return vials_[n]; }
    const HeatBalance& heat() const { return heat_; }
    /// The part of the cells of vial n that floats where the light passes: less than 1 when nothing stirs.
    double suspended() const { return suspended_; }

  private:
    double seen_od(std::size_t n) const { return vials_[n].od() * suspended_; }
    double noisy(double value, double deviation, double steps);
    void settle(double seconds);
    std::optional<double> sense_diode(std::size_t channel);
    std::optional<double> sense_temperature(std::size_t channel);
    Scene scene() const;

    std::vector<Vial> vials_;
    HeatBalance heat_;
    Optics optics_;
    std::array<double, VESSEL_CHANNELS> outputs_{};
    Scene scene_;
    double suspended_ = 1;
    std::mt19937 noise_;
    std::normal_distribution<double> normal_;
};

}  // namespace labhub::firmware_bridge::sim
