#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "coordinator/ingest/defects.hpp"
#include "coordinator/ingest/device_catalog.hpp"
#include "coordinator/ingest/events.hpp"
#include "coordinator/ingest/former_types.hpp"
#include "coordinator/ingest/ingest.hpp"
#include "coordinator/ingest/rebirths.hpp"
#include "coordinator/ingest/refused_metrics.hpp"
#include "coordinator/ingest/refused_readings.hpp"
#include "coordinator/ingest/remarks.hpp"
#include "coordinator/ingest/tally.hpp"
#include "shared/sparkplug/codec.hpp"
#include "shared/sparkplug/sequence.hpp"

namespace labhub::coordinator::ingest {

/// One node's session by the host rules of Sparkplug B 3.0, section 5: births, order, data, deaths, silence. It decides
/// when a rebirth is wanted; sending the request is its owner's.
///
/// Thread: the ingest's. Options, clock, sink and tally must outlive it. Failure: a message that breaks a rule is
/// counted and dropped, and where a rebirth could mend it, one is wanted; what rebirths don't mend is given up
/// (Defects). What devices say is in node_session_devices.cpp.
class NodeSession {
  public:
    NodeSession(NodeId node, const Options& options, const Clock& clock, Sink& sink, Tally& tally);
    ~NodeSession();
    NodeSession(const NodeSession&) = delete;
    NodeSession& operator=(const NodeSession&) = delete;

    /// Any N* or D* message of this node that was not retained.
    void receive(const sparkplug::Topic& topic, const std::string& bytes);
    /// One that was.
    void refuse_retained(const sparkplug::Topic& topic);
    /// To be called often: ends waits for missing messages, notices silence.
    void tick();
    /// The broker is gone, or the node is not to be believed any more as it was: what it says counts again from its
    /// next birth on.
    void lose(const std::string& reason);

    /// Somebody asks for a rebirth: sent even where the node has not been heard since the last request.
    void request_rebirth() { rebirths_.ask_for(clock_.steady_now()); }
    /// Whether to send a rebirth request now (Rebirths).
    bool take_rebirth_request();
    /// Whether the node was asked for its births within `window` and hasn't sent them yet.
    bool is_rebirth_under_way(Steady::duration window) const {
        return rebirths_.is_under_way(clock_.steady_now(), window);
    }

    const NodeId& id() const { return node_; }
    /// Whether it is one of the lab's, not just somebody who may publish.
    bool is_enrolled() const { return options_.host_keys.contains(node_); }
    bool is_born() const { return born_; }
    Steady::time_point last_heard() const { return last_heard_; }

  private:
    using Devices = std::map<std::string, DeviceCatalog, std::less<>>;

    /// One message in its turn; `bytes` are unpacked.
    struct Incoming {
        sparkplug::MessageType type;
        std::string_view device;
        std::string_view bytes;
    };

    void want_rebirth() { rebirths_.want(clock_.steady_now()); }
    /// A defect was found: unless it is given up, nothing is acknowledged any more until a birth may have mended it.
    void note(const Defect& defect, std::string_view device);
    void note_mended(std::string_view device, const sparkplug::Payload& birth);
    void note_not_born(sparkplug::MessageType type);
    void note_left_out(const DeviceCatalog& device, const DecodedData& data);
    /// A message is missing for good: from here on positions would cover what we never saw.
    void note_gap();
    /// The messages that waited for a missing one, as if none were missing.
    void take_held();
    void count_held();
    void heard();
    void take(const sparkplug::Topic& topic, std::string_view bytes);
    void node_birth(std::string_view bytes, const PayloadHead& head);
    bool is_somebody_else(const sparkplug::Payload& birth);
    void suspect(const std::string& why);
    void node_death(std::string_view bytes);
    void sequenced(const sparkplug::Topic& topic, std::string_view bytes, const PayloadHead& head);
    void in_turn(const Incoming& message);
    void in_turn(const sparkplug::SequencedMessage& message);
    void device_birth(std::string_view device, std::string_view bytes);
    Result<void> check_device_birth(const std::string& name) const;
    void note_refused(const DeviceCatalog& device, const std::vector<std::string>& bad_names);
    void device_death(std::string_view device, std::string_view bytes);
    void device_data(std::string_view device, std::string_view bytes);
    void node_data(std::string_view bytes);
    void emit(const DeviceCatalog& device, DecodedData data);
    void emit(Samples samples);
    void malformed(sparkplug::MessageType type, std::string_view device, const Error& why);
    /// We keep too much already: no fault of the message's, which will do when there is room.
    void refuse_for_room(std::string_view what);
    bool has_room_for(std::size_t metrics, std::size_t bytes) const;
    std::string first_unknown(std::string_view bytes) const;
    void forget(const DeviceCatalog& device);
    void end();

    NodeId node_;
    const Options& options_;
    const Clock& clock_;
    Sink& sink_;
    Tally& tally_;

    bool born_ = false;
    bool stale_ = false;
    bool lacks_room_ = false;  // a device of this session was refused for want of room with us
    bool unbroken_ = false;    // no message of this session is missing: spool positions may be passed on
    std::uint8_t bd_seq_ = 0;
    sparkplug::SequenceTracker tracker_;
    sparkplug::MetricCatalog node_catalog_;
    std::size_t node_metrics_ = 0;  // counted in Tally::known_metrics
    std::size_t node_bytes_ = 0;    // counted in Tally::known_bytes
    std::size_t held_bytes_ = 0;    // counted in Tally::held_bytes
    Devices devices_;
    Remarks remarks_;
    FormerTypes former_;
    RefusedReadings refused_;
    RefusedMetrics refused_metrics_;
    std::deque<std::string> boot_ids_;  // of the last births, the present one last
    Steady::time_point last_heard_;
    Rebirths rebirths_;
    Defects defects_;
};

}  // namespace labhub::coordinator::ingest
