#pragma once

#include <chrono>
#include <cstdint>

#include "coordinator/domain/jobs/retention.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::daemon {

/// The options `results.…`, into the rules retention follows.
void add_results_options(config::Options& options, jobs::RetentionRules& rules);

}  // namespace labhub::coordinator::daemon
