#pragma once

#include <string>

#include "coordinator/api/call.hpp"

namespace labhub::coordinator::api {

/// The role by which an image is allowed or not: an administrator's too, who may change who it is for. A script has no
/// role, as it starts nothing.
inline std::string role_of(const Caller& caller) { return caller.role; }

}  // namespace labhub::coordinator::api
