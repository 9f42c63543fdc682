#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/ingest/events.hpp"
#include "coordinator/store/telemetry_store.hpp"

namespace labhub::coordinator::telemetry {

/// Counted since the start; readable from any thread through Recorder::counts().
struct RecorderCounts {
    std::uint64_t stored = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t dropped = 0;  ///< given up because the store kept failing; nodes send them again after a reconnect
    std::uint64_t waiting = 0;  ///< readings received and not stored yet
    bool is_failing = false;    ///< the last commit failed
    std::string failure;
};

/// Takes what ingest receives to the store, to the fleet and, once it is on disk, back to the node as an
/// acknowledgement.
///
/// Threads: Sink calls come on ingest's thread and only queue; a thread of its own stores in groups; the fleet is told
/// on the main executor, in batches, so that a flood of readings costs the main thread one wake-up at a time. At most
/// kQueueBound readings wait; past that ingest's thread waits, which is what a slow disk should slow down.
/// Failure: a commit that fails is tried again every second and nothing is acknowledged meanwhile.
class Recorder final : public ingest::Sink {
  public:
    static constexpr std::size_t kQueueBound = 200'000;

    using Acknowledge = std::function<void(NodeId, std::int64_t)>;

    Recorder(store::TelemetryStore& store, fleet::Fleet& fleet, asio::any_io_executor main);
    ~Recorder() override { stop(); }
    /// `acknowledge` is called on the recorder's thread after each commit.
    void start(Acknowledge acknowledge);
    /// Stores what waits and ends the thread. Ingest must have been stopped before.
    void stop();
    RecorderCounts counts() const;

    void node_born(ingest::NodeBorn born) override;
    void device_born(ingest::DeviceBorn born) override;
    void node_died(ingest::NodeDied died) override;
    void device_died(ingest::DeviceDied died) override;
    void node_stale(ingest::NodeStale stale) override;
    void node_heard_again(NodeId node, UtcMillis time) override;
    void samples(ingest::Samples samples) override;
    void broker_changed(bool connected, std::string reason) override;

    /// Main thread: waits until a reading of the device taken at `until` or later is stored, so that all before it are;
    /// at most `limit`, and not at all while the device sends none.
    Task<void> wait_for_readings(DeviceAddress device, UtcMillis until, std::chrono::milliseconds limit);

    /// Main thread only: whether the broker is connected, and why not.
    bool is_broker_connected() const { return broker_connected_; }
    const std::string& broker_problem() const { return broker_problem_; }

  private:
    using FleetNews = std::function<void(fleet::Fleet&)>;

    void tell_fleet(FleetNews news);
    void enqueue(store::ReadingBatch batch, std::optional<std::pair<NodeId, std::int64_t>> position);
    void serve();
    bool store_group(const std::vector<store::ReadingBatch>& batches);

    store::TelemetryStore& store_;
    fleet::Fleet& fleet_;
    asio::any_io_executor main_;
    Acknowledge acknowledge_;
    bool broker_connected_ = false;
    std::string broker_problem_ = "not connected yet";

    mutable std::mutex mutex_;  ///< guards all below
    std::condition_variable changed_;
    std::vector<store::ReadingBatch> queue_;
    std::vector<std::pair<DeviceAddress, std::vector<MetricInfo>>> descriptions_;
    std::map<NodeId, std::int64_t> positions_;
    std::size_t queued_readings_ = 0;
    std::size_t storing_readings_ = 0;  ///< taken from the queue, not committed yet
    std::vector<FleetNews> news_;
    bool is_news_posted_ = false;
    bool is_stopping_ = false;
    RecorderCounts counts_;

    std::thread thread_;
};

}  // namespace labhub::coordinator::telemetry
