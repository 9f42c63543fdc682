#pragma once

#include <functional>
#include <string>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/base/files.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::jobs {

/// What a dry run came to.
struct DryRunEnd {
    UtcMillis ended;  ///< by the twin's clock
    std::size_t errors = 0, warnings = 0;
    std::string message;  ///< one sentence for people
};

/// How far one is.
struct DryRunProgress {
    std::chrono::milliseconds elapsed{0};  ///< of the twin's time
    std::int64_t commands = 0;
    std::int64_t errors = 0;
};

/// Dry runs, as the engine needs them: jobs without a lease, whose sandbox is served by a twin of their device.
struct DryRunDoors {
    std::function<Result<void>(const DeviceAddress&)> check;
    std::function<Result<void>(const Job&, UniqueFd listener)> open;
    std::function<bool(const JobId&)> is_open;
    std::function<std::optional<DryRunProgress>(const JobId&)> progress;
    std::function<Task<Result<DryRunEnd>>(JobId, Ending)> finish;
};

}  // namespace labhub::coordinator::jobs
