#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "coordinator/ingest/events.hpp"
#include "shared/base/clock.hpp"

namespace labhub::coordinator::telemetry {

/// What was received since the last group, in the order it came: live samples, replayed ones, those of births. Whoever
/// keeps one of them keeps no other.
using SamplesPtr = std::shared_ptr<const ingest::Samples>;
using SampleGroup = std::vector<SamplesPtr>;

/// The bounded queue between ingest's thread, which puts samples in, and the recorder's, which takes them out in
/// groups. At the bound the putting thread waits a moment, once: a slow disk should slow ingest down, a stuck one must
/// not stop it. What finds no room is refused, counted, and its node remembered. The bound is one of samples and one of
/// bytes, as a text may be as long as a message, and a message without samples carries a position still.
class Intake {
  public:
    static constexpr std::size_t kMostBytes = std::size_t{128} << 20;

    explicit Intake(std::size_t most_samples, std::size_t most_bytes = kMostBytes)
        : most_samples_(most_samples), most_bytes_(most_bytes) {}

    /// False: there was no room.
    bool put(ingest::Samples given);
    /// A new birth's schema, in place of an earlier one of the device that still waits. Past kMostSchemaMetrics it is
    /// refused and its node remembered.
    void put(ingest::DeviceSchemaPtr schema);
    /// As if something of the node had been refused.
    void want_again(const NodeId& node);

    static constexpr std::size_t kMostSchemaMetrics = 500'000;  ///< of those that wait; a device counts as one more

    struct Taken {
        SampleGroup samples;
        std::size_t seen = 0;  ///< so many of them look() has shown before
        std::vector<ingest::DeviceSchemaPtr> schemas;
    };
    /// Waits for something to take, then a moment more so that a burst comes as one; at the latest until `until`, then
    /// it may be empty. Nothing once close() was called and all has been taken.
    std::optional<Taken> take(std::optional<Steady::time_point> until);
    /// What was taken last is stored or given up: it doesn't count as waiting any more.
    void done();

    /// What came since it was last asked, and stays: for a store that fails for long. What was refused is among it.
    SampleGroup look();

    /// While the store fails nobody waits for room.
    void set_failing(bool is_failing);
    /// The nodes whose samples were refused, once there is room again; empty while there is little.
    std::set<NodeId> take_refused();
    /// Waits at most `limit`; returns early, with true, when close() is called.
    bool sleep(Steady::duration limit);
    void close();

    std::size_t waiting() const;
    /// Of what waits to be taken.
    std::size_t waiting_bytes() const;
    std::uint64_t refused() const;

  private:
    std::vector<ingest::DeviceSchemaPtr> take_schemas();
    bool has_room(std::size_t samples, std::size_t bytes) const {
        return queue_.empty() || (queued_ + samples <= most_samples_ && queued_bytes_ + bytes <= most_bytes_);
    }
    void refuse(const SamplesPtr& samples, std::size_t bytes);

    const std::size_t most_samples_, most_bytes_;
    mutable std::mutex mutex_;
    std::condition_variable filled_, emptied_;
    SampleGroup queue_;
    std::size_t seen_ = 0;         // of the queue, by look()
    SampleGroup refused_samples_;  // kept for look() alone
    std::size_t refused_bytes_ = 0;
    std::map<DeviceAddress, ingest::DeviceSchemaPtr> schemas_;
    std::size_t schema_metrics_ = 0;
    Steady::time_point queued_since_;
    std::size_t queued_ = 0, queued_bytes_ = 0, under_way_ = 0;
    bool is_failing_ = false, is_stuck_ = false, is_closed_ = false;
    std::set<NodeId> refused_nodes_;
    std::uint64_t refused_ = 0;
};

}  // namespace labhub::coordinator::telemetry
