#include "agent/fleet/descriptors.hpp"

#include <cerrno>

#include <sys/resource.h>

namespace labhub::agent::fleet {
namespace {

constexpr rlim_t kEach = 4;
constexpr rlim_t kOthers = 600;  // the program's own, and two more for each attempt to connect

}  // namespace

Result<void> make_room_for(std::uint32_t nodes) {
    const rlim_t wanted = kEach * nodes + kOthers;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("getrlimit", errno);
    if (limit.rlim_cur >= wanted) return {};
    if (limit.rlim_max < wanted) {
        const rlimit raised{wanted, wanted};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return {};
    }
    const rlim_t may = limit.rlim_max;
    if (may < wanted)
        return Error{ErrorCode::too_many,
                     "this process may open " + std::to_string(may) + " files, and " + std::to_string(nodes) +
                         " nodes need " + std::to_string(wanted),
                     "raise the limit (ulimit -Hn), or share the nodes between processes with --first; one can have " +
                         std::to_string(may > kOthers ? (may - kOthers) / kEach : 0)};
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("setrlimit", errno);
    return {};
}

}  // namespace labhub::agent::fleet
