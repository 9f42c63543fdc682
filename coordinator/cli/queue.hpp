#pragma once

#include <string>
#include <variant>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

// What was typed behind `labhub queue`, one struct for each word.
struct QueueListRequest {};
struct QueueHoldRequest {
    std::string id;
    bool is_held = true;
};
struct QueuePauseRequest {
    std::string reason;
};
struct QueueResumeRequest {};
using QueueCommand = std::variant<QueueListRequest, QueueHoldRequest, QueuePauseRequest, QueueResumeRequest>;

/// `labhub queue [list] | hold ID | release ID | pause REASON | resume`
Task<ExitStatus> run_queue_command(Context& context, QueueCommand command);

/// `labhub events ID`: what happened to an experiment, oldest first.
Task<ExitStatus> show_events(Context& context, std::string id);
/// `labhub events -f ID`: the same, and what happens from now on, until it has ended.
Task<ExitStatus> follow_events(Context& context, std::string id);
/// `labhub note ID TEXT`
Task<ExitStatus> add_note(Context& context, std::string id, std::string text);

}  // namespace labhub::cli
