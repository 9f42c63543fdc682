#pragma once

#include <string>
#include <vector>

#include <boost/json.hpp>

#include "shared/base/result.hpp"

namespace labhub::cli {

/// {"stirrer": 40, "led": true} from "stirrer=40", "led=on" and the device's metrics as the hub describes them. Errors
/// malformed (no '=', not of the metric's type, one metric twice), not_found (no such metric), out_of_range, forbidden
/// (a sensor).
Result<boost::json::object> setpoints_of(const boost::json::object& device,
                                         const std::vector<std::string>& assignments);

}  // namespace labhub::cli
