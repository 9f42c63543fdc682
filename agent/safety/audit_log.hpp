#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/safety/command.hpp"
#include "agent/state/state_database.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::safety {

/// One line of the audit trail.
struct AuditEntry {
    std::string event;  ///< "command", "hold", "lease", "dead-man", "board"
    std::string device;
    Asker asker;
    CommandId command;
    LeaseId lease;
    std::string asked;  ///< JSON object metric → value, or a sentence
    std::vector<Reading> applied;
    std::optional<Error> failure;  ///< nothing: it was done
    std::string reason;            ///< why, where nobody asked
};

/// The trail of every change of actuators, and the memory of which commands have been executed. Both survive a restart
/// and are bounded: the oldest entries go first. Thread: the agent's main thread; the writing happens on the
/// database's. When the database fails, control goes on: the failure is logged, and the last commands are known from
/// memory.
class AuditLog {
  public:
    static constexpr std::int64_t kMaxEntries = 100'000;
    static constexpr std::int64_t kMaxCommands = 10'000;
    static constexpr std::size_t kMaxRemembered = 256;

    using Outcome = Result<std::vector<Reading>>;

    AuditLog(sqlite::Writer& writer, const Clock& clock) : writer_(writer), clock_(clock) {}

    /// Notes that the command is going to be executed. If its id is known, nothing is noted and what became of it is
    /// returned: its outcome, or Error conflict while it is under way or was when the agent stopped.
    Task<std::optional<Outcome>> begin(CommandId id);
    /// Keeps what became of it.
    void finish(const CommandId& id, const Outcome& outcome);
    /// It was refused before anything was done: the same id may be tried again.
    void forget(const CommandId& id);

    void record(AuditEntry entry);

  private:
    void remember(const CommandId& id, std::optional<Outcome> outcome);

    sqlite::Writer& writer_;
    const Clock& clock_;
    std::map<CommandId, std::optional<Outcome>> remembered_;  ///< nothing: under way
    std::deque<CommandId> order_;
};

/// {"stirrer":40,"led":true} in the order given.
std::string setpoints_to_json(const std::vector<Setpoint>& setpoints);

}  // namespace labhub::agent::safety
