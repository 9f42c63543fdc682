#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/ingest/counters.hpp"
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
    /// Options::host_keys from now on. The nodes in `anew` were enrolled, or have another key: what they have said is
    /// believed no more, and they are asked for their births.
    void enrol(std::map<NodeId, std::string> host_keys, std::vector<NodeId> anew);
    Counters counters() const;

  private:
    class Host;
    std::unique_ptr<Host> host_;
};

}  // namespace labhub::coordinator::ingest
