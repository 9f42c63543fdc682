#pragma once

#include <filesystem>

#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "coordinator/runner/outputs.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::runner {

/// The right to work on a job's folder, held for as long as this lives.
Result<UniqueFd> lock_job(const std::filesystem::path& job_dir);

/// The same for a job that is to be run. Error conflict also when it was run before.
Result<UniqueFd> claim_job(const std::filesystem::path& job_dir);

/// What is brought out of a sandbox with these limits, at most `most_bytes` of it, and belongs to whom JOB_DIR does.
OutputBounds output_bounds(const std::filesystem::path& job_dir, const Limits& limits, std::uint64_t most_bytes);

/// Brings the outputs from `output` into JOB_DIR/output (an empty path: there are none), writes exitcode.txt, tells in
/// stderr.txt what was left out, and writes runner.json with the end in it: from there on the result folder is
/// complete. A host without room leaves what fits, and says so in the notes; the end itself is always recorded, or an
/// error.
Result<void> complete_result(const std::filesystem::path& job_dir, const Limits& limits,
                             const std::filesystem::path& output, RunnerState& state);

}  // namespace labhub::coordinator::runner
