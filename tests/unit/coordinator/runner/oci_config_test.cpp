#include "coordinator/runner/oci_config.hpp"

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "coordinator/runner/seccomp.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace json = boost::json;

json::object example(bool user_namespace = true) {
    JobSpec spec;
    spec.job_id = JobId{"job-1"};
    spec.limits.cpus = 0.5;
    return oci_config(spec, {"/w/init", "/w/script.py", "/w/python", "/w/output", "/proc/7/fd/3"},
                      {user_namespace, true, 99});
}

TEST(OciConfig, GivesNoPrivilege) {
    for (const bool user_namespace : {true, false}) {
        const json::value config = example(user_namespace);
        const auto& process = config.at("process");
        EXPECT_TRUE(process.at("noNewPrivileges").as_bool());
        EXPECT_NE(process.at("user").at("uid").to_number<int>(), 0);
        for (const auto& set : process.at("capabilities").as_object())
            EXPECT_TRUE(set.value().as_array().empty()) << set.key();
        EXPECT_TRUE(config.at("root").at("readonly").as_bool());
        EXPECT_EQ(config.at("linux").at("seccomp").at("defaultAction").as_string(), "SCMP_ACT_ERRNO");
    }
}

TEST(OciConfig, MakesEveryNamespace) {
    const json::value config = example();
    std::set<std::string> types;
    for (const auto& one : config.at("linux").at("namespaces").as_array())
        types.insert(json::value_to<std::string>(one.at("type")));
    EXPECT_EQ(types, (std::set<std::string>{"cgroup", "ipc", "mount", "network", "pid", "user", "uts"}));
    EXPECT_FALSE(json::value(example(false)).at("linux").as_object().contains("uidMappings"));
}

TEST(OciConfig, LeavesTwoPlacesToWriteOnTheHostsDisk) {
    const json::value config = example();
    std::set<std::string> writable;
    for (const auto& mount : config.at("mounts").as_array()) {
        bool read_only = false;
        for (const auto& option : mount.at("options").as_array()) read_only = read_only || option.as_string() == "ro";
        EXPECT_NE(mount.at("type").as_string(), "sysfs");
        if (!read_only) writable.insert(json::value_to<std::string>(mount.at("destination")));
    }
    EXPECT_EQ(writable, (std::set<std::string>{"/app/output", "/dev", "/dev/shm", "/proc", "/tmp"}));
}

