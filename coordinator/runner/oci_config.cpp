#include "coordinator/runner/oci_config.hpp"

#include <sys/resource.h>

#include <cmath>

#include <boost/json.hpp>

#include "coordinator/runner/root_folder.hpp"
#include "coordinator/runner/seccomp.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace json = boost::json;

/// Host user numbers from here on belong to no distribution, container engine or directory service by their published
/// ranges (systemd's table ends at 1,879,048,191; 2,147,352,576 begins the next).
constexpr std::uint32_t kFirstHostUid = 1'900'000'000;
constexpr std::uint32_t kUidBlock = 4096;
constexpr std::uint32_t kUidBlocks = 32768;
constexpr std::uint64_t kCpuPeriodUs = 100'000;
constexpr std::uint64_t kOpenFiles = 4096;
constexpr std::uint64_t kSharedMemoryBytes = 64u << 20;
/// No core dump, neither as a file nor through a handler: core(5) hands a dump to a handler on the host ("|/usr/lib/…")
/// even where the limit is 0, but not where it is 1 (fs/coredump.c), and no file of one byte is begun.
constexpr std::uint64_t kCoreBytes = 1;

json::object mount(std::string_view destination, std::string_view type, std::string_view source,
                   std::initializer_list<std::string> options) {
    json::array list;
    for (const auto& option : options) list.emplace_back(option);
    return {{"destination", destination}, {"type", type}, {"source", source}, {"options", std::move(list)}};
}

json::object bind_mount(std::string_view destination, const std::filesystem::path& source, bool writable) {
    return mount(destination, "bind", source.string(), {"bind", writable ? "rw" : "ro", "nosuid", "nodev"});
}

json::array mounts(const JobSpec& spec, const BundleSources& sources) {
    json::array list;
    list.push_back(mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
    list.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "mode=755", "size=64k"}));
    list.push_back(mount("/dev/shm", "tmpfs", "shm",
                         {"nosuid", "nodev", "noexec", "mode=1777", "size=" + std::to_string(kSharedMemoryBytes)}));
    list.push_back(mount("/tmp", "tmpfs", "tmpfs",
                         {"nosuid", "nodev", "mode=1777", "size=" + std::to_string(spec.limits.tmp_bytes)}));
    for (const auto& folder : bound_folders(sources.image)) list.push_back(bind_mount(folder.at, folder.source, false));
    list.push_back(bind_mount(kInitPath, sources.init, false));
    list.push_back(bind_mount("/app/user_script.py", sources.script, false));
    if (!sources.python.empty()) list.push_back(bind_mount(kPythonPath, sources.python, false));
    if (!sources.input.empty()) list.push_back(bind_mount(kInputPath, sources.input, false));
    list.push_back(bind_mount("/app/output", sources.output, true));
    return list;
}

/// `wanted`, or the most this process may give: raising a hard limit needs a capability not every host leaves us.
json::object rlimit(std::string_view type, int resource, std::uint64_t wanted) {
    struct rlimit ours {};
    ::getrlimit(static_cast<__rlimit_resource_t>(resource), &ours);
    const std::uint64_t most = ours.rlim_max == RLIM_INFINITY ? wanted : std::min<std::uint64_t>(wanted, ours.rlim_max);
    return {{"type", type}, {"hard", most}, {"soft", most}};
}

json::object no_capabilities() {
    json::object sets;
    for (const char* set : {"bounding", "effective", "permitted", "inheritable", "ambient"}) sets[set] = json::array{};
    return sets;
}

/// Of files in the outputs; in /tmp and /dev/shm their own sizes are the bound.
std::uint64_t largest_file(const JobSpec& spec, const BundleOptions& options) {
    return std::max({options.largest_file, spec.limits.tmp_bytes, kSharedMemoryBytes});
}

json::object process(const JobSpec& spec, const BundleOptions& options) {
    json::array args{kInitPath};
    if (!options.waits)
        for (const auto& argument : spec.argv) args.emplace_back(argument);
    json::array env;
    for (const auto& [name, value] : sandbox_environment(spec)) env.emplace_back(name + "=" + value);
    const std::uint32_t user = options.user_namespace ? kSandboxUid : host_uid(spec.job_id);
    return {{"terminal", false},
            {"user", {{"uid", user}, {"gid", user}}},
            {"args", std::move(args)},
            {"env", std::move(env)},
            {"cwd", "/app/output"},
            {"capabilities", no_capabilities()},
            {"rlimits", json::array{rlimit("RLIMIT_NOFILE", RLIMIT_NOFILE, kOpenFiles),
                                    rlimit("RLIMIT_CORE", RLIMIT_CORE, kCoreBytes),
                                    rlimit("RLIMIT_FSIZE", RLIMIT_FSIZE, largest_file(spec, options))}},
            {"oomScoreAdj", kSandboxOomScore},
            {"noNewPrivileges", true}};
}

