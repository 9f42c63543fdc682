#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "coordinator/ingest/device_catalog.hpp"
#include "coordinator/ingest/events.hpp"
#include "coordinator/ingest/former_types.hpp"
#include "coordinator/ingest/ingest.hpp"
#include "coordinator/ingest/refused_readings.hpp"
#include "coordinator/ingest/tally.hpp"
#include "shared/sparkplug/codec.hpp"
#include "shared/sparkplug/sequence.hpp"

namespace labhub::coordinator::ingest {

/// One node's session by the host rules of Sparkplug B 3.0, section 5: births, order, data, deaths, silence. It decides
/// when a rebirth is wanted; sending the request is its owner's.
///
/// Thread: the ingest's. Options, clock, sink and tally must outlive it. Failure: a message that breaks a rule is
/// counted and dropped, and where a rebirth could mend it, one is wanted.
class NodeSession {
  public:
    NodeSession(NodeId node, const Options& options, const Clock& clock, Sink& sink, Tally& tally);
    ~NodeSession();
    NodeSession(const NodeSession&) = delete;
    NodeSession& operator=(const NodeSession&) = delete;

    /// Any N* or D* message of this node that was not retained.
    void receive(const sparkplug::Topic& topic, const std::string& bytes);
    /// To be called often: ends waits for missing messages, notices silence.
    void tick();
    /// The broker is gone: whatever the node does now, we don't see it.
    void lose(const std::string& reason);

    /// Somebody asks for a rebirth: sent even where the node has not been heard since the last request.
    void request_rebirth() { rebirth_wanted_ = rebirth_asked_for_ = true; }
    /// Whether to send a rebirth request now. True at most once in Options::rebirth_interval, and again and again until
    /// the node is born, as the request may get lost too; but not to a node that has been silent since the last one.
    bool take_rebirth_request();
    /// Whether the node was asked for its births within `window` and hasn't sent them yet.
    bool is_rebirth_under_way(Steady::duration window) const;

  private:
    using Devices = std::map<std::string, DeviceCatalog, std::less<>>;

    /// One message in its turn; `bytes` are unpacked.
    struct Incoming {
        sparkplug::MessageType type;
        std::string_view device;
        std::string_view bytes;
    };

    void want_rebirth() { rebirth_wanted_ = true; }
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
    Result<void> check_device_birth(const std::string& name, std::string_view bytes) const;
    void note_names(const DeviceCatalog& device);
    void device_death(std::string_view device, std::string_view bytes);
    void device_data(std::string_view device, std::string_view bytes);
    void node_data(std::string_view bytes);
    void emit(const DeviceCatalog& device, DecodedData data);
    void emit(Samples samples);
    void malformed(const Error& why);
    void forget(const DeviceCatalog& device);
    void end();

    NodeId node_;
    const Options& options_;
    const Clock& clock_;
    Sink& sink_;
    Tally& tally_;

    bool born_ = false;
    bool stale_ = false;
    bool unbroken_ = false;  // no message of this session is missing: spool positions may be passed on
    std::uint8_t bd_seq_ = 0;
    sparkplug::SequenceTracker tracker_;
    sparkplug::MetricCatalog node_catalog_;
    std::size_t node_metrics_ = 0;  // counted in Tally::known_metrics
    std::size_t held_bytes_ = 0;    // counted in Tally::held_bytes
    Devices devices_;
    FormerTypes former_;
    std::uint64_t births_not_taken_whole_ = 0;
    RefusedReadings refused_;
    std::deque<std::string> boot_ids_;  // of the last births, the present one last
    Steady::time_point last_heard_;

    bool rebirth_wanted_ = false, rebirth_asked_for_ = false;
    std::optional<Steady::time_point> rebirth_requested_;
};

}  // namespace labhub::coordinator::ingest
