#include "coordinator/domain/jobs/pause.hpp"

#include <algorithm>

#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {

std::string_view to_string(Actuators actuators) { return actuators == Actuators::safe ? "safe" : "hold"; }

Result<Actuators> actuators_from(std::string_view name) {
    if (name == "hold") return Actuators::hold;
    if (name == "safe") return Actuators::safe;
    return Error{ErrorCode::malformed, "'actuators' is '" + printable(name, 64) + "'",
                 "hold: every setpoint stays; safe: every actuator goes to its safe value"};
}

const Pause* present_pause(const std::vector<Pause>& pauses) {
    return pauses.empty() || pauses.back().until ? nullptr : &pauses.back();
}

std::chrono::milliseconds paused_for(const std::vector<Pause>& pauses, UtcMillis now) {
    std::chrono::milliseconds sum{0};
    // A clock that was set back in between makes none of them negative.
    for (const auto& pause : pauses)
        sum += std::max(pause.until.value_or(now) - pause.since, std::chrono::milliseconds{0});
    return sum;
}

}  // namespace labhub::coordinator::jobs
