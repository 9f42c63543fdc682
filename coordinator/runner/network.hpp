#pragma once

#include <cstdint>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// A new network namespace with nothing in it but the loopback interface, and a socket listening inside it. The
/// namespace belongs to the user namespace of this process, so nobody inside the sandbox has any right over it.
struct SandboxNetwork {
    UniqueFd name_space;  ///< for the runtime: /proc/<our pid>/fd/<this>
    UniqueFd listener;    ///< 127.0.0.1:port inside; non-blocking
};

/// Makes one, in a helper thread: a socket keeps the namespace of the thread that made it, and this process stays in
/// its own. Error forbidden without CAP_SYS_ADMIN.
Result<SandboxNetwork> make_sandbox_network(std::uint16_t port);

}  // namespace labhub::coordinator::runner
