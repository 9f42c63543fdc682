#pragma once

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "agent/twin/vessel_driver.hpp"
#include "shared/base/clock.hpp"

namespace labhub::agent::twin {

/// Something that should not happen to a vessel.
struct VesselEvent {
    UtcMillis time;
    std::string kind;     ///< overflow, dry, culture_hot, full_power, heater_blind, washed_out
    std::string subject;  ///< the vial, "A", or the metric
    double value = 0, limit = 0;
};

/// Looks at the vessel after each step of its time, and says once what goes wrong: again only after it was well in
/// between. Knows what no sensor says, as the model does.
class VesselWatch {
  public:
    VesselWatch(const VesselDriver& driver, const firmware_bridge::sim::VesselOptions& model);

    /// What began since the last look. Steps of more than some seconds make the times as coarse.
    std::vector<VesselEvent> look(UtcMillis now);

  private:
    /// A condition that has to last before it is told.
    class Lasting {
      public:
        explicit Lasting(std::chrono::milliseconds least) : least_(least) {}
        /// Whether it is to be told now: once for each time it lasts.
        bool holds(bool is_so, UtcMillis now);
        std::chrono::milliseconds lasted(UtcMillis now) const { return now - *since_; }

      private:
        std::chrono::milliseconds least_;
        std::optional<UtcMillis> since_;
        bool is_told_ = false;
    };
    struct Watched {
        double overflow = 0, drawn = 0, first_od = 0;
        bool spills = false, is_hot = false, is_washed_out = false;
        UtcMillis last_spilt{};
        Lasting dry{std::chrono::minutes{10}};
    };

    void look_at_vial(std::size_t n, UtcMillis now, std::vector<VesselEvent>& events);
    void look_at_heater(UtcMillis now, std::vector<VesselEvent>& events);

    const VesselDriver& driver_;
    double capacity_, too_hot_;
    std::array<Watched, VESSEL_VIALS> vials_;
    Lasting full_power_{std::chrono::minutes{30}};
    Lasting blind_{std::chrono::minutes{1}};
};

}  // namespace labhub::agent::twin
