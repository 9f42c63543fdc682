#pragma once

#include <filesystem>

#include "coordinator/runner/acting_as.hpp"
#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// Where the files of one job are, and as whom they are touched.
struct JobFolders {
    std::filesystem::path job;      ///< JOB_DIR: job.json and script.py come from the coordinator, results go to it
    std::filesystem::path sandbox;  ///< what outlasts a killed runner: output image, the runtime's state
    Identity owner;                 ///< whoever acts in JOB_DIR acts as this user
    /// JOB_DIR belongs to a user who must not become root by what lies in it: the sandbox's folder is elsewhere and
    /// root's alone, and so is what is known of the run.
    bool is_apart = false;
    std::string cgroups;  ///< the control group in which the sandbox's is made; empty: the usual one
};

/// Those of a runner that trusts who owns the folder: the sandbox's folder is in it.
JobFolders folders_of(const std::filesystem::path& job_dir);

/// The right to work on a job, held for as long as this lives.
struct JobLock {
    UniqueFd job;      ///< tells the coordinator that a runner lives
    UniqueFd sandbox;  ///< of folders that are apart: the one its owner can't take away
};
/// Error conflict: a runner is at work on it.
Result<JobLock> lock_job(const JobFolders& folders);
/// The same for a job that is to be run. Error conflict also when it was run before.
Result<JobLock> claim_job(const JobFolders& folders);

/// JOB_DIR/script.py, of at most so many bytes: a plain file, read as its owner. Errors as open(2) and read(2) gave
/// them, malformed for a link or anything else that is no file, too_large.
Result<std::string> read_script(const JobFolders& folders, std::size_t limit);

/// JOB_DIR/input, opened as its owner; none where the job has no such folder. Errors as open(2) gave them.
Result<UniqueFd> open_input(const JobFolders& folders);

/// What is known of the run, from where only a runner writes. Of folders that are apart and are cleared away, only how
/// it ended. Errors as read_runner_state.
Result<RunnerState> known_state(const JobFolders& folders);
/// Writes JOB_DIR/runner.json, and for folders that are apart the copy that counts.
Result<void> record_state(const JobFolders& folders, const RunnerState& state);

}  // namespace labhub::coordinator::runner
