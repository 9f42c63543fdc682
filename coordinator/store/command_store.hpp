#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::store {

/// One request to change actuators and what came of it: a row of commands.csv.
struct CommandRecord {
    CommandId id;
    DeviceAddress device;
    std::string principal;  ///< "job:<id>" or "user:<name>"
    JobId job;              ///< empty for people
    UtcMillis asked_at;
    UtcMillis answered_at;
    std::map<std::string, Value> asked;
    std::map<std::string, Value> applied;  ///< what the device acknowledged; empty when refused
    std::string outcome;                   ///< "applied", or the error's code
    std::string message;
};

/// The audit trail of commands, in labhub.db. Used from the main thread.
class CommandStore {
  public:
    explicit CommandStore(sqlite::Writer& writer) : writer_(writer) {}

    /// Queues the record; it is on disk within the writer's group commit. A failure is logged: the agent's own audit
    /// trail has the command too.
    void append(CommandRecord record);
    /// The last command that the device carried out.
    Task<Result<std::optional<CommandRecord>>> last_applied(DeviceAddress device);
    /// The commands to one device in [from, to], in the order they were asked.
    Task<Result<std::vector<CommandRecord>>> of_device(DeviceAddress device, UtcMillis from, UtcMillis to);

  private:
    sqlite::Writer& writer_;
};

}  // namespace labhub::coordinator::store
