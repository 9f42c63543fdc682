#pragma once

#include <functional>
#include <string>

#include "coordinator/cli/console.hpp"
#include "coordinator/cli/exit_status.hpp"
#include "coordinator/cli/hub.hpp"
#include "shared/base/clock.hpp"

namespace labhub::cli {

/// What every command is given. Outlives the command.
struct Context {
    Hub& hub;
    Console& console;
    const Clock& clock;
    /// What Ctrl-C leaves behind, told to the person; set by commands that leave something running.
    std::string left_behind;

    /// Tells the failure and gives the exit status it stands for.
    ExitStatus give_up(const Error& error) {
        console.fail(error);
        return hub.status_of_failure();
    }
};

}  // namespace labhub::cli
