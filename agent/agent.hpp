#pragma once

#include <memory>
#include <vector>

#include "agent/alarms/node_alarms.hpp"
#include "agent/config/agent_config.hpp"
#include "agent/edge_node/edge_node.hpp"
#include "agent/safety/audit_log.hpp"
#include "agent/safety/command_path.hpp"
#include "agent/sampling/clock_watch.hpp"
#include "agent/sampling/device.hpp"
#include "agent/sampling/sampler.hpp"
#include "agent/spool/spool.hpp"
#include "agent/spool/undated.hpp"
#include "agent/ssh_server/ssh_front.hpp"
#include "agent/state/state_database.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/ssh/server.hpp"

namespace labhub::agent {

/// The whole wiring of labhub-agent: devices → sampler → spool → edge node, and SSH, RPC and DCMD → command path →
/// devices. Thread: one io_context, run by one thread. Member order is the order of destruction, reversed; stop() must
/// have ended before.
class Agent {
  public:
    /// Opens the state, listens for SSH, and has everything ready to start. Errors: the data folder, the state
    /// database, the host key or the listening address can't be had.
    static Result<std::unique_ptr<Agent>> make(asio::any_io_executor executor, config::AgentConfig config);

    /// Starts everything, and returns: the work goes on until stop().
    void start();
    /// Actuators safe, what is stored committed, NDEATH, connections closed.
    Task<void> stop();
    std::uint16_t ssh_port() const { return ssh_->port(); }

  private:
    Agent(asio::any_io_executor executor, config::AgentConfig config, state::StateDatabase state);
    Result<void> make_devices();
    Result<void> make_ssh();
    void make_edge_node();
    std::vector<edge_node::ExtraMetric> alarm_metrics(const std::string& device) const;
    ssh_server::NodeFace face();
    /// What waits for the spool: everything that is measured.
    Task<void> begin();
    void begin_sampling();
    Task<void> open_device(sampling::Device* device);
    Task<void> link_changed(sampling::Device* device, sampling::LinkChange change);
    /// Stores readings of a device and sends them.
    void keep(spool::Class of, const sampling::Device& from, std::vector<Reading> readings);
    void keep(spool::Class of, spool::Batch batch);
    /// Some of what was measured before the clock was set, once it is.
    bool keep_undated();
    void times_went_back(const sampling::Device& device);
    Task<void> watch_undated();
    void keep_alarm(const std::string& device, Reading state);
    std::string spool_text() const;
    std::string clock_text() const;

    SystemClock clock_;
    asio::any_io_executor executor_;
    config::AgentConfig config_;
    std::string boot_id_;
    ssh_server::LogRing log_;
    sampling::ClockWatch clock_watch_;
    state::StateDatabase state_;
    edge_node::StoredBdSeq bd_seq_;
    std::vector<std::unique_ptr<sampling::Device>> devices_;
    safety::AuditLog audit_;
    safety::CommandPath path_;
    alarms::NodeAlarms alarms_;
    spool::Spool spool_;
    spool::Undated undated_;
    std::unique_ptr<edge_node::EdgeNode> edge_node_;
    std::unique_ptr<ssh_server::SshFront> ssh_front_;
    std::unique_ptr<ssh::Server> ssh_;
    std::vector<std::unique_ptr<sampling::Sampler>> samplers_;
    bool is_stopping_ = false;
    TaskGroup sampling_;
    TaskGroup work_;
};

}  // namespace labhub::agent
