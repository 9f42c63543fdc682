#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/domain/alarms/alarms.hpp"
#include "coordinator/domain/jobs/job.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::dry_run {

/// All a dry run is made of, as it was when it began: nothing of it is shared with the hub.
struct Plan {
    jobs::Job job;
    std::vector<MetricInfo> metrics;    ///< of the device
    std::vector<Reading> readings;      ///< its last ones
    std::chrono::milliseconds period;   ///< how often it is sampled
    alarms::Alarms::Settings alarms;    ///< the lab's rules; told to nobody
    UtcMillis start;                    ///< when its time begins
    std::filesystem::path scratch;      ///< for its own databases; deleted at the end
    std::filesystem::path experiments;  ///< where the job's folder is
    std::filesystem::path twin;         ///< labhub-twin
};

/// What is shown of a dry run while it goes on. Written by its thread, read by any.
struct Progress {
    std::atomic<std::int64_t> start_ms{0}, now_ms{0};  ///< the twin's time
    std::atomic<std::int64_t> commands{0};
    std::atomic<std::int64_t> errors{0};
};

/// Told on the dry runs' thread, at most once.
using TellOver = std::function<void(std::string_view reason, std::string message)>;

}  // namespace labhub::coordinator::dry_run
