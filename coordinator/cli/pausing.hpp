#pragma once

#include <string>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

struct PauseCommand {
    std::string id;
    bool makes_safe = false;  ///< else every setpoint stays
    std::string reason;
};
struct ResumeCommand {
    std::string id;
};

/// `labhub pause ID [--safe] [--reason TEXT]`
Task<ExitStatus> pause_experiment(Context& context, PauseCommand command);
/// `labhub resume ID`
Task<ExitStatus> resume_experiment(Context& context, ResumeCommand command);

}  // namespace labhub::cli
