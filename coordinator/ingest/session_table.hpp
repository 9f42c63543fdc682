#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
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
    /// What the node has said no longer counts, and it is asked for its births.
    void begin_anew(const NodeId& node, const std::string& reason);
    /// The nodes to send a rebirth request now, at most `most`, and none while too many that were asked have not
    /// answered yet: their births all at once would overflow the broker's queue towards us. Nodes take turns.
    std::vector<NodeId> take_rebirth_requests(std::size_t most);

  private:
    struct Route {
        sparkplug::Topic topic;
        NodeSession* session = nullptr;
    };
    /// Null where the id is refused, or there are too many nodes, all of them enrolled, and this one isn't.
    NodeSession* session(const std::string& node);
    /// Forgets some nodes that are not enrolled: first those that were never born, then the longest silent. Many at
    /// once, as looking at all of them for each name that somebody makes up would take too long.
    void make_room();
    /// What a topic leads to, remembered: few topics carry all the messages. Null where it is none of ours.
    const Route* route(const std::string& topic);
    void note_refused(const std::string& topic, const Result<void>& name);

    const Options& options_;
    const Clock& clock_;
    Sink& sink_;
    Tally& tally_;
    std::map<NodeId, std::unique_ptr<NodeSession>> sessions_;  // routes_ points to them
    std::unordered_map<std::string, Route> routes_;
    std::unordered_set<std::string> refused_;  // topics that stand in the log
    NodeId asked_last_;                        // where the next round of rebirth requests goes on
};

}  // namespace labhub::coordinator::ingest
