#pragma once

#include <filesystem>
#include <string>

#include <boost/json/object.hpp>

#include "coordinator/runner/job_spec.hpp"

namespace labhub::coordinator::runner {

inline constexpr const char* kInputPath = "/app/input";

/// The script's identity. Inside it is always this user; outside, where user namespaces work, a number of the job's own
/// that nobody else on the host has, so that per-user limits of the kernel are no way to a neighbour.
inline constexpr std::uint32_t kSandboxUid = 1000;

/// A sandbox's oom_score_adj, above every ordinary process: when the whole host runs out of memory, a script goes
/// first.
inline constexpr int kSandboxOomScore = 500;

/// What of the host a sandbox is made of; absolute host paths.
struct BundleSources {
    std::filesystem::path init;  ///< the labhub-init program
    std::filesystem::path script;
    std::filesystem::path python;  ///< empty: none
    std::filesystem::path input;   ///< empty: none
    std::filesystem::path output;
    std::string network;          ///< path of a network namespace; empty: a new one, without the hub's API
    std::filesystem::path image;  ///< root of the image; empty: the host's own
};

/// How this host can do it (see probe.hpp).
struct BundleOptions {
    bool user_namespace = true;
    bool limit_swap = false;
    std::uint64_t largest_file = 0;  ///< bytes
    std::string cgroup;              ///< empty: cgroup_path() of the job
    bool waits = false;              ///< labhub-init is told by its lifeline what to run, and with which environment
};

/// Processor time as cgroups bound it: so much of each period.
struct CpuQuota {
    std::int64_t quota_us = 0;
    std::uint64_t period_us = 0;
};
CpuQuota cpu_quota(const Limits& limits);

/// "/labhub/<job id>", in every cgroup hierarchy: where a sandbox's is that has no other.
std::string cgroup_path(const JobId& job);
/// The host's number for the script's user.
std::uint32_t host_uid(const JobId& job);
/// The variables every script finds (hub contract, section 3), with those of the specification over them.
std::map<std::string, std::string> sandbox_environment(const JobSpec& spec);

/// The bundle's config.json, after the OCI runtime specification 1.0.2; `rootfs` beside it as made by make_root_folder.
boost::json::object oci_config(const JobSpec& spec, const BundleSources& sources, const BundleOptions& options);

}  // namespace labhub::coordinator::runner