TEST(OciConfig, SetsEveryLimit) {
    const json::value config = example();
    const auto& resources = config.at("linux").at("resources");
    EXPECT_EQ(resources.at("memory").at("limit").to_number<std::uint64_t>(), 512u << 20);
    EXPECT_EQ(resources.at("memory").at("swap").to_number<std::uint64_t>(), 512u << 20);
    EXPECT_EQ(resources.at("cpu").at("quota").to_number<int>(), 50'000);
    EXPECT_EQ(resources.at("pids").at("limit").to_number<int>(), 256);
}

TEST(OciConfig, BoundsWhatTheScriptMayNotRaise) {
    const json::value config = example();
    std::map<std::string, std::uint64_t> limits;
    for (const auto& limit : config.at("process").at("rlimits").as_array()) {
        EXPECT_EQ(limit.at("soft"), limit.at("hard"));
        limits[json::value_to<std::string>(limit.at("type"))] = limit.at("hard").to_number<std::uint64_t>();
    }
    EXPECT_EQ(limits.at("RLIMIT_NOFILE"), 4096u);
    // Neither a file nor a handler of the host, see core(5).
    EXPECT_LE(limits.at("RLIMIT_CORE"), 1u);
    // A file in /tmp may be as large as /tmp, even where the outputs are small.
    EXPECT_EQ(limits.at("RLIMIT_FSIZE"), 256u << 20);
}

TEST(OciConfig, NeighboursHaveDifferentUsers) {
    EXPECT_NE(host_uid(JobId{"job-1"}), host_uid(JobId{"job-2"}));
    EXPECT_EQ(host_uid(JobId{"job-1"}), host_uid(JobId{"job-1"}));
    EXPECT_GE(host_uid(JobId{"job-1"}), 1'900'000'000u);
    EXPECT_LT(host_uid(JobId{"job-1"}), 2'147'000'000u);
}

TEST(OciConfig, SpecificationMayOverrideTheEnvironment) {
    JobSpec spec;
    spec.job_id = JobId{"job-1"};
    spec.environment = {{"MPLBACKEND", "svg"}};
    const auto environment = sandbox_environment(spec);
    EXPECT_EQ(environment.at("MPLBACKEND"), "svg");
    EXPECT_EQ(environment.at("EXPERIMENT_ID"), "job-1");
}

TEST(Seccomp, LetsNoDangerousCallThrough) {
    std::set<std::string> allowed;
    const json::value profile = seccomp_profile();
    for (const auto& rule : profile.at("syscalls").as_array())
        if (rule.at("action").as_string() == "SCMP_ACT_ALLOW" && !rule.as_object().contains("args"))
            for (const auto& name : rule.at("names").as_array()) allowed.insert(json::value_to<std::string>(name));
    for (const char* call : {"ptrace",
                             "mount",
                             "umount2",
                             "move_mount",
                             "open_tree",
                             "fsopen",
                             "pivot_root",
                             "chroot",
                             "unshare",
                             "setns",
                             "bpf",
                             "io_uring_setup",
                             "io_uring_enter",
                             "perf_event_open",
                             "keyctl",
                             "add_key",
                             "request_key",
                             "init_module",
                             "finit_module",
                             "delete_module",
                             "kexec_load",
                             "reboot",
                             "swapon",
                             "syslog",
                             "userfaultfd",
                             "process_vm_readv",
                             "process_vm_writev",
                             "pidfd_getfd",
                             "kcmp",
                             "open_by_handle_at",
                             "setuid",
                             "setgid",
                             "setgroups",
                             "capset",
                             "iopl",
                             "ioperm",
                             "modify_ldt",
                             "settimeofday",
                             "clock_settime",
                             "sethostname",
                             "quotactl",
                             "acct",
                             "sync",
                             "vmsplice",
                             "clone",
                             "clone3",
                             "socket",
                             "ioctl",
                             "personality"})
        EXPECT_FALSE(allowed.contains(call)) << call;
    for (const char* call : {"read", "write", "mmap", "futex", "execve", "clock_gettime", "connect", "openat"})
        EXPECT_TRUE(allowed.contains(call)) << call;
}

/// Whether the profile allows `call` with these first arguments.
bool allows(const std::string& call, const std::vector<std::uint64_t>& arguments) {
    const json::value profile = seccomp_profile();
    for (const auto& rule : profile.at("syscalls").as_array()) {
        bool fits = rule.at("action").as_string() == "SCMP_ACT_ALLOW", named = false;
        for (const auto& name : rule.at("names").as_array()) named = named || name.as_string() == call;
        if (!named || !fits) continue;
        if (!rule.as_object().contains("args")) return true;
        for (const auto& wanted : rule.at("args").as_array()) {
            const auto given = arguments.at(wanted.at("index").to_number<std::size_t>());
            const auto value = wanted.at("value").to_number<std::uint64_t>();
            fits = fits && (wanted.at("op").as_string() == "SCMP_CMP_EQ"
                                ? given == value
                                : (given & value) == wanted.at("valueTwo").to_number<std::uint64_t>());
        }
        if (fits) return true;
    }
    return false;
}

TEST(Seccomp, LetsTheUsualProtocolsThroughAndNoOthers) {
    constexpr std::uint64_t kUnix = 1, kInet = 2, kInet6 = 10, kNetlink = 16, kStream = 1, kDatagram = 2, kRaw = 3;
    constexpr std::uint64_t kCloseOnExec = 02000000, kSctp = 132, kIcmp = 1, kTcp = 6, kHigh = 1ull << 32;
    EXPECT_TRUE(allows("socket", {kInet, kStream | kCloseOnExec, 0}));
    EXPECT_TRUE(allows("socket", {kInet6, kDatagram, 17}));
    EXPECT_TRUE(allows("socket", {kUnix, 5, 0}));
    EXPECT_TRUE(allows("socketpair", {kUnix, kStream, 0}));
    EXPECT_FALSE(allows("socket", {kNetlink, kRaw, 0}));
    EXPECT_FALSE(allows("socket", {kInet | kHigh, kStream, 0}));
    EXPECT_FALSE(allows("socket", {kInet, kStream, kSctp}));
    EXPECT_FALSE(allows("socket", {kInet, kDatagram, kIcmp}));
    EXPECT_FALSE(allows("socket", {kInet, kRaw, kTcp}));
    EXPECT_FALSE(allows("socketpair", {kInet, kStream, 0}));
}

TEST(Seccomp, NoBitAboveMakesARequestAnotherOne) {
    constexpr std::uint64_t kFionbio = 0x5421, kTiocsti = 0x5412, kHigh = 1ull << 32;
    EXPECT_TRUE(allows("ioctl", {0, kFionbio}));
    EXPECT_FALSE(allows("ioctl", {0, kTiocsti}));
    EXPECT_FALSE(allows("ioctl", {0, kTiocsti | kHigh}));
}

TEST(Seccomp, CoreDumpsStayOff) {
    constexpr std::uint64_t kCore = 4, kFiles = 7, kSomewhere = 0x7fff0000;
    EXPECT_TRUE(allows("prlimit64", {0, kFiles, kSomewhere}));
    EXPECT_TRUE(allows("prlimit64", {0, kCore, 0}));
    EXPECT_FALSE(allows("prlimit64", {0, kCore, kSomewhere}));
    EXPECT_FALSE(allows("prlimit64", {0, kCore | 1ull << 32, kSomewhere}));
    EXPECT_FALSE(allows("setrlimit", {kCore}));
}

TEST(Seccomp, NamesNoCallTwice) {
    std::set<std::string> seen;
    const json::value profile = seccomp_profile();
    for (const auto& rule : profile.at("syscalls").as_array())
        if (!rule.as_object().contains("args")) {
            for (const auto& name : rule.at("names").as_array())
                EXPECT_TRUE(seen.insert(json::value_to<std::string>(name)).second) << name.as_string();
        }
}

}  // namespace
}  // namespace labhub::coordinator::runner
