#pragma once

#include <string>

#include "coordinator/api/call.hpp"

namespace labhub::coordinator::api {

/// The role by which an image is allowed or not. Whoever has the hub's token is the administrator; a script has no
/// role, as it starts nothing.
inline std::string role_of(const Caller& caller) {
    return caller.kind == Caller::Kind::user ? std::string(images::kAdminRole) : std::string{};
}

}  // namespace labhub::coordinator::api
