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
    {"how much may I use, and be nicer to others",
     "getrlimit setrlimit prlimit64 getrusage getpriority setpriority ioprio_get ioprio_set sched_yield "
     "sched_getaffinity "
     "sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr "
     "sched_setattr "
     "sched_get_priority_max sched_get_priority_min sched_rr_get_interval"},
};

/// clone(2) flags that make namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
constexpr std::uint64_t kNamespaceFlags = 0x7E020000;
/// Pushes characters into a terminal's input; the classic way out of a sandbox that shares one.
constexpr std::uint64_t kTiocsti = 0x5412;
/// personality(2): the default, and the question which one is set. Others switch protections off.
constexpr std::uint64_t kPersonalities[] = {0x0, 0xFFFFFFFF};
/// Unix, IPv4, IPv6. Not: netlink, packet, vsock and the many rarely used families with a long history of faults.
constexpr std::uint64_t kSocketFamilies[] = {1, 2, 10};

json::array names_of(std::string_view calls) {
    json::array names;
    for (const auto name : split(calls, ' '))
        if (!name.empty()) names.emplace_back(name);
    return names;
}

json::object rule(std::string_view calls, std::string_view action) {
    return {{"names", names_of(calls)}, {"action", action}};
}

json::object rule_if(std::string_view calls, unsigned index, std::uint64_t value, std::string_view op,
                     std::uint64_t value_two = 0) {
    json::object allowed = rule(calls, "SCMP_ACT_ALLOW");
    allowed["args"] =
        json::array{json::object{{"index", index}, {"value", value}, {"valueTwo", value_two}, {"op", op}}};
    return allowed;
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
    rules.push_back(rule_if("clone", 0, kNamespaceFlags, "SCMP_CMP_MASKED_EQ", 0));
    rules.push_back(rule_if("ioctl", 1, kTiocsti, "SCMP_CMP_NE"));
    for (const auto personality : kPersonalities)
        rules.push_back(rule_if("personality", 0, personality, "SCMP_CMP_EQ"));
    for (const auto family : kSocketFamilies) rules.push_back(rule_if("socket socketpair", 0, family, "SCMP_CMP_EQ"));
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
