#pragma once

#include <optional>
#include <string>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// `labhub experiments`
Task<ExitStatus> list_experiments(Context& context);
/// `labhub stop ID`
Task<ExitStatus> stop_experiment(Context& context, std::string id);

struct LogsRequest {
    std::string id;
    bool follow = false;
    std::optional<unsigned> tail;  ///< only the last lines
};
/// `labhub logs ID [-f] [--tail N]`: the script's output to standard output, its errors to standard error.
Task<ExitStatus> show_logs(Context& context, LogsRequest request);

}  // namespace labhub::cli
