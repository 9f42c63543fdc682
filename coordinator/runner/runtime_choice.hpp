#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// An OCI runtime and how it has to be used on this host.
struct RuntimeChoice {
    std::string program;        ///< absolute path
    std::string version;        ///< "crun 1.8.1"
    bool hide_unified = false;  ///< crun refuses hybrid cgroup hosts unless /sys/fs/cgroup/unified is out of its sight
    bool user_namespace = false;  ///< root inside is nobody outside
    std::string disk_limit_by;    ///< "loop ext4" or "polling"
};

/// Whether it is gVisor's runsc: a kernel of its own in front of the host's. It has its own loopback unless it is told
/// to use its network namespace's, hands on no descriptor but the standard ones, and takes the filter of system calls
/// only when told to.
bool is_gvisor(const RuntimeChoice& choice);

/// What became of trying one of them.
struct RuntimeTrial {
    RuntimeChoice choice;
    std::string error;  ///< empty: it works
};

/// Makes real sandboxes that run /usr/bin/true, one way after the other, until one works: crun before runc (it starts
/// in less than half the time), with a user namespace before without. `wanted` as JobSpec::runtime; `scratch` is a
/// folder for the trials. The last trial is the one that works, if any does. Call before this process has other
/// threads.
std::vector<RuntimeTrial> try_runtimes(const std::string& wanted, const std::filesystem::path& scratch);

/// The choice for this host: from `cache_folder`, as long as neither the host was restarted nor the programs changed;
/// else by trying, and then kept there. Error unsupported with each one's reason when none works.
Result<RuntimeChoice> choose_runtime(const std::string& wanted, const std::filesystem::path& cache_folder,
                                     const std::filesystem::path& scratch);
/// Forgets the kept choice, after a sandbox could not be started with it.
void forget_choice(const std::filesystem::path& cache_folder);

boost::json::object to_json_object(const RuntimeTrial& trial);

}  // namespace labhub::coordinator::runner
