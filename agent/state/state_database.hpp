#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "shared/base/clock.hpp"
#include "shared/sqlite/database.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::agent::state {

/// What the agent must remember over a restart besides readings: the audit trail, commands already executed, bdSeq.
/// One file, agent.sqlite in the data folder, with a writing thread of its own.
///
/// A file that is damaged is moved aside (agent.sqlite.damaged-TIME) and begun anew, because a node that doesn't start
/// controls nothing; `was_replaced` says so.
class StateDatabase {
  public:
    static Result<StateDatabase> open(const std::filesystem::path& data_dir, const Clock& clock);

    sqlite::Writer& writer() { return *writer_; }
    /// The former file was damaged.
    bool was_replaced() const { return replaced_; }

  private:
    StateDatabase(std::unique_ptr<sqlite::Writer> writer, bool replaced)
        : writer_(std::move(writer)), replaced_(replaced) {}

    std::unique_ptr<sqlite::Writer> writer_;
    bool replaced_;
};

/// Renames a damaged database (and its -wal and -shm) to FILE.damaged-TIME, so that a person can look at it. One
/// earlier damaged copy is kept, older ones are deleted.
Result<void> move_aside(const std::filesystem::path& file, UtcMillis now);

}  // namespace labhub::agent::state
