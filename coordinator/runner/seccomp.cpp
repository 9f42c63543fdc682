#include "coordinator/runner/seccomp.hpp"

#include <cerrno>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>

#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace json = boost::json;

/// Calls that belong together, and why a script may make them.
struct Family {
    std::string_view reason;
    std::string_view calls;
};

constexpr Family kAllowed[] = {
    {"open, read and write files; the mount table and file modes decide which",
     "open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 "
     "pwritev2 "
     "lseek truncate ftruncate fallocate fadvise64 readahead dup dup2 dup3 fcntl flock"},
    {"look at and arrange files and folders of one's own",
     "stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 getdents getdents64 readlink "
     "readlinkat "
     "mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat chmod fchmod "
     "fchmodat "
     "fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat umask chdir fchdir getcwd"},
    {"fifos (os.mkfifo); device nodes need a capability nobody here has", "mknod mknodat"},
    {"extended attributes, as shutil.copy2 copies them",
     "getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr "
     "lremovexattr "
     "fremovexattr"},
    {"make what was written durable; sync(2) is not here, as it would flush the whole host",
     "fsync fdatasync syncfs sync_file_range"},
    {"copy in the kernel, as shutil does", "sendfile copy_file_range splice tee"},
    {"memory of one's own: the allocator, numpy.memmap, shared memory between one's processes",
     "brk mmap munmap mremap mprotect madvise mincore msync mlock mlock2 munlock mlockall munlockall memfd_create "
     "membarrier get_mempolicy pkey_alloc pkey_free pkey_mprotect"},
    {"processes and threads: subprocess, multiprocessing, OpenMP (clone has a rule of its own below)",
     "fork vfork execve execveat exit exit_group wait4 waitid set_tid_address set_robust_list get_robust_list rseq "
     "arch_prctl prctl gettid getpid getppid getpgid getpgrp setpgid getsid setsid pidfd_open pidfd_send_signal"},
    {"signals, which reach only the sandbox's own processes",
     "kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo "
     "rt_sigsuspend rt_sigreturn sigaltstack signalfd signalfd4 restart_syscall pause"},
    {"locks between threads", "futex futex_waitv futex_wait futex_wake futex_requeue"},
    {"tell the time and wait for it; setting clocks is not here",
     "time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer timer_create "
     "timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime times"},
    {"wait for several things at once: asyncio, select, watchdog",
     "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd "
     "eventfd2 "
     "pipe pipe2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch"},
    {"talk over sockets; the network namespace holds the hub's API and nothing else (socket has a rule of its own "
     "below)",
     "connect bind listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown sendto recvfrom "
     "sendmsg "
     "recvmsg sendmmsg recvmmsg"},
    {"asynchronous file I/O as HDF5 and some databases use it; io_uring is not here: too much of the kernel behind one "
     "call",
     "io_setup io_submit io_getevents io_pgetevents io_cancel io_destroy"},
    {"who am I: constant answers",
     "getuid geteuid getgid getegid getresuid getresgid getgroups capget uname sysinfo getcpu getrandom"},
    {"how much may I use, and be nicer to others (setting limits has rules of its own below)",
     "getrlimit getrusage getpriority setpriority ioprio_get ioprio_set sched_yield "
     "sched_getaffinity "
     "sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr "
     "sched_setattr "
     "sched_get_priority_max sched_get_priority_min sched_rr_get_interval"},
};

/// clone(2) flags that make namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
constexpr std::uint64_t kNamespaceFlags = 0x7E020000;
/// ioctl(2) takes its request as 32 bits, a filter sees 64: compared without this mask, a request with a bit set above
/// would pass as another one.
constexpr std::uint64_t kLow32 = 0xFFFFFFFF;
struct Request {
    std::string_view reason;
    std::uint64_t number;
};
/// What Python and its libraries ask of files, pipes and sockets. All others (TIOCSTI, which types into a shared
/// terminal; the many of devices and file systems) stay out.
constexpr Request kRequests[] = {
    {"TCGETS: is this a terminal?", 0x5401},
    {"TIOCGWINSZ: how wide is it?", 0x5413},
    {"TIOCGPGRP: is it ours?", 0x540F},
    {"FIONREAD: how much is there to read?", 0x541B},
    {"FIONBIO: don't wait (socket.settimeout)", 0x5421},
    {"FIOASYNC", 0x5452},
    {"FIONCLEX", 0x5450},
    {"FIOCLEX: close on exec (os.set_inheritable)", 0x5451},
    {"FS_IOC_GETFLAGS: file flags, as shutil and tar copy them", 0x80086601},
    {"SIOCGIFNAME, of one's own network namespace", 0x8910},
    {"SIOCGIFCONF", 0x8912},
    {"SIOCGIFFLAGS", 0x8913},
    {"SIOCGIFADDR", 0x8915},
    {"SIOCGIFINDEX (socket.if_nametoindex)", 0x8933},
};
/// personality(2): the default, and the question which one is set. Others switch protections off.
constexpr std::uint64_t kPersonalities[] = {0x0, 0xFFFFFFFF};
/// Not: netlink, packet, vsock and the many rarely used families with a long history of faults.
constexpr std::uint64_t kUnix = 1, kIpFamilies[] = {2, 10};
/// SOCK_STREAM and SOCK_DGRAM, whatever flags are set beside the type.
constexpr std::uint64_t kIpTypes[] = {1, 2}, kSocketTypeMask = 0xF;
/// The type's usual protocol, TCP, UDP. Others (SCTP, DCCP, MPTCP, UDP-Lite…) would make the kernel load their modules.
constexpr std::uint64_t kIpProtocols[] = {0, 6, 17};
/// RLIMIT_CORE may not be changed: at 1 it keeps the kernel from starting the host's core dump handler, at 0 it doesn't
/// (core(5), oci_config.cpp). The others are RLIMIT_CPU (0) to RLIMIT_RTTIME (15).
constexpr std::uint64_t kRlimitCore = 4, kRlimits = 16;

