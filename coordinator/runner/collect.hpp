#pragma once

#include <filesystem>

#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/job_spec.hpp"

namespace labhub::coordinator::runner {

/// For a job whose runner was killed: makes sure that its sandbox is dead, brings in the outputs, and completes the
/// result folder with the reason `runner_lost`. A job that has ended in order keeps its end. Idempotent; blocks for at
/// most about a minute. Errors conflict (a runner is at work there), unavailable (something still holds the output
/// image; try again), and what the system said.
Result<RunnerState> collect(const JobSpec& spec, const JobFolders& folders);

/// Removes what is left of a sandbox that waited for a job in `folder` and got none: processes, cgroup, folder. Errors
/// conflict (its runner lives), and what the system said.
Result<void> discard_waiting(const std::filesystem::path& folder);

}  // namespace labhub::coordinator::runner
