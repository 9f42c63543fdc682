#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/cli/access.hpp"
#include "coordinator/cli/alarms.hpp"
#include "coordinator/cli/compare.hpp"
#include "coordinator/cli/experiments.hpp"
#include "coordinator/cli/images.hpp"
#include "coordinator/cli/pausing.hpp"
#include "coordinator/cli/people.hpp"
#include "coordinator/cli/queue.hpp"
#include "coordinator/cli/reservations.hpp"
#include "coordinator/cli/results.hpp"
#include "coordinator/cli/run.hpp"
#include "coordinator/cli/stored_results.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/up/settings.hpp"
#include "shared/base/result.hpp"

namespace labhub::cli {

// What was typed, one struct for each command.
struct StopCommand {
    std::string id;
};
struct VerifyCommand {
    std::string what;  ///< an experiment, or a zip or folder that is here
};
struct ResultsRemoveCommand {
    std::string id;
    bool is_all = false;  ///< the record too
};
struct EventsCommand {
    std::string id;
    bool follow = false;
};
struct NoteCommand {
    std::string id;
    std::string text;
};
struct NodesCommand {};
struct ReadCommand {
    std::string device;
};
struct SetCommand {
    std::string device;
    std::vector<std::string> assignments;
};
struct HoldCommand {
    std::string device;
};

struct CommandLine {
    /// What to ask the hub, unless `up` is set.
    std::variant<NodesCommand, RunRequest, ExperimentsCommand, TagCommand, CompareCommand, LogsRequest, StopCommand,
                 PauseCommand, ResumeCommand, ResultsCommand, StoredResultsCommand, ResultsRemoveCommand, VerifyCommand,
                 ReadCommand, SetCommand, HoldCommand, EventsCommand, NoteCommand, QueueCommand, TelemetryCommand,
                 AlarmsCommand, ImagesCommand, PeopleCommand, ReservationsCommand>
        command;
    std::optional<up::Settings> up;
    AccessRequest access;
    bool is_json = false;
    /// Set: there is nothing to run; print this (help, version) and end with done.
    std::optional<std::string> text;
};

/// Error malformed for what can't be understood, with what would be right.
Result<CommandLine> parse_command_line(int count, const char* const* arguments);

}  // namespace labhub::cli
