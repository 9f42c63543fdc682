#include "coordinator/runner/acting_as.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::runner {
namespace {

constexpr auto kSame = static_cast<uid_t>(-1);

/// By system calls, as the C library's functions change every thread of the process (nptl(7)). Root's rights come back
/// with its user number, which stays our real and saved one (capabilities(7), "Effect of user ID changes").
void become(Identity who) {
    if (::geteuid() == who.user && ::getegid() == who.group) return;
    // Changing the group takes root's rights: before they go, or after they are back.
    const bool is_done = ::syscall(SYS_setresuid, kSame, ourselves().user, kSame) == 0 &&
                         ::syscall(SYS_setresgid, kSame, who.group, kSame) == 0 &&
                         ::syscall(SYS_setresuid, kSame, who.user, kSame) == 0;
    if (!is_done || ::geteuid() != who.user || ::getegid() != who.group) {
        spdlog::critical("can't act as user {} group {}", who.user, who.group);
        std::abort();
    }
    // The kernel clears it at each change, and the runtime then couldn't open /proc/<our id>/fd.
    if (who.user == ourselves().user) ::prctl(PR_SET_DUMPABLE, 1);
}

}  // namespace

Identity ourselves() { return {::getuid(), ::getgid()}; }

ActingAs::ActingAs(Identity who) : before_{::geteuid(), ::getegid()} { become(who); }

ActingAs::~ActingAs() { become(before_); }

}  // namespace labhub::coordinator::runner
