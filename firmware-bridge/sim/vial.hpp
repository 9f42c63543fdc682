#pragma once

#include "firmware-bridge/sim/culture.hpp"

namespace labhub::firmware_bridge::sim {

/// A vial and what is put into it.
struct VialOptions {
    double od = 0.2;            ///< of the inoculated culture at the start
    double volume = 25;         ///< mL at the start
    double capacity = 30;       ///< mL; what comes in above it is lost over the brim
    double waste_level = 25;    ///< mL; the waste tube ends here and draws nothing below
    double substrate = 5;       ///< g/L at the start
    double feed_substrate = 5;  ///< g/L in the medium that is pumped in
};

/// A stirred vial: growth after Monod, medium in, waste out. Perfectly mixed; what leaves has the culture's
/// composition.
class Vial {
  public:
    Vial(const Culture& culture, const VialOptions& options);

    /// Lets `seconds` pass with the pumps at these rates (mL/s) and the culture at this temperature.
    void advance(double seconds, double in, double out, double celsius);

    double od() const { return biomass_ * culture_.od_per_g_per_l; }
    double biomass() const { return biomass_; }      ///< g/L
    double substrate() const { return substrate_; }  ///< g/L
    double volume() const { return volume_; }        ///< mL
    /// Since the start, mL: volume = start + in - out - overflow.
    double total_in() const { return total_in_; }
    double total_out() const { return total_out_; }
    double total_overflow() const { return total_overflow_; }
    /// Specific growth rate under the present conditions at that temperature, 1/h.
    double growth_rate(double celsius) const;

  private:
    void grow(double seconds, double celsius);
    void exchange(double seconds, double in, double out);

    Culture culture_;
    VialOptions options_;
    double biomass_, substrate_, volume_;
    double adaptation_;  ///< Baranyi's q: the share of adapted cells is q / (1 + q)
    double total_in_ = 0, total_out_ = 0, total_overflow_ = 0;
};

}  // namespace labhub::firmware_bridge::sim
