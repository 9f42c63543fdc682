#pragma once

#include <filesystem>
#include <string>

#include "coordinator/runner/cgroups.hpp"
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
/// process, so they vanish with it; only JOB_DIR/sandbox (output image, runtime state) and the cgroup outlast it.
///
/// Used from the main thread, which prepare() moves into the new mount namespace for good.
class Sandbox {
  public:
    /// All that comes before the container. Errors forbidden (no root), unsupported, or as the system gave them.
    static Result<Sandbox> prepare(const JobSpec& spec, const std::filesystem::path& job_dir,
                                   const RuntimeChoice& choice);

    /// Starts the runtime's `run --detach`; returns its process id. When that process ends with 0, init_process() is
    /// the container's first process, a child of this process (which must be a subreaper).
    Result<pid_t> start(const SandboxStreams& streams) const;
    Result<pid_t> init_process() const;
    /// What the runtime said when it failed: its last line.
    std::string runtime_error() const;

    int listener() const { return network_.listener.get(); }
    void close_listener() { network_ = {}; }
    const std::string& disk_limit_by() const { return disk_limit_by_; }
    /// The output folder as seen by this process.
    const std::filesystem::path& output() const { return sources_.output; }
    bool is_output_full() const;
    ResourceUse resource_use() const { return cgroup_.use(); }
    /// Deletes the container, its cgroup and JOB_DIR/sandbox. The outputs must have been brought out.
    void dismantle();

  private:
    Sandbox(const JobSpec& spec, const std::filesystem::path& job_dir, const RuntimeChoice& choice);
    Result<void> make_workplace(const JobSpec& spec);
    Result<void> bind_sources(const JobSpec& spec);
    Result<void> fill_workplace(const JobSpec& spec);
    Result<void> bound_output(const JobSpec& spec, const Result<void>& mounted);
    Result<void> make_plain_output(const JobSpec& spec);
    Result<void> write_bundle(const JobSpec& spec) const;

    std::filesystem::path job_dir_, workplace_;
    RuntimeChoice choice_;
    std::string container_;
    std::uint32_t uid_;
    SandboxNetwork network_;
    BundleSources sources_;
    BundleOptions options_;
    std::string disk_limit_by_;
    Cgroup cgroup_;
};

/// The container's name for the runtime.
std::string container_name(const JobId& job);
/// `JOB_DIR/sandbox`: what outlasts a killed runner.
std::filesystem::path sandbox_folder(const std::filesystem::path& job_dir);
std::filesystem::path image_path(const std::filesystem::path& job_dir);
/// Where the outputs are when no image could be made.
std::filesystem::path plain_output_path(const std::filesystem::path& job_dir);
/// Asks the runtime to delete a container and all its processes; one that doesn't exist is fine.
void delete_container(const std::string& program, const std::filesystem::path& job_dir, const JobId& job);

/// A mount namespace of our own, from which nothing spreads to the host; `hide_unified` as in RuntimeChoice.
Result<void> enter_private_mounts(bool hide_unified);

/// Writes a bundle for `job_dir` that the runtime can be given by hand, with `folder/rootfs` and `folder/output`: for
/// measuring our start against the runtime's alone.
Result<void> write_bare_bundle(const JobSpec& spec, const std::filesystem::path& job_dir, const RuntimeChoice& choice,
                               const std::filesystem::path& folder);

}  // namespace labhub::coordinator::runner
