#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// `labhub alarms list`
struct AlarmListRequest {
    std::string device, severity;
    bool is_unacknowledged = false;  ///< only these
};
/// `labhub alarms history`
struct AlarmHistoryRequest {
    std::string device, metric, experiment;
    unsigned limit = 50;
};
/// `labhub alarms ack ID…|--all`
struct AlarmAckRequest {
    std::vector<std::string> ids;
    bool all = false;
    bool resume = false;  ///< commands that the alarm pauses go on
    std::string comment;
};
/// `labhub alarms rules`
struct AlarmRulesRequest {};
/// `labhub alarms set METRIC`: empty and absent members are left to the hub.
struct AlarmSetRequest {
    std::string metric, device, id, delay, no_data, reaction, description, high_severity, low_severity,
        highhigh_severity, lowlow_severity;
    std::optional<double> lowlow, low, high, highhigh, hysteresis;
    bool is_quality_ignored = false;
};
/// `labhub alarms remove RULE`
struct AlarmRemoveRequest {
    std::string id;
};

using AlarmsCommand = std::variant<AlarmListRequest, AlarmHistoryRequest, AlarmAckRequest, AlarmRulesRequest,
                                   AlarmSetRequest, AlarmRemoveRequest>;

Task<ExitStatus> run_alarms(Context& context, AlarmsCommand command);

}  // namespace labhub::cli
