#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "coordinator/ingest/events.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"
#include "shared/mqtt/connection.hpp"

namespace labhub::coordinator::ingest {

struct Options {
    /// Broker, credentials, TLS. client_id, Will and the bounds are set by the ingest.
    mqtt::ConnectOptions broker;
    std::string host_id = "labhub";  ///< our Sparkplug host application id: spBv1.0/STATE/<host_id>
    std::string group = "lab";       ///< the Sparkplug group all nodes are in
    /// Enrolled nodes' SSH host keys ("SHA256:…"): an NBIRTH under such a name that says another key is refused.
    std::map<NodeId, std::string> host_keys;
    std::chrono::milliseconds reorder_window{2'000};    ///< how long to wait for a missing seq
    std::chrono::milliseconds stale_after{15'000};      ///< a node silent for so long is stale
    std::chrono::milliseconds rebirth_interval{5'000};  ///< at most one rebirth request for a node in this time
    std::chrono::milliseconds reconnect_first{250};     ///< back-off towards the broker, doubling with jitter
    std::chrono::milliseconds reconnect_most{10'000};
};

/// What has been seen since the start.
struct Counters {
    std::uint64_t messages = 0;             ///< MQTT messages received in the group
    std::uint64_t readings = 0;             ///< handed to the sink
    std::uint64_t malformed = 0;            ///< wrong topics, payloads that can't be decoded
    std::uint64_t gaps = 0;                 ///< missing seq numbers that did not arrive in time
    std::uint64_t before_birth = 0;         ///< data of a node or device that was not born in this session
    std::uint64_t unknown_metrics = 0;      ///< metrics the birth didn't name
    std::uint64_t unsupported_metrics = 0;  ///< metrics with a type or name we don't take
    std::uint64_t refused_retained = 0;     ///< retained N* and D* messages
    std::uint64_t refused_deaths = 0;       ///< NDEATH with another bdSeq than the session's
    std::uint64_t refused_times = 0;        ///< readings stamped before 2000 or more than a day ahead
    std::uint64_t type_changes = 0;         ///< metrics whose values or birth came with another type than before
    std::uint64_t impostors = 0;            ///< births under a node's name by somebody who seems to be another
    std::uint64_t rebirths_requested = 0;
    std::uint64_t broker_connections = 0;
};

/// The coordinator's Sparkplug B host application: announces itself (STATE), keeps each node's session by the rules of
/// Sparkplug B 3.0 and tells the sink what is born, measured and gone.
///
/// Thread: has one of its own, from start() to stop(); sink calls come on it. The methods may be called from any
/// thread, never from inside a sink call for start() and stop(). Ownership: sink and clock must outlive it; destroying
/// stops it. Failure: a lost broker is reconnected for ever with back-off; nothing here ends the process.
class Ingest {
  public:
    Ingest(Options options, const Clock& clock, Sink& sink);
    ~Ingest();
    Ingest(const Ingest&) = delete;
    Ingest& operator=(const Ingest&) = delete;

    /// Error malformed for ids Sparkplug refuses. Connecting goes on behind it: see Sink::broker_changed.
    Result<void> start();
    /// Publishes STATE offline, disconnects and joins the thread; a few seconds at most. No sink call comes after it.
    void stop();

    /// Asks a node for all its births. Rate-limited for each node; dropped while the broker is away.
    void request_rebirth(NodeId node);
    /// Tells a node that its spool is stored up to this position: NCMD Node Control/Acknowledge. Dropped while the
    /// broker is away: the node then replays, and the store ignores what it has.
    void acknowledge(NodeId node, std::int64_t position);
    Counters counters() const;

  private:
    class Host;
    std::unique_ptr<Host> host_;
};

}  // namespace labhub::coordinator::ingest
