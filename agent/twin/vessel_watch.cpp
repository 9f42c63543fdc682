#include "agent/twin/vessel_watch.hpp"

#include <cmath>

namespace labhub::agent::twin {
namespace {

namespace sim = firmware_bridge::sim;

// What came in above the brim and is no rounding.
constexpr double kSpilt = 0.02;  // mL
/// A vial that drips over now and then spills all the while.
constexpr std::chrono::minutes kSpillPause{5};
constexpr double kBackFromHot = 1;      // K
constexpr double kFullPower = 95;       // %
constexpr double kWashedOut = 0.1;      // of the density it began with
constexpr double kRenewed = 2;          // times the vial's volume that must have come in for that
constexpr double kLeastOutflow = 1e-3;  // mL

std::string letter(std::size_t n) { return std::string(1, static_cast<char>('A' + n)); }

}  // namespace

VesselWatch::VesselWatch(const VesselDriver& driver, const sim::VesselOptions& model)
    : driver_(driver), capacity_(model.vial.capacity), too_hot_(model.culture.too_hot) {
    for (std::size_t n = 0; n < vials_.size(); ++n) vials_[n].first_od = driver.vessel().vial(n).od();
}

bool VesselWatch::Lasting::holds(bool is_so, UtcMillis now) {
    if (!is_so) {
        since_.reset();
        is_told_ = false;
        return false;
    }
    if (!since_) since_ = now;
    if (is_told_ || now - *since_ < least_) return false;
    is_told_ = true;
    return true;
}

std::vector<VesselEvent> VesselWatch::look(UtcMillis now) {
    std::vector<VesselEvent> events;
    for (std::size_t n = 0; n < vials_.size(); ++n) look_at_vial(n, now, events);
    look_at_heater(now, events);
    return events;
}

void VesselWatch::look_at_vial(std::size_t n, UtcMillis now, std::vector<VesselEvent>& events) {
    Watched& known = vials_[n];
    const sim::Vial& vial = driver_.vessel().vial(n);
    if (vial.total_overflow() - known.overflow > kSpilt) {
        if (!known.spills || now - known.last_spilt > kSpillPause)
            events.push_back({now, "overflow", letter(n), vial.volume(), capacity_});
        known.spills = true;
        known.last_spilt = now;
        known.overflow = vial.total_overflow();
    }
    const bool draws = driver_.output(VESSEL_PUMPS + 2 * n + 1) > 0 && driver_.output(VESSEL_PUMPS + 2 * n) <= 0;
    const bool gets_nothing = vial.total_out() - known.drawn < kLeastOutflow;
    known.drawn = vial.total_out();
    if (known.dry.holds(draws && gets_nothing, now))
        events.push_back({now, "dry", letter(n), std::chrono::duration<double>(known.dry.lasted(now)).count(), 0});
    const double celsius = driver_.vessel().heat().vial(n);
    if (celsius > too_hot_ && !known.is_hot) events.push_back({now, "culture_hot", letter(n), celsius, too_hot_});
    if (celsius > too_hot_) known.is_hot = true;
    if (celsius < too_hot_ - kBackFromHot) known.is_hot = false;
    const bool is_renewed = vial.total_in() > kRenewed * vial.volume();
    if (is_renewed && !known.is_washed_out && vial.od() < kWashedOut * known.first_od) {
        known.is_washed_out = true;
        events.push_back({now, "washed_out", letter(n), vial.od(), known.first_od});
    }
}

void VesselWatch::look_at_heater(UtcMillis now, std::vector<VesselEvent>& events) {
    const double power = driver_.output(VESSEL_PELTIER);
    if (full_power_.holds(std::abs(power) >= kFullPower, now))
        events.push_back({now, "full_power", "peltier", power, kFullPower});
    if (blind_.holds(power > 0 && !driver_.has_temperature(), now))
        events.push_back({now, "heater_blind", "peltier", power, 0});
}

}  // namespace labhub::agent::twin
