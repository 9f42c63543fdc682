#pragma once

#include <map>
#include <memory>
#include <string>
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
    /// The nodes to send a rebirth request now, at most `most`: their births all at once would overflow the broker's
    /// queue towards us.
    std::vector<NodeId> take_rebirth_requests(std::size_t most);

  private:
    /// Null where the id is refused or there are too many nodes.
    NodeSession* session(const std::string& node);

    const Options& options_;
    const Clock& clock_;
    Sink& sink_;
    Tally& tally_;
    std::map<NodeId, std::unique_ptr<NodeSession>> sessions_;
};

}  // namespace labhub::coordinator::ingest
