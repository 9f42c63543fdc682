#include "coordinator/images/confinement.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "shared/base/files.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

/// Below the numbers sandboxes get (coordinator/runner/oci_config.cpp), and as those nobody else's.
constexpr uid_t kNobodysUser = 1'899'999'999;
/// A folder every host has and the host's Python does not need: the new root is built on it, in our own namespace only.
constexpr const char* kWorkplace = "/tmp";

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's AUDIT_ARCH"
#endif

/// What a Python takes that starts, reads, computes and writes. Whatever else it asks for fails with EPERM.
constexpr int kAllowed[] = {
    // files, by names in a root that is read-only
    SYS_openat,
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_close,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_getdents64,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_getcwd,
    SYS_fcntl,
    SYS_ioctl,
    SYS_dup,
    SYS_dup3,
    SYS_fadvise64,
    // memory
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    // its own signals, clocks, identity and end
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_gettimeofday,
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrandom,
    SYS_sched_getaffinity,
    SYS_prlimit64,
    SYS_exit,
    SYS_exit_group,
    // the C library's start and locks
    SYS_execve,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_futex,
#if defined(__x86_64__)
    SYS_arch_prctl,
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_dup2,
    SYS_poll,
    SYS_getrlimit,
    SYS_time,
#endif
};

Result<void> filter_calls() {
    std::vector<sock_filter> filter;
    const auto put = [&](std::uint16_t code, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
        filter.push_back(sock_filter{code, yes, no, k});
    };
    put(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
    put(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
    put(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    put(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
    for (const int call : kAllowed) {
        put(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1);
        put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return system_error("filter system calls", errno);
    return {};
}

void limit(__rlimit_resource_t resource, rlim_t most) {
    const rlimit both{most, most};
    ::setrlimit(resource, &both);
}

void limit_all() {
    limit(RLIMIT_AS, 1u << 30);
    limit(RLIMIT_CPU, 5);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_MEMLOCK, 0);
}

Result<void> bind_read_only(const fs::path& from, const fs::path& to) {
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return system_error("bind " + from.string(), errno);
    if (::mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) != 0)
        return system_error("make " + from.string() + " read-only", errno);
    return {};
}

/// A root with the host's /usr and nothing else of it.
Result<void> build_host_root(const fs::path& root) {
    if (::mount("labhub", root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0)
        return system_error("mount a root", errno);
    LABHUB_CHECK(make_folder(root / "usr"));
    LABHUB_CHECK(make_folder(root / "etc"));
    for (const std::string name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"})
        if (::access(("/usr/" + name).c_str(), F_OK) == 0)
            (void)!::symlink(("usr/" + name).c_str(), (root / name).c_str());
    return bind_read_only("/usr", root / "usr");
}

Result<void> enter_root(const fs::path& image) {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error("make mounts private", errno);
    const bool is_host = image == "/";
    const fs::path root = is_host ? fs::path(kWorkplace) : image;
    if (is_host) {
        LABHUB_CHECK(build_host_root(root));
    } else {
        LABHUB_CHECK(bind_read_only(image, root));
    }
    if (::chdir(root.c_str()) != 0) return system_error("enter " + root.string(), errno);
    // Both on one folder: the old root then lies over the new one, and goes (pivot_root(2), NOTES).
    if (::syscall(SYS_pivot_root, ".", ".") != 0) return system_error("change the root to " + root.string(), errno);
    if (::umount2(".", MNT_DETACH) != 0) return system_error("leave the old root", errno);
    if (::chdir("/") != 0) return system_error("enter the new root", errno);
    return {};
}

Result<void> write_map(const char* path, const std::string& text) {
    const UniqueFd file{::open(path, O_WRONLY | O_CLOEXEC)};
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return system_error(std::string("write ") + path, errno);
    return {};
}

/// In a new user namespace, where nobody exists yet: we, under the number of nobody. A user that doesn't exist can make
/// no file, not even in a file system of its own (EOVERFLOW).
Result<void> become_nobody(uid_t user, gid_t group) {
    const std::string nobody = std::to_string(kNobodysUser) + " ";
    LABHUB_CHECK(write_map("/proc/self/setgroups", "deny"));
    LABHUB_CHECK(write_map("/proc/self/uid_map", nobody + std::to_string(user) + " 1"));
    return write_map("/proc/self/gid_map", nobody + std::to_string(group) + " 1");
}

/// False: the kernel gives us no namespaces.
Result<bool> isolate(const fs::path& image) {
    constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    if (::unshare(kNamespaces) != 0) {
        if (::unshare(CLONE_NEWUSER | kNamespaces) != 0) return false;
        LABHUB_CHECK(become_nobody(user, group));
    }
    LABHUB_CHECK(enter_root(image));
    return true;
}

Result<void> drop_privileges() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("give up privileges", errno);
    if (::geteuid() != 0) return {};
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobodysUser, kNobodysUser, kNobodysUser) != 0 ||
        ::setresuid(kNobodysUser, kNobodysUser, kNobodysUser) != 0)
        return system_error("give up privileges", errno);
    return {};
}

Result<void> confine(const fs::path& image) {
    ::close_range(3, ~0u, 0);
    LABHUB_TRY(const bool is_isolated, isolate(image));
    if (!is_isolated && image != "/")
        return Error{ErrorCode::unsupported,
                     "an image's Python needs root or user namespaces, and this host gives neither"};
    LABHUB_CHECK(drop_privileges());
    limit_all();
    return filter_calls();
}

}  // namespace

Error become(const ConfinedPython& what) {
    std::vector<std::string> words{what.python, "-I", "-B"};
    if (!what.with_packages) words.emplace_back("-S");
    words.insert(words.end(), {"-c", what.program});
    words.insert(words.end(), what.arguments.begin(), what.arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::string path = "PATH=/usr/local/bin:/usr/bin:/bin", language = "LANG=C.UTF-8";
    char* environment[] = {path.data(), language.data(), nullptr};
    if (const auto confined = confine(what.root); !confined) return confined.error();
    ::execve(what.python.c_str(), argv.data(), environment);
    return system_error("start " + what.python, errno);
}

}  // namespace labhub::coordinator::images
