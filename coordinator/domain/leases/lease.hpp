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
};

}  // namespace labhub::coordinator::leases
