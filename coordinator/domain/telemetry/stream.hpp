#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "coordinator/domain/telemetry/intake.hpp"
#include "coordinator/domain/telemetry/query_selection.hpp"
#include "coordinator/ingest/events.hpp"
#include "shared/base/clock.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::telemetry {

/// Samples of one device that reached the hub together.
struct LiveEvent {
    std::uint64_t number = 0;  ///< running, without gaps, from 1 at the hub's start
    UtcMillis arrived;         ///< by the hub's clock
    /// Where they are `historical` they were measured during an outage and come only now; of each metric only the first
    /// and the last is here then, which is enough to tell that the store has got them.
    SamplesPtr samples;
    std::size_t memory = 0;  ///< bytes it takes, its samples included

    std::string device() const { return samples->device().to_string(); }
};

/// What a reader did not get.
struct Missed {
    struct Gap {
        std::uint64_t readings = 0;
        UtcMillis from, to;  ///< times of the first and the last of them
    };
    std::string reason;                     ///< "slow", "too_late" (it came back too late), "restarted" (the hub)
    std::optional<std::uint64_t> readings;  ///< of the selection; unknown to a reader that was not connected
    UtcMillis from, to;                     ///< a query over this range has all of it
    std::map<std::string, Gap> series;      ///< by "node/device/metric", at most kMostGaps; empty where unknown
    static constexpr std::size_t kMostGaps = 1'000;
};

/// What a reader may send next.
struct LiveBatch {
    struct Part {
        std::string id;
        std::shared_ptr<const LiveEvent> event;
        std::vector<const ingest::Sample*> samples;  ///< those of the event that are selected; at least one
    };
    std::optional<Missed> missed;  ///< to be told before the parts
    std::string missed_id;
    std::vector<Part> parts;
    std::string last_id;  ///< everything up to here has been looked at

    bool empty() const { return !missed && parts.empty(); }
};

class LiveFeed;

/// One client's place in the feed. Costs no memory for what it has not read: what the ring lets go of before it was
/// read is counted, series by series, and told. Main thread.
class LiveReader {
  public:
    ~LiveReader();
    LiveReader(const LiveReader&) = delete;
    LiveReader& operator=(const LiveReader&) = delete;

    /// What there is now, at most `most` events.
    LiveBatch take(std::size_t most);
    /// Returns when there may be more to take, at the latest after `limit`.
    Task<void> wait(std::chrono::milliseconds limit);

  private:
    friend class LiveFeed;
    struct Ring;
    LiveReader(std::shared_ptr<Ring> ring, Selection selection, std::string who);
    std::string id_of(std::uint64_t number, UtcMillis arrived) const;
    const std::vector<bool>& selected(const ingest::DeviceSchemaPtr& schema);
    void lose(const LiveEvent& event);
    void resume_after(std::uint64_t number, UtcMillis arrived, bool same_start);

    std::shared_ptr<Ring> ring_;
    Selection selection_;
    std::string who_;
    std::uint64_t next_ = 0;
    std::optional<Missed> missed_;
    struct Matched {
        std::weak_ptr<const ingest::DeviceSchema> schema;  ///< a birth that is over keeps no memory here
        std::vector<bool> wanted;
    };
    /// Which metrics of a birth are selected, so that each is matched once; forgotten at kMostSchemas.
    std::unordered_map<const ingest::DeviceSchema*, Matched> selected_;
    std::shared_ptr<asio::steady_timer> news_;
};

/// The live readings of all devices, with running numbers, for clients that follow them. It keeps copies of the newest,
/// at most `most_bytes` of memory in all with the births they point to (one event at the least), so that a client that
/// was away for a moment goes on where it was; a client that was away for longer, or reads too slowly, is told what it
/// missed. Publishing never waits for anybody. Lives on the main thread.
class LiveFeed {
  public:
    static constexpr std::size_t kMostReaders = 256;
    static constexpr std::size_t kMostReadersOfOne = 32;

    LiveFeed(asio::any_io_executor executor, const Clock& clock, std::size_t most_bytes);
    ~LiveFeed();

    /// A listener of the recorder that publishes on the main thread. It may outlive the feed.
    std::function<void(const std::shared_ptr<const SampleGroup>&)> listener();
    void publish(const std::shared_ptr<const SampleGroup>& group);

    /// From the present on, or, with the id of an event, from the one after that. `who` is the principal that asks.
    /// Errors: malformed (no id of a feed), too_many (readers).
    Result<std::unique_ptr<LiveReader>> open(Selection selection, const std::optional<std::string>& last_id,
                                             std::string who);
    std::size_t readers() const;
    /// Memory of what it keeps, at most most_bytes unless one event alone has more.
    std::size_t bytes() const;

  private:
    std::shared_ptr<LiveReader::Ring> ring_;
};

}  // namespace labhub::coordinator::telemetry
