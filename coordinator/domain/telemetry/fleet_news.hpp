#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/ingest/events.hpp"

namespace labhub::coordinator::telemetry {

/// Carries what ingest saw to the node registry on the main thread, in order, with one wake-up however much came. Of a
/// device that sends more than the main thread has time for it keeps the latest value of each metric, and of nodes the
/// registry doesn't know it carries births and deaths only: a flood of readings costs the main thread little.
///
/// Threads: tell() and live() from any one thread at a time, ingest's; the registry is touched on the main executor
/// only. The object may end while news is under way; the registry must outlive the main executor's last turn.
class FleetNews {
  public:
    using News = std::function<void(fleet::Fleet&)>;

    FleetNews(fleet::Fleet& fleet, asio::any_io_executor main);
    ~FleetNews();

    void tell(News news);
    /// A node was born: as tell(), and from here on its samples are carried if the registry knows it.
    void node_born(NodeId node, News news);
    void live(const ingest::Samples& samples);

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace labhub::coordinator::telemetry
