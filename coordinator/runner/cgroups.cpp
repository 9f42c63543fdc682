#include "coordinator/runner/cgroups.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <charconv>
#include <thread>

#include "coordinator/runner/freezer.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr std::chrono::milliseconds kKillPause{5};
constexpr int kRemoveAttempts = 200;
constexpr std::uint64_t kUsecPerMs = 1000;
constexpr std::uint64_t kNsecPerMs = 1'000'000;

struct Hierarchy {
    std::filesystem::path mount_point;
    std::string type;     ///< cgroup or cgroup2
    std::string options;  ///< the v1 controllers among them
};

std::vector<Hierarchy> hierarchies() {
    std::vector<Hierarchy> found;
    const auto mounts = read_file("/proc/self/mounts");
    if (!mounts) return found;
    for (const auto line : split(*mounts, '\n')) {
        const auto parts = split(line, ' ');
        if (parts.size() >= 4 && parts[2].starts_with("cgroup"))
            found.push_back({std::string(parts[1]), std::string(parts[2]), std::string(parts[3])});
    }
    return found;
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    text = trim(text);
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// The number after `key ` at a line's beginning; the whole file for an empty key. 0 where there is none.
std::uint64_t read_number(const std::filesystem::path& file, std::string_view key = {}) {
    const auto text = read_file(file);
    if (!text) return 0;
    if (key.empty()) return number_in(*text);
    for (const auto line : split(*text, '\n'))
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
            return number_in(line.substr(key.size()));
    return 0;
}

}  // namespace

Cgroup::Cgroup(const std::string& path) {
    for (const auto& hierarchy : hierarchies()) folders_.push_back(hierarchy.mount_point.string() + path);
}

ResourceUse Cgroup::use() const {
    ResourceUse use;
    for (const auto& folder : folders_) {
        use.peak_memory_bytes = std::max({use.peak_memory_bytes, read_number(folder / "memory.max_usage_in_bytes"),
                                          read_number(folder / "memory.peak")});
        use.cpu_ms = std::max({use.cpu_ms, read_number(folder / "cpuacct.usage") / kNsecPerMs,
                               read_number(folder / "cpu.stat", "usage_usec") / kUsecPerMs});
        use.oom_kills = std::max({use.oom_kills, read_number(folder / "memory.oom_control", "oom_kill"),
                                  read_number(folder / "memory.events", "oom_kill")});
        use.pid_refusals = std::max(use.pid_refusals, read_number(folder / "pids.events", "max"));
    }
    return use;
}

bool Cgroup::kill_once() const {
    bool empty = true;
    for (const auto& folder : folders_) {
        const auto members = read_file(folder / "cgroup.procs");
        if (!members) continue;
        for (const auto line : split(*members, '\n')) {
            const auto pid = static_cast<pid_t>(number_in(line));
            if (pid <= 1) continue;
            empty = false;
            ::kill(pid, SIGKILL);
        }
    }
    return empty;
}

bool Cgroup::kill_all(std::chrono::milliseconds limit) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (true) {
        const bool empty = kill_once();
        for (const auto& folder : folders_)
            if (const auto freezer = Freezer::of(folder)) (void)freezer->thaw();
        if (empty || std::chrono::steady_clock::now() >= deadline) return empty;
        std::this_thread::sleep_for(kKillPause);
    }
}

bool Cgroup::remove() const {
    bool all_gone = true;
    for (const auto& folder : folders_) {
        // A dead process leaves its cgroup a moment after it was reaped: rmdir says EBUSY until then.
        int attempts = 0;
        while (::rmdir(folder.c_str()) != 0 && errno == EBUSY && ++attempts < kRemoveAttempts)
            std::this_thread::sleep_for(kKillPause);
        all_gone = all_gone && ::access(folder.c_str(), F_OK) != 0;
    }
    return all_gone;
}

Result<std::string> enter_delegated_cgroup() {
    if (cgroup_version() != 2) return std::string{};
    LABHUB_TRY(const std::string text, read_file("/proc/self/cgroup"));
    const std::string_view own = trim(text);
    const auto mounted = hierarchies();
    if (mounted.empty() || !own.starts_with("0::/")) return std::string{};
    const std::string path{own.substr(std::string_view("0::").size())};
    const std::filesystem::path folder = mounted.front().mount_point.string() + path;
    char answer = 0;
    // systemd marks what it keeps out of (docs/CGROUP_DELEGATION.md of systemd).
    if (::getxattr(folder.c_str(), "trusted.delegate", &answer, 1) != 1 || answer != '1') return std::string{};
    LABHUB_CHECK(make_folder(folder / "runner"));
    const UniqueFd members{::open((folder / "runner/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC)};
    if (!members || ::write(members.get(), "0", 1) != 1)
        return system_error("enter the control group " + path + "/runner", errno);
    return path;
}

int cgroup_version() {
    bool controllers_in_v1 = false, v2 = false;
    for (const auto& hierarchy : hierarchies()) {
        if (hierarchy.type == "cgroup2")
            v2 = true;
        else
            controllers_in_v1 = true;
    }
    if (v2 && controllers_in_v1) return 0;
    return v2 ? 2 : 1;
}

bool can_limit_swap() {
    const auto swaps = read_file("/proc/swaps");
    if (!swaps || split(*swaps, '\n').size() <= 2) return false;
    for (const auto& hierarchy : hierarchies())
        if (hierarchy.type == "cgroup" && hierarchy.options.find("memory") != std::string::npos)
            return ::access((hierarchy.mount_point / "memory.memsw.limit_in_bytes").c_str(), F_OK) == 0;
    return true;
}

}  // namespace labhub::coordinator::runner
