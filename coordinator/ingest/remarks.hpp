#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "coordinator/ingest/ingest.hpp"
#include "coordinator/ingest/tally.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"

namespace labhub::coordinator::ingest {

/// What can be wrong with a node's messages, by what would have to change.
enum class Oddity : std::uint8_t {
    malformed,
    no_room,
    not_born,
    defect,
    changed_type,
    unsupported_value,
    retained,
    foreign_death,
};

/// Which oddities of one node stand in the log: each the first time, and then whenever their number has doubled. Nodes
/// that are not enrolled share a budget of lines beside that. Keeps a number for each oddity and no names. Thread: the
/// ingest's. What it is given must outlive it.
class Remarks {
  public:
    Remarks(const NodeId& node, const Options& options, const Clock& clock, Tally& tally)
        : node_(node), options_(options), clock_(clock), tally_(tally) {}

    /// Counts one more; how many there have been, where that is to be logged.
    std::optional<std::uint64_t> note(Oddity oddity, std::uint64_t more = 1);
    /// Whether a line may be logged that is not counted here.
    bool may_log();

  private:
    const NodeId& node_;
    const Options& options_;
    const Clock& clock_;
    Tally& tally_;
    std::array<std::uint64_t, static_cast<std::size_t>(Oddity::foreign_death) + 1> counts_{};
};

}  // namespace labhub::coordinator::ingest
