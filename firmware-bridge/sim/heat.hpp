#pragma once

#include <array>

#include "firmware-bridge/firmware/vessel_profile.h"

namespace labhub::firmware_bridge::sim {

/// The block that holds the vials, between the peltier element and the room. Lumped capacities and
/// conductances; the numbers are those of an aluminium block of about 450 g, open vials of water, and a small
/// 12 W element. At full power it comes to rest 20 K above the room, or 10 K below, with a time constant of
/// about 23 minutes.
struct HeatOptions {
    double ambient = 25;               ///< degrees Celsius; also of the medium that is pumped in
    double start = 25;                 ///< of block and vials
    double block_capacity = 400;       ///< J/K
    double block_to_vial = 0.5;        ///< W/K, each vial
    double block_to_room = 0.6;        ///< W/K, the vials' own loss among it
    double heating = 12, cooling = 6;  ///< W into, or out of, the block at full power
    double full_current = 3;           ///< A at full power, either way
};

class HeatBalance {
  public:
    using Vials = std::array<double, VESSEL_VIALS>;

    explicit HeatBalance(const HeatOptions& options);
    /// Where one vial begins that is not as warm as the block, degrees Celsius.
    void begin_vial(std::size_t n, double celsius) { vials_[n] = celsius; }

    /// Lets `seconds` pass with the peltier at this power (-100 to 100 %), the vials this full (mL), and
    /// medium of room temperature coming in (mL/s).
    void advance(double seconds, double peltier_percent, const Vials& volumes, const Vials& inflows);

    double ambient() const { return options_.ambient; }
    double block() const { return block_; }
    double vial(std::size_t n) const { return vials_[n]; }
    double current(double peltier_percent) const;

  private:
    void step(double seconds, double power, const Vials& volumes, const Vials& inflows);

    HeatOptions options_;
    double block_;
    Vials vials_;
};

}  // namespace labhub::firmware_bridge::sim
