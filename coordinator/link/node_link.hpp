#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/link/enrolment.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/byte_stream.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::rpc {
class HelloReply;  // shared/proto/agent_rpc.proto
}

namespace labhub::coordinator::link {

/// What the owner is told, on the link's executor. `connected` comes after the agent's Hello, each time; a `boot_id`
/// other than the last one means that the agent forgot its leases. `disconnected` comes once for each `connected`,
/// before the requests under way fail. Neither may destroy the link.
struct LinkEvents {
    std::function<void(const rpc::HelloReply&)> connected;
    std::function<void(const Error&)> disconnected;
};

/// One change of actuators, as ApplyRequest carries it.
struct ApplyCommand {
    CommandId command_id;  ///< executes once
    std::string device;
    LeaseId lease_id;       ///< empty only while nobody holds the device
    UtcMillis deadline;     ///< the agent refuses it when it arrives later
    std::string principal;  ///< on whose behalf: "job:01hq…"
    std::vector<Setpoint> setpoints;
};

struct Advanced;  // coordinator/link/advanced.hpp

/// Makes the stream to an agent's `labhub-rpc` that isn't reached by SSH.
using Dial = std::function<Result<std::shared_ptr<ByteStream>>()>;

/// The coordinator's one open SSH session to one node. Connects, and connects again with back-off (200 ms doubling to 5
/// s), from start() until stop(). Requests are multiplexed by id, each with its own time limit; at most kMaxPending at
/// once (too_many past that). Nothing is kept for later: while the node can't be reached every request fails at once
/// with `unavailable`
/// ("node sim-1 can't be reached: <last error>"), and a lost connection fails all under way the same way — whether the
/// agent still carried them out is then unknown, and repeating an apply with its command id tells. Runs on its executor
/// only; stop() must have ended before it is destroyed.
class NodeLink {
  public:
    static constexpr std::size_t kMaxPending = 256;
    static constexpr std::chrono::milliseconds kDefaultTimeout{5'000};

    NodeLink(asio::any_io_executor executor, Enrolment enrolment, std::string user,
             std::filesystem::path private_key_path, LinkEvents events);
    /// The same over another stream, dialled anew when it breaks.
    NodeLink(asio::any_io_executor executor, NodeId node, Dial dial, LinkEvents events);
    ~NodeLink();
    NodeLink(const NodeLink&) = delete;
    NodeLink& operator=(const NodeLink&) = delete;

    /// Begins to connect. Once.
    void start();
    /// Closes the session; every request under way fails. Waits until all has ended.
    Task<void> stop();
    bool is_connected() const;
    const Enrolment& enrolment() const;
    /// What the agent said when it was last connected to.
    const std::optional<rpc::HelloReply>& hello() const;
    /// Why the node isn't connected; nothing while it is.
    std::optional<Error> last_error() const;

    /// Every request: the agent's own refusal comes back with its code; timed_out when no answer came within `timeout`.
    Task<Result<std::vector<Reading>>> apply(ApplyCommand command, std::chrono::milliseconds timeout = kDefaultTimeout);
    /// Puts every actuator of the device at its safe value; needs no lease.
    Task<Result<std::vector<Reading>>> hold(std::string device, std::string principal, std::string reason,
                                            std::chrono::milliseconds timeout = kDefaultTimeout);
    /// Begins, renews, or (ttl zero) ends the control of a device; see LeaseRequest.
    Task<Result<void>> lease(std::string device, LeaseId lease_id, std::string holder, std::chrono::milliseconds ttl,
                             bool renew_only, std::chrono::milliseconds timeout = kDefaultTimeout);
    /// The latest reading of every metric of the device.
    Task<Result<std::vector<Reading>>> read(std::string device, std::chrono::milliseconds timeout = kDefaultTimeout);
    /// The last lines of the agent's log.
    Task<Result<std::vector<std::string>>> logs(unsigned lines, std::chrono::milliseconds timeout = kDefaultTimeout);

    /// Tells the agent that a person has seen the alarm of that metric. Errors not_found; unsupported by an old agent.
    Task<Result<void>> acknowledge_alarm(std::string device, std::string metric, std::string principal,
                                         std::string comment, std::chrono::milliseconds timeout = kDefaultTimeout);

    /// Lets a twin's time go on up to `to`, or less where that is much: ask again then. Error unsupported by a real
    /// node.
    Task<Result<Advanced>> advance(UtcMillis to, std::chrono::milliseconds timeout);

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace labhub::coordinator::link
