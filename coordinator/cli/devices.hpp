#pragma once

#include <string>
#include <vector>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// `labhub read [DEVICE]`: without one, the only device there is.
Task<ExitStatus> read_device(Context& context, std::string device);
/// `labhub set DEVICE METRIC=VALUE…`: the values are checked against what the device says of its metrics, so that "on"
/// becomes a boolean and a typo is told before anything moves; the hub and the node check again.
Task<ExitStatus> set_device(Context& context, std::string device, std::vector<std::string> assignments);
/// `labhub hold [DEVICE]`: every actuator to its safe value, whoever has the lease.
Task<ExitStatus> hold_device(Context& context, std::string device);

/// "leased by job:x until 14:03:05" from a device's lease, "free" for null.
std::string lease_text(const boost::json::object& device, UtcMillis now);

}  // namespace labhub::cli
