#pragma once

#include <optional>
#include <string>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"

namespace labhub::coordinator::leases {

/// The exclusive, time-limited right of one user or job over one device.
struct Lease {
    LeaseId id;
    DeviceAddress device;
    std::string holder;  ///< "job:<id>" or "user:<name>"
    UtcMillis granted;
    UtcMillis expires;
    std::optional<UtcMillis> ended;
    std::string end_reason;
    bool is_granted = false;  ///< the node's agent has it, and wants it renewed
    bool is_ending = false;   ///< it is being given back: what its node says of it is no loss
};

}  // namespace labhub::coordinator::leases
