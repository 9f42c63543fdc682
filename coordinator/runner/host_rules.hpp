#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::runner {

inline constexpr const char* kHostRulesFile = "/etc/labhub/runner.toml";

/// What root allows jobs that are described by a user without root's rights: everything a runner does as root for such
/// a job is bounded by these, not by what lies in the job's folder.
struct HostRules {
    std::string user = "labhub";
    std::filesystem::path jobs = "/var/lib/labhub/experiments";
    std::filesystem::path socket = "/var/lib/labhub/run/jobs.sock";
    std::filesystem::path sandboxes = "/var/lib/labhub-sandboxes";
    std::filesystem::path python;  ///< empty: where this program's packages are installed
    std::filesystem::path images = "/var/lib/labhub-images";
    std::vector<std::string> runtimes{"auto", "crun", "runc"};
};

config::Options options_of(HostRules& rules);

/// The rules that `file` makes; the defaults where there is none. Error forbidden when anybody but root may write it.
Result<HostRules> load_host_rules(const std::filesystem::path& file);

/// Where the files of the job of that name are. Errors malformed (no name of a job), not_found (no such user),
/// forbidden (the user is root).
Result<JobFolders> folders_of(const HostRules& rules, const std::string& name);

/// What the job's owner asks for, as far as the rules allow it; what is known of this host is kept where only root
/// writes. Errors as read_job_spec, and forbidden, which names what the rules say.
Result<JobSpec> read_job_spec(const HostRules& rules, const JobFolders& folders);

/// Whether nobody but root can change what is found at `path`, as far as modes tell. Error forbidden, with the folder
/// that others may write, not_found.
Result<void> check_is_roots(const std::filesystem::path& path);

}  // namespace labhub::coordinator::runner
