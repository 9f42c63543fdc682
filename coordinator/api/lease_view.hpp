#pragma once

#include <optional>
#include <string>

#include <boost/describe.hpp>

#include "coordinator/domain/leases/leases.hpp"

namespace labhub::coordinator::api {

/// A lease as replies show it. `expires_at` in milliseconds of UTC since 1970.
struct LeaseView {
    std::string id, holder;
    std::int64_t expires_at = 0;
};
BOOST_DESCRIBE_STRUCT(LeaseView, (), (id, holder, expires_at))

inline std::optional<LeaseView> lease_view(const leases::Leases& leases, const DeviceAddress& device) {
    const auto* const lease = leases.find(device);
    if (!lease) return std::nullopt;
    return LeaseView{lease->id.value, lease->holder, lease->expires.count};
}

}  // namespace labhub::coordinator::api
