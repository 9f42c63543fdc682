#pragma once

#include <functional>
#include <string>
#include <vector>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/leases/leases.hpp"
#include "coordinator/store/command_store.hpp"

namespace labhub::coordinator::commands {

/// A wish to change actuators of one device.
struct Command {
    CommandId id;  ///< executes once; made up where the caller gave none
    DeviceAddress device;
    std::string principal;            ///< "job:<id>" or "user:<name>"
    JobId job;                        ///< set when a job asks: it must hold the device's lease
    std::vector<Setpoint> setpoints;  ///< applied as one step, in this order
};

/// The coordinator's one way to the actuators: who may, within which limits, over the node's session, recorded. The
/// agent checks all of it again. Lives on the main thread.
class Commander {
  public:
    /// `observe(outcome, seconds)` is told of each command, for the metrics.
    using Observer = std::function<void(std::string_view outcome, double seconds)>;

    Commander(fleet::Fleet& fleet, leases::Leases& leases, store::CommandStore& store, const Clock& clock,
              Observer observe)
        : fleet_(fleet), leases_(leases), store_(store), clock_(clock), observe_(std::move(observe)) {}

    /// Errors: not_found (device or metric), malformed (type), out_of_range (says the range), conflict (no lease, or
    /// another's: says who holds it and until when), unavailable, timed_out (whether it was carried out is unknown:
    /// repeat it with the same id).
    Task<Result<std::vector<Reading>>> apply(Command command);
    /// Puts every actuator at its safe value; whoever may reach the device may do this.
    Task<Result<std::vector<Reading>>> hold(DeviceAddress device, std::string principal, std::string reason);

    /// Asked before each command of a job; its Error is the answer. Unset: all may.
    std::function<Result<void>(const JobId&)> may_command;
    /// Asked before each command by hand, likewise.
    std::function<Result<void>(const DeviceAddress&, const std::string& principal)> may_use;

    /// Told of each command of a job that was not carried out, and why.
    std::function<void(const JobId&, const std::string& why)> on_refused;

    /// Told of each command, and of each hold, before it is recorded. Unset: nobody is.
    std::function<void(const store::CommandRecord&)> on_record;

    static constexpr std::chrono::milliseconds kDeadline{5'000};

  private:
    Result<LeaseId> lease_for(const Command& command) const;
    Result<void> check(Command& command) const;
    Task<Result<std::vector<Reading>>> send(Command command);

    fleet::Fleet& fleet_;
    leases::Leases& leases_;
    store::CommandStore& store_;
    const Clock& clock_;
    Observer observe_;
};

}  // namespace labhub::coordinator::commands
