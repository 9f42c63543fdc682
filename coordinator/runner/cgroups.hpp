#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// What the kernel counted for a sandbox.
struct ResourceUse {
    std::uint64_t peak_memory_bytes = 0;
    std::uint64_t cpu_ms = 0;
    std::uint64_t oom_kills = 0;     ///< processes killed because the memory limit was reached
    std::uint64_t pid_refusals = 0;  ///< forks refused because the process limit was reached
};

/// One cgroup in every hierarchy mounted on this host: v1 controllers, v2, or both (hybrid). Reads and removes; making
/// it and setting its limits is the OCI runtime's work. Files that a host lacks read as 0.
class Cgroup {
  public:
    Cgroup() = default;
    /// `path` within each hierarchy that this process sees now: "/labhub/<job id>".
    explicit Cgroup(const std::string& path);

    ResourceUse use() const;
    /// The cgroup's folder in each hierarchy, whether it is there or not.
    const std::vector<std::filesystem::path>& folders() const { return folders_; }
    /// One SIGKILL to every process in it. True when there was none.
    bool kill_once() const;
    /// SIGKILL to every process in it, again until none is left or `limit` has passed, and what is frozen is thawed to
    /// die. True when it is empty.
    bool kill_all(std::chrono::milliseconds limit) const;
    /// Removes it. True when nothing of it is left.
    bool remove() const;

  private:
    std::vector<std::filesystem::path> folders_;
};

/// Where systemd has delegated this process's own control group to it (a unit with Delegate=, version 2): makes place
/// for sandboxes in it by moving this process into a group of its own below, as a group with processes can't divide
/// what it has (cgroups(7), "no internal processes"). The path of the delegated one; empty where there is none. Errors
/// as the system gave them.
Result<std::string> enter_delegated_cgroup();

/// 1, 2, or 0 for hybrid (v1 controllers with an empty v2 tree beside them).
int cgroup_version();
/// Whether a limit on swap can be set: the kernel counts it, and there is some.
bool can_limit_swap();

}  // namespace labhub::coordinator::runner
