#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/alarms/node_alarms.hpp"
#include "agent/safety/audit_log.hpp"
#include "agent/safety/command_path.hpp"
#include "agent/sampling/device.hpp"
#include "agent/sampling/sampler.hpp"
#include "agent/ssh_server/rpc_requests.hpp"
#include "agent/state/state_database.hpp"
#include "agent/twin/vessel_driver.hpp"
#include "agent/twin/vessel_start.hpp"
#include "agent/twin/vessel_watch.hpp"
#include "shared/proto/agent_rpc.pb.h"

namespace labhub::agent::twin {

/// A node in miniature, made like a real one's device: command path, limits, leases and dead-man, sampling and audit
/// trail are the agent's own; the device is a simulated vessel, and the clock stands still until advance(). Requests
/// are answered one after the other, so that a run with the same requests is the same run.
///
/// Thread: one executor. Nothing of it goes on by itself.
class Twin {
  public:
    /// `folder`: for its audit trail; empty, and its own. Errors malformed (the setup says what), or the folder's.
    static Result<std::unique_ptr<Twin>> make(asio::any_io_executor executor, const std::filesystem::path& folder,
                                              rpc::TwinSetup setup);

    /// Every kind of request an agent knows, and Advance.
    Task<rpc::Reply> answer(rpc::Request request);
    UtcMillis now() const { return clock_.utc_now(); }
    Task<void> stop();

  private:
    struct Made {
        std::string node, device;
        std::vector<MetricInfo> metrics;
        std::vector<Reading> readings;
        UtcMillis start;
        std::chrono::milliseconds period{0};
        firmware_bridge::sim::VesselOptions model;
        Beginning beginning;
    };
    static Result<Made> read_setup(rpc::TwinSetup setup);
    Twin(asio::any_io_executor executor, Made made, state::StateDatabase state);

    Task<rpc::Reply> advance(UtcMillis to);
    Task<void> step(UtcMillis to);
    void note_state();
    void describe(rpc::AdvanceReply& reply) const;
    ssh_server::NodeFace face();

    ManualClock clock_;
    Made made_;
    state::StateDatabase state_;
    ssh_server::LogRing log_;
    VesselDriver* driver_;
    sampling::Device device_;
    sampling::Sampler sampler_;
    safety::AuditLog audit_;
    safety::CommandPath path_;
    alarms::NodeAlarms alarms_;
    VesselWatch watch_;
    ssh_server::NodeFace face_;
    ssh_server::RpcRequests requests_;
    rpc::AdvanceReply news_;  ///< what happened since the last reply
    UtcMillis next_state_;
    bool is_described_ = false;
};

}  // namespace labhub::agent::twin