json::array names_of(std::string_view calls) {
    json::array names;
    for (const auto name : split(calls, ' '))
        if (!name.empty()) names.emplace_back(name);
    return names;
}

json::object rule(std::string_view calls, std::string_view action) {
    return {{"names", names_of(calls)}, {"action", action}};
}

/// What one argument of a call must be: equal to `value`, in the bits of `mask` only where there is one.
struct Argument {
    unsigned index;
    std::uint64_t value;
    std::uint64_t mask = 0;
};

json::object rule_if(std::string_view calls, std::initializer_list<Argument> arguments) {
    json::array conditions;
    for (const auto& [index, value, mask] : arguments) {
        json::object condition{{"index", index}, {"value", value}, {"op", "SCMP_CMP_EQ"}};
        if (mask != 0)
            condition = {{"index", index}, {"value", mask}, {"valueTwo", value}, {"op", "SCMP_CMP_MASKED_EQ"}};
        conditions.push_back(std::move(condition));
    }
    json::object allowed = rule(calls, "SCMP_ACT_ALLOW");
    allowed["args"] = std::move(conditions);
    return allowed;
}

void allow_sockets(json::array& rules) {
    rules.push_back(rule_if("socket socketpair", {{0, kUnix}}));
    for (const auto family : kIpFamilies)
        for (const auto type : kIpTypes)
            for (const auto protocol : kIpProtocols)
                rules.push_back(rule_if("socket", {{0, family}, {1, type, kSocketTypeMask}, {2, protocol}}));
}

/// Limits may be asked for and lowered.
void allow_limits(json::array& rules) {
    constexpr std::uint64_t kNoNewLimit = 0;
    rules.push_back(rule_if("prlimit64", {{1, kRlimitCore}, {2, kNoNewLimit}}));
    for (std::uint64_t limit = 0; limit < kRlimits; ++limit) {
        if (limit == kRlimitCore) continue;
        rules.push_back(rule_if("prlimit64", {{1, limit}}));
        rules.push_back(rule_if("setrlimit", {{0, limit}}));
    }
}

json::array architectures() {
#if defined(__x86_64__)
    return {"SCMP_ARCH_X86_64"};
#elif defined(__aarch64__)
    return {"SCMP_ARCH_AARCH64"};
#else
#error "the sandbox's seccomp profile knows x86-64 and aarch64"
#endif
}

}  // namespace

json::object seccomp_profile() {
    json::array rules;
    for (const auto& family : kAllowed) rules.push_back(rule(family.calls, "SCMP_ACT_ALLOW"));
    rules.push_back(rule_if("clone", {{0, 0, kNamespaceFlags}}));
    for (const auto& request : kRequests) rules.push_back(rule_if("ioctl", {{1, request.number, kLow32}}));
    for (const auto personality : kPersonalities) rules.push_back(rule_if("personality", {{0, personality}}));
    allow_sockets(rules);
    allow_limits(rules);
    // clone3 takes its flags in memory, where no filter can see them; ENOSYS makes the C library use clone.
    json::object clone3 = rule("clone3", "SCMP_ACT_ERRNO");
    clone3["errnoRet"] = ENOSYS;
    rules.push_back(std::move(clone3));
    return {{"defaultAction", "SCMP_ACT_ERRNO"},
            {"defaultErrnoRet", EPERM},
            {"architectures", architectures()},
            {"syscalls", std::move(rules)}};
}

}  // namespace labhub::coordinator::runner
