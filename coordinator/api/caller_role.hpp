#pragma once

#include <string>

#include "coordinator/api/call.hpp"

namespace labhub::coordinator::api {

/// The role by which an image is allowed or not: administrators of whatever role may use all. A script has no role, as
/// it starts nothing.
inline std::string role_of(const Caller& caller) {
    return caller.is_admin ? std::string(images::kAdminRole) : caller.role;
}

}  // namespace labhub::coordinator::api
