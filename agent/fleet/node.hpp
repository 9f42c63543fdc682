#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/edge_node/edge_node.hpp"
#include "agent/fleet/ledger.hpp"
#include "agent/fleet/options.hpp"
#include "agent/fleet/signal_driver.hpp"
#include "agent/safety/audit_log.hpp"
#include "agent/safety/command_path.hpp"
#include "agent/sampling/device.hpp"
#include "agent/spool/spool.hpp"
#include "agent/state/state_database.hpp"

namespace labhub::agent::fleet {

/// "fleet-00001".
std::string node_name(std::uint32_t number);

/// What all nodes of a process share; outlives them.
struct Shared {
    asio::any_io_executor executor;
    const Options& options;
    const Clock& clock;
    mqtt::ConnectOptions broker;
    SignalDriver::Metrics metrics;
    sqlite::Writer& state;  ///< of the audit trail of commands
    Ledger* ledger;         ///< null: none is kept
    std::string boot_id;
};

/// One simulated node: everything of the agent but SSH and hardware. Its spool is in memory, or, where the options name
/// a state folder, in a file there that its next life goes on with. Thread: the fleet's.
class Node {
  public:
    /// Error: its state can't be opened.
    static Result<std::unique_ptr<Node>> make(const Shared& shared, std::uint32_t number);
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Takes a first sample and begins to connect. The tasks go on until stop(); `tasks` belongs to the fleet.
    Task<void> start(TaskGroup& tasks);
    /// Takes a sample of every metric. Error: the ledger can't be written.
    Result<void> measure();
    /// Calls `event` when everything measured so far is in the spool.
    void after_pending(std::function<void()> event) { spool_.after_pending(std::move(event)); }
    /// Leaves the broker in good order.
    Task<void> stop();

    bool is_connected() const { return edge_node_.is_connected(); }
    std::uint64_t produced() const { return produced_; }
    const spool::Spool::State& spool() const { return spool_.state(); }

  private:
    Node(const Shared& shared, std::uint32_t number, std::optional<state::StateDatabase> state);

    std::string name_;
    std::optional<state::StateDatabase> state_;
    Ledger* ledger_;
    Result<void> recorded_;
    std::uint64_t produced_ = 0;
    SignalDriver* driver_;
    sampling::Device device_;
    safety::AuditLog audit_;
    safety::CommandPath path_;
    spool::Spool spool_;
    std::unique_ptr<edge_node::BdSeq> bd_seq_;
    edge_node::EdgeNode edge_node_;
};

}  // namespace labhub::agent::fleet
