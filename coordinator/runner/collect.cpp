#include "coordinator/runner/collect.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <spdlog/spdlog.h>

#include "coordinator/runner/cgroups.hpp"
#include "coordinator/runner/disk_image.hpp"
#include "coordinator/runner/oci_config.hpp"
#include "coordinator/runner/result_folder.hpp"
#include "coordinator/runner/sandbox.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kKillLimit{10};
constexpr std::chrono::seconds kImageLimit{20};
constexpr std::chrono::milliseconds kImagePause{10};

/// Two mounts of one image at a time would spoil it, so the dead sandbox's must be gone first.
Result<void> await_image_free(const fs::path& image) {
    const auto deadline = Steady::now() + kImageLimit;
    while (is_image_in_use(image)) {
        if (Steady::now() >= deadline) return Error{ErrorCode::unavailable, "something still holds " + image.string()};
        std::this_thread::sleep_for(kImagePause);
    }
    return {};
}

/// Where the outputs can be read: the image's mount, the plain folder, or nowhere.
Result<fs::path> reach_outputs(const fs::path& folder) {
    const fs::path image = image_path(folder), plain = plain_output_path(folder);
    if (::access(plain.c_str(), F_OK) == 0) return plain;
    if (::access(image.c_str(), F_OK) != 0) return fs::path{};
    LABHUB_CHECK(await_image_free(image));
    const fs::path target = folder / "collect";
    LABHUB_CHECK(make_folder(target));
    if (auto mounted = DiskImage::existing(image).mount(target, true); !mounted) {
        // Killed while the image was being made: there was no script yet, and so there are no outputs.
        spdlog::warn("no outputs: {}", mounted.error().to_string());
        return fs::path{};
    }
    return target;
}

/// Cgroup and processes only; the outputs stay.
ResourceUse end_sandbox(const fs::path& folder, const RunnerState& state) {
    const JobId name = sandbox_name(folder, state.job_id);
    const Cgroup cgroup{state.cgroup.empty() ? cgroup_path(name) : state.cgroup};
    const ResourceUse use = cgroup.use();
    if (!cgroup.kill_all(kKillLimit)) spdlog::error("processes of {} survive SIGKILL", state.job_id.value);
    delete_container(state.runtime_program, folder, name);
    if (!cgroup.remove()) spdlog::warn("the cgroup of {} could not be removed", state.job_id.value);
    return use;
}

Ended lost_end(const RunnerState& state, const ResourceUse& use) {
    Ended ended;
    ended.time = SystemClock{}.utc_now();
    ended.exit_code = 128 + SIGKILL;
    ended.signal = SIGKILL;
    ended.reason = "runner_lost";
    ended.message = state.started ? "the script was ended because its runner had died"
                                  : "the runner died before the script was started";
    ended.peak_memory_bytes = use.peak_memory_bytes;
    ended.cpu_ms = use.cpu_ms;
    return ended;
}

void clear_sandbox_folder(const fs::path& folder) {
    ::umount2((folder / "collect").c_str(), MNT_DETACH);
    std::error_code failure;
    fs::remove_all(folder, failure);
    if (failure) spdlog::warn("clear {}: {}", folder.string(), failure.message());
}

}  // namespace

Result<void> discard_waiting(const fs::path& folder) {
    LABHUB_TRY(const JobLock lock, lock_job(folders_of(folder)));
    if (const auto spec = read_job_spec(folder)) {
        const Cgroup cgroup{cgroup_path(spec->job_id)};
        if (!cgroup.kill_all(kKillLimit) || !cgroup.remove())
            spdlog::warn("the cgroup of {} could not be removed", spec->job_id.value);
    }
    std::error_code failure;
    fs::remove_all(folder, failure);
    if (failure) return system_error("clear " + folder.string(), failure.value());
    return {};
}

Result<RunnerState> collect(const JobSpec& spec, const JobFolders& folders) {
    LABHUB_TRY(const JobLock lock, lock_job(folders));
    auto known = known_state(folders);
    if (!known && known.error().code != ErrorCode::not_found) return known.error();
    RunnerState state = known ? std::move(*known) : RunnerState{};
    state.job_id = spec.job_id;
    LABHUB_CHECK(enter_private_mounts(state.hide_unified));
    const ResourceUse use = end_sandbox(folders.sandbox, state);
    if (!state.ended) {
        LABHUB_TRY(const fs::path outputs, reach_outputs(folders.sandbox));
        state.ended = lost_end(state, use);
        LABHUB_CHECK(complete_result(folders, spec.limits, outputs, state));
    }
    clear_sandbox_folder(folders.sandbox);
    return state;
}

}  // namespace labhub::coordinator::runner
