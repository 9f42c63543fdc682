#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// How far a job has come; the words of runner.proto.
enum class Phase { preparing, running, ended };

/// The script's process exists.
struct Started {
    UtcMillis time;
    std::string runtime;        ///< "crun 1.8.1"
    std::string disk_limit_by;  ///< how the output folder is bounded: "loop ext4" or "polling"
};

/// The sandbox is gone, and output/, stdout.txt, stderr.txt and exitcode.txt are in the job's folder.
struct Ended {
    UtcMillis time;
    int exit_code = 0;  ///< 128 + signal where a signal ended the script
    int signal = 0;     ///< 0: it exited by itself
    /// "" (by itself), out_of_memory, disk_limit, time_limit, process_limit, sandbox_failed, runner_lost, or the reason
    /// given with a stop ("user").
    std::string reason;
    std::string message;  ///< one sentence for people
    std::uint64_t peak_memory_bytes = 0;
    std::uint64_t cpu_ms = 0;
};

/// What became of a copy of a running script's outputs.
struct SnapshotTaken {
    UtcMillis time;  ///< it was begun
    std::uint64_t bytes = 0;
    std::uint32_t files = 0;
    std::vector<std::string> notes;  ///< what was left out, and why
    std::string failure;             ///< why there is none; empty: it is there
};

/// Whether every process of the sandbox is stopped by the kernel's freezer.
struct PauseState {
    bool is_frozen = false;
    UtcMillis time;
    std::string failure;  ///< why it could not be frozen as asked; empty: it could
};

/// What is known of a job's run: the file JOB_DIR/runner.json, replaced as one step at each change, so that nothing is
/// lost whoever dies.
struct RunnerState {
    JobId job_id;
    pid_t pid = 0;  ///< the runner's
    Phase phase = Phase::preparing;
    std::optional<Started> started;
    std::optional<Ended> ended;
    std::vector<std::string> notes;  ///< what was left out of output/, and why
    std::string runtime_program;     ///< what made the container, so that `collect` can delete it
    bool hide_unified = false;       ///< the runtime needs /sys/fs/cgroup/unified out of sight
    std::string cgroup;              ///< "/labhub/<job id>"
};

/// JOB_DIR/runner.json. Errors not_found (no runner ever got that far), malformed.
Result<RunnerState> read_runner_state(const std::filesystem::path& job_dir);
Result<void> write_runner_state(const std::filesystem::path& job_dir, const RunnerState& state);
/// The same as JSON text, indented.
std::string to_json_text(const RunnerState& state);

/// `JOB_DIR/sandbox`: what outlasts a killed runner.
std::filesystem::path sandbox_folder(const std::filesystem::path& job_dir);
/// `JOB_DIR/partial`: what there is of a job that runs.
std::filesystem::path partial_folder(const std::filesystem::path& job_dir);
/// Whether a runner is at work on this folder now (it holds a lock on JOB_DIR/runner.lock for as long as it lives).
bool is_runner_alive(const std::filesystem::path& job_dir);

std::string_view to_string(Phase phase);

}  // namespace labhub::coordinator::runner
