#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordinator/ingest/node_session.hpp"

namespace labhub::coordinator::ingest {

/// The sessions of all nodes of the group: routes messages to them and collects the rebirth requests to send.
/// Thread: the ingest's. Options, clock, sink and tally must outlive it.
class SessionTable {
  public:
    SessionTable(const Options& options, const Clock& clock, Sink& sink, Tally& tally)
        : options_(options), clock_(clock), sink_(sink), tally_(tally) {}

    /// Any message received in the group.
    void receive(const mqtt::Message& message);
    void tick();
    /// The broker is gone, and with it what we know of every node.
    void lose_all(const std::string& reason);
    void request_rebirth(const NodeId& node);
    /// The nodes to send a rebirth request now, at most `most`, and none while too many that were asked have not
    /// answered yet: their births all at once would overflow the broker's queue towards us. Nodes take turns.
    std::vector<NodeId> take_rebirth_requests(std::size_t most);

  private:
    struct Route {
        sparkplug::Topic topic;
        NodeSession* session = nullptr;
    };
    /// Null where the id is refused or there are too many nodes.
    NodeSession* session(const std::string& node);
    /// What a topic leads to, remembered: few topics carry all the messages. Null where it is none of ours.
    const Route* route(const std::string& topic);

    const Options& options_;
    const Clock& clock_;
    Sink& sink_;
    Tally& tally_;
    std::map<NodeId, std::unique_ptr<NodeSession>> sessions_;  // none is ever taken out: routes_ points to them
    std::unordered_map<std::string, Route> routes_;
    NodeId asked_last_;  // where the next round of rebirth requests goes on
};

}  // namespace labhub::coordinator::ingest
