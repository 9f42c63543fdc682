#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// Shows the folder `source` at `at`, read-only, in the mount namespace of a process that runs: of a container that was
/// made before it was known what it is for. Both folders exist. Needs Linux 5.12 (mount_setattr). Error unsupported, or
/// as the system gave it; nothing has changed then.
Result<void> bind_into(pid_t process, const std::filesystem::path& source, const std::string& at);

}  // namespace labhub::coordinator::runner
