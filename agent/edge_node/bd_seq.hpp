#pragma once

#include <cstdint>
#include <optional>

#include "agent/state/state_database.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::edge_node {

/// The number that ties a node's death to its birth: one more at every CONNECT, also over restarts
/// (topics-nbirth-bdseq-increment). When it can't be stored it still rises in memory.
class BdSeq {
  public:
    BdSeq(state::StateDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}

    /// The number of the next CONNECT, stored before this returns.
    Task<std::uint8_t> next();

  private:
    state::StateDatabase& database_;
    const Clock& clock_;
    std::optional<std::uint8_t> last_;
};

}  // namespace labhub::agent::edge_node
