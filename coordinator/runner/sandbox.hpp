#pragma once

#include <filesystem>
#include <string>

#include "coordinator/runner/cgroups.hpp"
#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "coordinator/runner/network.hpp"
#include "coordinator/runner/oci_config.hpp"
#include "coordinator/runner/outputs.hpp"
#include "coordinator/runner/process.hpp"
#include "coordinator/runner/runtime_choice.hpp"

namespace labhub::coordinator::runner {

/// Where the standard streams and the lifeline of a sandbox go; descriptors of this process.
struct SandboxStreams {
    int out = -1, err = -1, lifeline = -1;
};

/// One job's sandbox: a network namespace with the API's listener, a bounded output folder, an OCI bundle, and the
/// container that the runtime makes of them. The bundle and all mounts live on a tmpfs in a mount namespace of this
/// process, so they vanish with it; only the sandbox's folder (output image, runtime state) and the cgroup outlast it.
///
/// One that waits is made before its job is known: its container stands, under a name of its own, and labhub-init in it
/// waits. take_job() makes it the job's.
///
/// Used from the main thread, which prepare() moves into the new mount namespace for good.
class Sandbox {
  public:
    /// All that comes before the container. Errors forbidden (no root), unsupported, or as the system gave them.
    static Result<Sandbox> prepare(const JobSpec& spec, const JobFolders& folders, const RuntimeChoice& choice);
    /// The same in `folder` for any job with the limits of `like`, whose id is the sandbox's name.
    static Result<Sandbox> prepare_waiting(const JobSpec& like, const std::filesystem::path& folder,
                                           const RuntimeChoice& choice);
    /// Has the runtime set memory, processors and processes of a sandbox that waits. Error unsupported, with what the
    /// runtime said.
    Result<void> set_limits(const Limits& limits) const;
    /// Puts the job's script and its input files into a sandbox that waits, and the sandbox's folder into the job's:
    /// once. Whatever fails, the job's folder is as it was.
    Result<void> take_job(const std::filesystem::path& job_dir);

    /// Starts the runtime's `run --detach`; returns its process id. When that process ends with 0, init_process() is
    /// the container's first process, a child of this process (which must be a subreaper).
    Result<pid_t> start(const SandboxStreams& streams) const;
    Result<pid_t> init_process() const;
    /// What the runtime said when it failed: its last line.
    std::string runtime_error() const;

    /// What the runtime and the kernel know it by: the job's id, unless it waited.
    const JobId& name() const { return name_; }
    /// Of the name, or below the one its runner was given.
    std::string cgroup_name() const { return options_.cgroup.empty() ? cgroup_path(name_) : options_.cgroup; }
    int listener() const { return network_.listener.get(); }
    void close_listener() { network_ = {}; }
    const std::string& disk_limit_by() const { return disk_limit_by_; }
    /// The output folder as seen by this process.
    const std::filesystem::path& output() const { return sources_.output; }
    bool is_output_full() const;
    const Cgroup& cgroup() const { return cgroup_; }
    ResourceUse resource_use() const { return cgroup_.use(); }
    /// Deletes the container, its cgroup and the sandbox's folder. The outputs must have been brought out.
    void dismantle();

  private:
    Sandbox(const JobSpec& spec, const std::filesystem::path& folder, const RuntimeChoice& choice);
    Result<void> take_input(const std::filesystem::path& input) const;
    /// `job`: what it is made for; null when it waits for one.
    Result<void> make(const JobSpec& spec, const std::string& script, const JobFolders* job);
    Result<void> make_workplace(const JobSpec& spec);
    Result<void> bind_sources(const JobSpec& spec, const std::string& script);
    Result<void> fill_workplace(const JobSpec& spec, const std::string& script);
    Result<void> mount_output(const JobSpec& spec) const;
    Result<void> bound_output(const JobSpec& spec, const Result<void>& mounted);
    Result<void> make_plain_output(const JobSpec& spec);
    Result<void> write_bundle(const JobSpec& spec) const;

    std::filesystem::path folder_, workplace_;
    UniqueFd input_;  ///< the folder of its input files, where it has any
    RuntimeChoice choice_;
    JobId name_;
    std::uint32_t uid_;
    SandboxNetwork network_;
    BundleSources sources_;
    BundleOptions options_;
    std::string disk_limit_by_;
    Cgroup cgroup_;
};

std::filesystem::path image_path(const std::filesystem::path& sandbox_folder);
/// Where the outputs are when no image could be made.
std::filesystem::path plain_output_path(const std::filesystem::path& sandbox_folder);
/// The name of a job's sandbox: a sandbox that waited has brought its own.
JobId sandbox_name(const std::filesystem::path& sandbox_folder, const JobId& job);
/// Asks the runtime to delete a container and all its processes; one that doesn't exist is fine.
void delete_container(const std::string& program, const std::filesystem::path& sandbox_folder, const JobId& name);

/// A mount namespace of our own, from which nothing spreads to the host; `hide_unified` as in RuntimeChoice.
Result<void> enter_private_mounts(bool hide_unified);

/// Writes a bundle for `job_dir` that the runtime can be given by hand, with `folder/rootfs` and `folder/output`: for
/// measuring our start against the runtime's alone.
Result<void> write_bare_bundle(const JobSpec& spec, const std::filesystem::path& job_dir, const RuntimeChoice& choice,
                               const std::filesystem::path& folder);

}  // namespace labhub::coordinator::runner
