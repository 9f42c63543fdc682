#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/telemetry/fleet_news.hpp"
#include "coordinator/domain/telemetry/intake.hpp"
#include "coordinator/domain/telemetry/series_writer.hpp"
#include "coordinator/ingest/counters.hpp"
#include "coordinator/ingest/events.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"

namespace labhub::coordinator::telemetry {

/// How long it takes until a live reading is on disk, from its own time on: counts by upper bound. What took longer
/// than the last is in the last place. Only as right as the nodes' clocks.
struct StoredWithin {
    static constexpr std::array kMilliseconds{10,  25,  50,  75,  100,  150,  200,  250,
                                              300, 400, 500, 750, 1000, 2500, 5000, 10000};
    std::array<std::uint64_t, kMilliseconds.size() + 1> samples{};
    void add(std::chrono::milliseconds took, std::size_t count);
};

/// Counted since the start; readable from any thread through Recorder::counts().
struct RecorderCounts {
    std::uint64_t stored = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t dropped = 0;  ///< not stored for want of room; their nodes keep them, and are asked for them again
    std::uint64_t waiting = 0;  ///< samples received and not stored yet
    bool is_failing = false;    ///< the last commit failed
    std::string failure;
    StoredWithin stored_within;
};

/// Takes what ingest receives to the store, to the fleet and, once it is on disk, back to the node as an
/// acknowledgement.
///
/// Threads: Sink calls come on ingest's thread and only queue; a thread of its own stores in groups; the fleet is told
/// on the main executor, of nodes it knows only and of the latest values only where more came than it could take. At
/// most kQueueBound samples wait. Past that ingest's thread waits a moment, which is what a slow disk should slow down,
/// and what then finds no room is left to the nodes' spools.
/// Failure: a commit that fails is tried again every second and nothing is acknowledged meanwhile; live values,
/// listeners and the fleet go on. When it works again, the nodes of what was dropped are asked for a rebirth.
class Recorder final : public ingest::Sink {
  public:
    static constexpr std::size_t kQueueBound = 200'000;

    using Acknowledge = std::function<void(NodeId, std::int64_t)>;
    using RequestRebirth = std::function<void(NodeId)>;
    /// Gets each group on the recorder's thread before it is stored, whether or not the store works. Must not block or
    /// throw; the group may be kept, and taken to another thread.
    using Listener = std::function<void(const std::shared_ptr<const SampleGroup>&)>;

    Recorder(store::TelemetryStore& store, fleet::Fleet& fleet, asio::any_io_executor main, const Clock& clock);
    ~Recorder() override { stop(); }
    /// Before start(). Any number of listeners.
    void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
    /// `acknowledge` is called on the recorder's thread after a commit, and on ingest's for a node that is born and
    /// knows less than is stored of its spool; `request_rebirth` on the recorder's, for nodes whose samples found no
    /// room.
    void start(Acknowledge acknowledge, RequestRebirth request_rebirth = {});
    /// Stores what waits and ends the thread. Ingest must have been stopped before.
    void stop();
    RecorderCounts counts() const;

    void node_born(ingest::NodeBorn born) override;
    void node_changed(ingest::NodeChanged changed) override;
    void device_born(ingest::DeviceBorn born) override;
    void node_died(ingest::NodeDied died) override;
    void device_died(ingest::DeviceDied died) override;
    void node_stale(ingest::NodeStale stale) override;
    void node_heard_again(NodeId node, UtcMillis time) override;
    void readings_refused(ingest::ReadingsRefused refused) override;
    bool samples(ingest::Samples samples) override;
    void broker_changed(bool connected, std::string reason) override;

    /// The fleet knows that node from now on, of which no more than its birth may have been told before.
    void know(const NodeId& node) { news_.know(node); }

    /// Main thread: waits until a reading of the device taken at `until` or later is stored, so that all before it are;
    /// at most `limit`, and not at all while the device sends none.
    Task<void> wait_for_readings(DeviceAddress device, UtcMillis until, std::chrono::milliseconds limit);

    /// What the ingest in front of it has seen, for who shows counters; all zero before it is told where to ask.
    void ask_ingest(std::function<ingest::Counters()> counters) { ingest_counters_ = std::move(counters); }
    ingest::Counters ingest_counters() const { return ingest_counters_ ? ingest_counters_() : ingest::Counters{}; }

    /// Main thread only: whether the broker is connected, and why not.
    bool is_broker_connected() const { return broker_connected_; }
    const std::string& broker_problem() const { return broker_problem_; }

  private:
    void serve();
    void take_in(Intake::Taken taken);
    void tell(SampleGroup group);
    bool store_group(const SampleGroup& group);
    bool wait_for_better();
    void count(const SampleGroup& group, const store::StoreCounts& stored);
    void learn_spool(const ingest::NodeBorn& born);
    ingest::NodeSpoolPtr spool_of(const NodeId& node) const;
    void acknowledge_due(bool now);
    std::optional<Steady::time_point> next_acknowledgement() const;

    store::TelemetryStore& store_;
    fleet::Fleet& fleet_;
    const Clock& clock_;
    asio::any_io_executor main_;
    Acknowledge acknowledge_;
    RequestRebirth request_rebirth_;
    std::vector<Listener> listeners_;
    std::function<ingest::Counters()> ingest_counters_;
    FleetNews news_;
    Intake intake_;
    std::unordered_map<NodeId, ingest::NodeSpoolPtr> spools_;  ///< as last born; ingest's thread only
    bool broker_connected_ = false;
    std::string broker_problem_ = "not connected yet";

    mutable std::mutex mutex_;  ///< guards counts_
    RecorderCounts counts_;

    // The recorder's thread only, from here on.
    SeriesWriter writer_;
    std::map<NodeId, std::int64_t> positions_;  ///< stored, and not acknowledged yet
    Steady::time_point acknowledged_at_{};

    std::thread thread_;
};

}  // namespace labhub::coordinator::telemetry
