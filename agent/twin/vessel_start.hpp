#pragma once

#include <string>
#include <vector>

#include "firmware-bridge/sim/vessel.hpp"
#include "shared/base/value.hpp"

namespace labhub::agent::twin {

/// Where the twin's vessel begins.
struct Beginning {
    firmware_bridge::sim::VesselStart start;
    std::vector<std::string> assumptions;  ///< what could not be read off the device, one sentence each
};

/// From the device's last readings, as far as the model has what they tell of: temperatures, and the optical density
/// where the lamp was on. What isn't usable, or can't be, is left to the model.
Beginning beginning_from(const std::vector<Reading>& readings, const firmware_bridge::sim::VesselOptions& model);

}  // namespace labhub::agent::twin
