#pragma once

#include <filesystem>

#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "coordinator/runner/outputs.hpp"

namespace labhub::coordinator::runner {

/// What is brought out of a sandbox with these limits, at most `most_bytes` of it, and belongs to whom JOB_DIR does.
OutputBounds output_bounds(const JobFolders& folders, const Limits& limits, std::uint64_t most_bytes);

/// Brings the outputs from `output` into JOB_DIR/output (an empty path: there are none), writes exitcode.txt, tells in
/// stderr.txt what was left out, and writes runner.json with the end in it: from there on the result folder is
/// complete. A host without room leaves what fits, and says so in the notes; the end itself is always recorded, or an
/// error.
Result<void> complete_result(const JobFolders& folders, const Limits& limits, const std::filesystem::path& output,
                             RunnerState& state);

}  // namespace labhub::coordinator::runner
