#pragma once

#include <boost/json/object.hpp>

namespace labhub::coordinator::runner {

/// The system calls Python scientific code needs, as the OCI specification's linux.seccomp: all else is refused with
/// EPERM (calls newer than the profile with ENOSYS, so that libraries fall back). The table with its reasons is in
/// seccomp.cpp.
boost::json::object seccomp_profile();

}  // namespace labhub::coordinator::runner
