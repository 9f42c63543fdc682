#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

/// What becomes of the vessel while its script is frozen.
enum class Actuators {
    hold,  ///< every setpoint stays as the script left it
    safe,  ///< every actuator goes to its safe value, and nobody puts it back but the script
};
std::string_view to_string(Actuators actuators);
/// Error malformed: names the two.
Result<Actuators> actuators_from(std::string_view name);

/// One stretch of time for which a job's sandbox is frozen.
struct Pause {
    UtcMillis since;
    std::optional<UtcMillis> until;  ///< unset: it lasts
    Actuators actuators = Actuators::hold;
    std::string who;     ///< "user:ada"
    std::string reason;  ///< as it was given, or empty
};

/// The one that lasts, of a job's pauses, which are in the order of their times.
const Pause* present_pause(const std::vector<Pause>& pauses);
/// How long they have lasted together.
std::chrono::milliseconds paused_for(const std::vector<Pause>& pauses, UtcMillis now);

}  // namespace labhub::coordinator::jobs
