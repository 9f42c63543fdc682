#pragma once

#include <cstdint>
#include <optional>

#include "agent/state/state_database.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::edge_node {

/// The number that ties a node's death to its birth: one more at every CONNECT, also over restarts
/// (topics-nbirth-bdseq-increment).
class BdSeq {
  public:
    virtual ~BdSeq() = default;
    /// The number of the next CONNECT.
    virtual Task<std::uint8_t> next() = 0;
};

/// Stored before next() returns. When it can't be stored, or not within two seconds, it still rises in memory.
class StoredBdSeq final : public BdSeq {
  public:
    StoredBdSeq(state::StateDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}
    Task<std::uint8_t> next() override;

  private:
    state::StateDatabase& database_;
    const Clock& clock_;
    std::optional<std::uint8_t> last_;
};

/// Kept nowhere: begins at the second of the day it was made, which differs from the last life's but for chance. For
/// simulated nodes.
class MemoryBdSeq final : public BdSeq {
  public:
    explicit MemoryBdSeq(UtcMillis now) : last_(static_cast<std::uint8_t>(now.count / 1000)) {}
    Task<std::uint8_t> next() override { co_return ++last_; }

  private:
    std::uint8_t last_;
};

}  // namespace labhub::agent::edge_node
