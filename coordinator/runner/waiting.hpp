#pragma once

#include <filesystem>
#include <string>

#include "coordinator/runner/job_spec.hpp"
#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// The descriptor by which `labhub-runner wait` is given its job: a SOCK_SEQPACKET socket. It says kReady there when
/// its sandbox stands, or why there is none; the job's folder comes as one packet. Its end is the coordinator's.
inline constexpr int kGiverDescriptor = 3;
inline constexpr const char* kReady = "ready";
inline constexpr std::size_t kMaxGiverPacket = 4096;

/// Makes a sandbox in `folder` after folder/job.json and waits for a job that fits; then runs it to its end. When the
/// giver ends before it has given one, everything is removed. A job that can't be taken (its sandbox has died, the
/// host's files have changed since) is run by this process all the same, in a new sandbox: then this does not return.
/// Blocks; for the main thread of a process with no other. Errors: why no sandbox could be made or kept.
Result<void> wait_for_job(const std::filesystem::path& folder, UniqueFd giver);

}  // namespace labhub::coordinator::runner
