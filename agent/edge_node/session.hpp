#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "agent/edge_node/births.hpp"
#include "agent/edge_node/host_state.hpp"
#include "agent/edge_node/sent_rows.hpp"
#include "agent/safety/command_path.hpp"
#include "agent/spool/spool.hpp"
#include "shared/mqtt/connection.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/sparkplug/sequence.hpp"
#include "shared/sparkplug/topics.hpp"

namespace labhub::agent::edge_node {

struct Settings {
    std::string group;
    std::string node;
    std::string primary_host;
    NodeInfo info;
    std::uint32_t replay_rows_per_second = 200;
};

/// What a session works with; all of it outlives the session.
struct Surroundings {
    asio::any_io_executor executor;
    const Settings& settings;
    const Clock& clock;
    spool::Spool& spool;
    safety::CommandPath& path;
    HostState& host;
    LastCommand& last_command;
};

/// One Sparkplug session: from CONNECT to the end of that connection. Births first, then live data as it comes, and
/// what the host hasn't acknowledged behind its back, slowly enough to delay neither data, births nor commands. Thread:
/// the agent's main thread. Owns the connection; when that ends, run() returns, and a new session is needed.
class Session {
  public:
    Session(Surroundings around, std::unique_ptr<mqtt::Connection> connection, std::uint8_t bd_seq);

    /// Subscribes, then publishes the births.
    Task<Result<void>> begin();
    /// Works until the connection has ended, and says why it did.
    Task<Error> run();
    /// A clean stop: NDEATH, then DISCONNECT (operational-behavior-edge-node-intentional-disconnect-ndeath).
    Task<void> leave();

    void live(const spool::Batch& batch, Position position);
    void device_found(const sampling::Device& device);
    void device_lost(const sampling::Device& device);

  private:
    Result<void> send(sparkplug::MessageType type, const std::string& device, sparkplug::Payload payload);
    Result<void> births();
    void ask_rebirth();
    Task<void> rebirth_later();
    void handle(const mqtt::Message& message);
    void handle_host_state(const std::string& payload);
    void handle_node_command(const std::string& payload);
    Task<void> handle_device_command(std::string device, std::string payload);
    Task<void> replay();
    Task<void> replay_some();
    void replay_row(const spool::Row& row);
    void restart_run();
    Task<void> report();
    void report_changes();
    const sampling::Device* known(const std::string& device) const;
    std::vector<std::string> withheld() const;

    Surroundings around_;
    std::unique_ptr<mqtt::Connection> connection_;
    std::uint8_t bd_seq_;
    sparkplug::SeqCounter seq_;
    std::set<std::string> alive_;  ///< devices whose DBIRTH the host has
    std::set<std::string>
        catching_up_;  ///< devices born late: rows of theirs below acknowledged positions may be unsent
    SentRows sent_;
    asio::steady_timer replay_wake_;
    std::vector<sparkplug::Metric> reported_;
    Steady::time_point last_births_{};
    bool rebirth_due_ = false;
    TaskGroup tasks_;
};

}  // namespace labhub::agent::edge_node
