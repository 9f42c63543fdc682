#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "coordinator/ingest/events.hpp"
#include "coordinator/ingest/ingest.hpp"
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

  private:
    struct Device {
        sparkplug::MetricCatalog catalog;
        std::set<std::string> taken;  // names of the metrics told to the sink: not all that Sparkplug allows
    };

    void want_rebirth() { rebirth_wanted_ = true; }
    /// A message is missing for good: from here on positions would cover what we never saw.
    void note_gap();
    void heard();
    void node_birth(const std::string& bytes);
    void node_death(const std::string& bytes);
    void in_turn(const sparkplug::SequencedMessage& message);
    void device_birth(const std::string& device, const std::string& bytes);
    void device_death(const std::string& device, const std::string& bytes);
    void device_data(const std::string& device, const std::string& bytes);
    void node_data(const std::string& bytes);
    void emit_samples(const DeviceAddress& address, const Device& device, const sparkplug::Payload& payload);
    void emit(Samples samples);
    void malformed(const Error& why);
    void end();
    std::optional<Reading> sane_reading(const sparkplug::Metric& metric, const sparkplug::Payload& payload);

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
    std::map<std::string, Device> devices_;
    Steady::time_point last_heard_;

    bool rebirth_wanted_ = false, rebirth_asked_for_ = false;
    std::optional<Steady::time_point> rebirth_requested_;
};

}  // namespace labhub::coordinator::ingest
