#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "shared/base/value.hpp"

namespace labhub::coordinator::fleet {

/// What a node's agent says of itself, read from the metrics of its birth and of what changed since. A node of another
/// make says nothing of it: then there is none, rather than one of zeros.

/// Readings measured and not acknowledged yet, and what there was no room for.
struct SpoolCondition {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
    std::int64_t dropped = 0;  ///< rows given up at the bounds, or not stored, since its agent's start; all classes
    std::int64_t dropped_readings = 0, dropped_state_changes = 0, dropped_alarms = 0;
    std::int64_t replaced = 0;  ///< damaged spools set aside
    std::string problem;        ///< why it can't write now; empty: it can
};
std::optional<SpoolCondition> spool_condition(const std::map<std::string, Value>& node_metrics);

struct ClockCondition {
    std::string state;  ///< "synchronised", "unsynchronised" or "trusted", which is: not looked at
    std::int64_t steps = 0;
    std::int64_t last_step_ms = 0;  ///< positive: forward
    bool is_synchronised() const { return state != "unsynchronised"; }
};
std::optional<ClockCondition> clock_condition(const std::map<std::string, Value>& node_metrics);

}  // namespace labhub::coordinator::fleet
