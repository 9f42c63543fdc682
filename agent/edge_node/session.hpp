#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "agent/edge_node/births.hpp"
#include "agent/edge_node/delivery.hpp"
#include "agent/edge_node/host_state.hpp"
#include "agent/edge_node/replay_pace.hpp"
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
    ReplayPace::Limits replay;
    Delivery::Options delivery;
    ExtraMetrics extras;                              ///< may be empty
    std::function<sampling::ClockState()> clock;      ///< may be empty: nothing is said of the clock
    std::chrono::milliseconds report_period{10'000};  ///< of the node's own metrics that have changed
};

/// What a session works with; all of it outlives the session.
struct Surroundings {
    asio::any_io_executor executor;
    const Settings& settings;
    const Clock& clock;
    spool::Spool& spool;
    safety::CommandPath& path;
    HostState& host;
    Delivery& delivery;
    LastCommand& last_command;
};

/// One Sparkplug session: from CONNECT to the end of that connection. Births first, then live data as it comes, and
/// what the host may not have behind its back, slowly enough to delay neither data, births nor commands. Thread: the
/// agent's main thread. Owns the connection; when that ends, run() returns, and a new session is needed.
class Session {
  public:
    Session(Surroundings around, std::unique_ptr<mqtt::Connection> connection, std::uint8_t bd_seq);

    /// Subscribes, then publishes the births.
    Task<Result<void>> begin();
    /// Works until the connection has ended, and says why it did.
    Task<Error> run();
    /// A clean stop: NDEATH, then DISCONNECT (operational-behavior-edge-node-intentional-disconnect-ndeath).
    Task<void> leave();

    void live(const spool::Batch& batch, spool::Position position);
    void device_found(const sampling::Device& device);
    void device_lost(const sampling::Device& device);
    /// All births again, soon: as after a host's request. For a change of what ExtraMetrics names.
    void ask_rebirth();

  private:
    /// Returns the bytes of the payload.
    Result<std::size_t> send(sparkplug::MessageType type, const std::string& device, sparkplug::Payload payload);
    /// An NDATA or DDATA.
    Result<std::size_t> send_data(const std::string& device, sparkplug::Payload data);
    Result<void> births();
    SpoolStand spool_stand() const;
    Result<void> give_birth(const sampling::Device& device);
    Task<void> rebirth_later();
    void handle(const mqtt::Message& message);
    void handle_host_state(const std::string& payload);
    void handle_node_command(const std::string& payload);
    void handle_acknowledgement(spool::Position position);
    Task<void> handle_device_command(std::string device, std::string payload);
    /// Rows sent together: of one device, and alike in what is said of the clock.
    struct Part {
        std::string device;
        bool clock_unsure = false;
        sparkplug::Payload data;
    };
    Task<void> replay();
    Task<void> replay_some();
    std::vector<Part> parts_of(const std::vector<spool::Row>& rows);
    void keep_one_ahead(std::vector<spool::Row>& rows) const;
    bool replay_rows(const std::vector<spool::Row>& rows);
    void said(spool::Position position);
    void sent_all();
    void restart_run();
    void retry_if_silent();
    bool is_of_this_node(const std::string& device) const;
    std::vector<std::string> withheld() const;

    Task<void> report();
    void report_changes();
    std::vector<ExtraMetric> extras(const std::string& device) const;
    std::vector<sparkplug::Metric> present_metrics() const;

    Surroundings around_;
    std::unique_ptr<mqtt::Connection> connection_;
    std::uint8_t bd_seq_;
    sparkplug::SeqCounter seq_;
    std::map<std::string, BornMetrics> alive_;  ///< what the host knows the births of; "" is the node
    SentRows sent_;
    ReplayPace pace_;
    std::optional<spool::Position> first_skipped_;  ///< in this run, as its device isn't alive
    asio::steady_timer replay_wake_;
    std::vector<sparkplug::Metric> reported_;
    Steady::time_point last_births_{};
    Steady::time_point run_began_{};
    bool rebirth_due_ = false;
    bool is_leaving_ = false;  ///< NDEATH is out, or about to be: nothing may follow it
    TaskGroup tasks_;
};

}  // namespace labhub::agent::edge_node
