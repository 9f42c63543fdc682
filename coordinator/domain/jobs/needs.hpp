#pragma once

#include <compare>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "shared/base/ids.hpp"

namespace labhub::coordinator::jobs {

/// What a device must be, or have, for a job to do with it.
struct Needs {
    std::vector<DeviceAddress> devices;  ///< one of these; empty: any there is
    std::vector<std::string> metrics;    ///< it has each of them, sensor or actuator
    std::vector<std::string> actuators;  ///< it has each of them, and they can be set

    auto operator<=>(const Needs&) const = default;
    bool empty() const { return devices.empty() && metrics.empty() && actuators.empty(); }
    /// Whether there is nothing to choose: it is to be that one device, whatever it has.
    bool names_its_device() const { return devices.size() == 1 && metrics.empty() && actuators.empty(); }
};

/// Puts the lists in order, without what is in them twice. Errors malformed (a name that is none), too_large (so many
/// that nobody can mean it).
Result<void> check_needs(Needs& needs);

/// "sim-1/vessel", "any of sim-1/vessel, sim-2/vessel with ph", "any device with ph and stirrer".
std::string to_string(const Needs& needs);

/// As it is stored with the job and shown in experiment.json.
boost::json::object to_json_object(const Needs& needs);
/// Error corrupt or malformed, for what to_json_object can't have written.
Result<Needs> needs_from(const boost::json::object& stored);

}  // namespace labhub::coordinator::jobs
