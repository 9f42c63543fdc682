#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "coordinator/ingest/device_catalog.hpp"
#include "coordinator/ingest/events.hpp"
#include "coordinator/ingest/remarks.hpp"
#include "coordinator/ingest/tally.hpp"

namespace labhub::coordinator::ingest {

/// The readings of one node that were set aside for the times they say, for good: their spool rows are acknowledged, as
/// no repetition would make the times right, and rows that are never acknowledged would push newer ones out of the
/// node's spool. Counted, logged each time their number has doubled, and told. Thread: the ingest's.
class RefusedReadings {
  public:
    RefusedReadings(NodeId node, Tally& tally, Remarks& remarks)
        : node_(std::move(node)), tally_(tally), remarks_(remarks) {}

    void note(const DeviceSchema& schema, const RefusedTimes& refused);
    /// What is to be told now: at most once a second, and only where there are more than before.
    std::optional<ReadingsRefused> take_news(Steady::time_point now);

  private:
    NodeId node_;
    Tally& tally_;
    Remarks& remarks_;
    std::uint64_t count_ = 0, told_ = 0;
    std::string last_;
    std::optional<Steady::time_point> told_at_;
};

}  // namespace labhub::coordinator::ingest
