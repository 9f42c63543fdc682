#pragma once

#include <optional>
#include <string>

#include "coordinator/runner/cgroups.hpp"
#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/job_spec.hpp"

namespace labhub::coordinator::runner {

/// What was seen of a script's end.
struct EndFacts {
    std::optional<int> script_status;  ///< wait status as the sandbox's init told it
    int init_status = 0;               ///< wait status of init itself
    std::string cause;                 ///< why we ended it: time_limit, disk_limit, a stop's reason; "" if we didn't
    std::string start_failure;         ///< why the sandbox or the program could not be started; "" if it was
    bool output_full = false;          ///< the output folder had no room left at the end
    ResourceUse use;
};

/// Names the end: exit code, signal, reason and a sentence for people. What we did comes before what the kernel did,
/// that before what the script says of itself; a limit is the reason only where the script failed.
Ended name_the_end(const EndFacts& facts, const Limits& limits);

}  // namespace labhub::coordinator::runner
