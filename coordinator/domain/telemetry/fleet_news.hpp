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
/// registry doesn't know it carries their own births and deaths only: a flood of readings, or of devices a stranger
/// makes up, costs the main thread little. What waits is bounded: past it births are refused.
///
/// Threads: tell() and live() from any one thread at a time, ingest's; the registry is touched on the main executor
/// only. The object may end while news is under way; the registry must outlive the main executor's last turn.
class FleetNews {
  public:
    using News = std::function<void(fleet::Fleet&)>;

    FleetNews(fleet::Fleet& fleet, asio::any_io_executor main);
    ~FleetNews();

    /// For what is small and must arrive: deaths and silence.
    void tell(News news);
    /// Of a node that was born, dropped where the registry doesn't know it. `weight`: of how many metrics. False: too
    /// much waits and this was dropped, or as for live(); the node is to be asked for its births.
    bool tell_of(const NodeId& node, std::size_t weight, News news);
    /// A node was born: as tell_of(), and from here on what it says is carried if the registry knows it.
    bool node_born(NodeId node, std::size_t weight, News news);
    /// The registry knows that node from now on: what its next birth says is carried. Any thread.
    void know(const NodeId& node);
    /// False: the registry has come to know the node since its birth, which it is to be asked for.
    bool live(const ingest::Samples& samples);

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace labhub::coordinator::telemetry
