#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/edge_node/bd_seq.hpp"
#include "agent/edge_node/session.hpp"
#include "shared/mqtt/connection.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::agent::edge_node {

/// The node's side of Sparkplug B 3.0: one session after the other, each with a connection, a Will and a bdSeq of its
/// own (libmosquitto's own reconnecting would repeat the old Will). Thread: the agent's main thread. A broker that is
/// away is tried again with back-off; what is sampled meanwhile waits in the spool. A few kilobytes when idle, and no
/// thread of its own, so that a process can have thousands: with spool::MemoryStorage and MemoryBdSeq. The spool, the
/// path and bd_seq must outlive it.
class EdgeNode {
  public:
    EdgeNode(asio::any_io_executor executor, Settings settings, mqtt::ConnectOptions broker, const Clock& clock,
             spool::Spool& spool, safety::CommandPath& path, BdSeq& bd_seq);

    /// Connects, and connects again, until it is cancelled or stop() is called.
    Task<void> run();
    /// Leaves the broker in good order.
    Task<void> stop();

    /// The spool's sink: a batch that was just stored.
    void live(const spool::Batch& batch, Position position);
    void device_found(const sampling::Device& device);
    void device_lost(const sampling::Device& device);
    /// Gives all births again soon: what Settings::extras names has changed.
    void ask_rebirth();

    bool is_connected() const { return in_session_; }
    /// For people: "connected to 127.0.0.1:1883 (bdSeq 3)", "not connected: …".
    std::string describe() const;

  private:
    Task<void> attempt();
    Result<mqtt::ConnectOptions> options(std::uint8_t bd_seq) const;
    void note_problem(const Error& error);

    asio::any_io_executor executor_;
    Settings settings_;
    mqtt::ConnectOptions broker_;
    const Clock& clock_;
    spool::Spool& spool_;
    safety::CommandPath& path_;
    BdSeq& bd_seq_;
    HostState host_;
    std::optional<Delivery> delivery_;  ///< from the first session on, when the spool has been opened
    LastCommand last_command_;
    std::unique_ptr<Session> session_;
    bool in_session_ = false;  ///< the births are out
    std::uint8_t present_bd_seq_ = 0;
    std::string problem_ = "not tried yet";
    Backoff backoff_;
    bool stopping_ = false;
};

}  // namespace labhub::agent::edge_node