json::object resources(const Limits& limits, const BundleOptions& options) {
    json::object memory{{"limit", limits.memory_bytes}};
    if (options.limit_swap) memory["swap"] = limits.memory_bytes;
    const CpuQuota cpu = cpu_quota(limits);
    return {{"devices", json::array{json::object{{"allow", false}, {"access", "rwm"}}}},
            {"memory", std::move(memory)},
            {"cpu", {{"quota", cpu.quota_us}, {"period", cpu.period_us}}},
            {"pids", {{"limit", limits.pids}}}};
}

json::array namespaces(const BundleSources& sources, const BundleOptions& options) {
    json::array list;
    for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"}) list.push_back(json::object{{"type", type}});
    json::object network{{"type", "network"}};
    if (!sources.network.empty()) network["path"] = sources.network;
    list.push_back(std::move(network));
    if (options.user_namespace) list.push_back(json::object{{"type", "user"}});
    return list;
}

/// Root (which only the runtime's own set-up is) and the script's user; every other number doesn't exist inside.
json::array id_mappings(const JobId& job) {
    const std::uint32_t user = host_uid(job);
    return {json::object{{"containerID", 0}, {"hostID", user - kSandboxUid}, {"size", 1}},
            json::object{{"containerID", kSandboxUid}, {"hostID", user}, {"size", 1}}};
}

json::object linux_part(const JobSpec& spec, const BundleSources& sources, const BundleOptions& options) {
    json::object part{
        {"namespaces", namespaces(sources, options)},
        {"cgroupsPath", options.cgroup.empty() ? cgroup_path(spec.job_id) : options.cgroup},
        {"resources", resources(spec.limits, options)},
        {"seccomp", seccomp_profile()},
        // Facts about the host that no script needs, and switches that change it.
        {"maskedPaths",
         {"/proc/acpi",       "/proc/asound",     "/proc/bootconfig",    "/proc/cmdline",    "/proc/config.gz",
          "/proc/diskstats",  "/proc/interrupts", "/proc/iomem",         "/proc/ioports",    "/proc/kallsyms",
          "/proc/kcore",      "/proc/keys",       "/proc/key-users",     "/proc/kmsg",       "/proc/kpagecgroup",
          "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats", "/proc/locks",      "/proc/mdstat",
          "/proc/modules",    "/proc/mtrr",       "/proc/partitions",    "/proc/pressure",   "/proc/sched_debug",
          "/proc/schedstat",  "/proc/scsi",       "/proc/slabinfo",      "/proc/timer_list", "/proc/timer_stats",
          "/proc/vmallocinfo"}},
        {"readonlyPaths", {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}}};
    if (options.user_namespace) {
        part["uidMappings"] = id_mappings(spec.job_id);
        part["gidMappings"] = id_mappings(spec.job_id);
    }
    return part;
}

}  // namespace

CpuQuota cpu_quota(const Limits& limits) {
    return {std::llround(limits.cpus * static_cast<double>(kCpuPeriodUs)), kCpuPeriodUs};
}

std::string cgroup_path(const JobId& job) { return "/labhub/" + job.value; }

std::uint32_t host_uid(const JobId& job) {
    // FNV-1a: the same number for the same job in every process, which std::hash does not promise.
    std::uint32_t hash = 2166136261u;
    for (const char c : job.value) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
    return kFirstHostUid + hash % kUidBlocks * kUidBlock + kSandboxUid;
}

std::map<std::string, std::string> sandbox_environment(const JobSpec& spec) {
    const std::string url = "http://127.0.0.1:" + std::to_string(spec.api_port);
    const std::string threads = std::to_string(std::max(1L, std::lround(spec.limits.cpus)));
    std::map<std::string, std::string> environment = spec.environment;
    environment.insert({{"BIOREACTOR_NODE_API_URL", url},
                        {"BIOREACTOR_HUB_API_URL", url},
                        {"LABHUB_URL", url},
                        {"EXPERIMENT_ID", spec.job_id.value},
                        {"PATH", "/usr/local/bin:/usr/bin:/bin"},
                        {"HOME", "/tmp"},
                        {"LANG", "C.UTF-8"},
                        {"PYTHONUNBUFFERED", "1"},
                        {"PYTHONDONTWRITEBYTECODE", "1"},
                        {"PYTHONPATH", kPythonPath},
                        {"MPLBACKEND", "Agg"},
                        {"MPLCONFIGDIR", "/tmp/matplotlib"},
                        // A numerical library would start a thread for each of the host's processors, not of the job's.
                        {"OPENBLAS_NUM_THREADS", threads},
                        {"OMP_NUM_THREADS", threads},
                        {"MKL_NUM_THREADS", threads},
                        {"NUMEXPR_NUM_THREADS", threads}});
    return environment;
}

json::object oci_config(const JobSpec& spec, const BundleSources& sources, const BundleOptions& options) {
    return {{"ociVersion", "1.0.2"},
            {"process", process(spec, options)},
            {"root", {{"path", "rootfs"}, {"readonly", true}}},
            {"hostname", "labhub"},
            {"mounts", mounts(spec, sources)},
            {"linux", linux_part(spec, sources, options)}};
}

}  // namespace labhub::coordinator::runner
