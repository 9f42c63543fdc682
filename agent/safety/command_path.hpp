#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "agent/safety/audit_log.hpp"
#include "agent/safety/carried.hpp"
#include "agent/safety/command.hpp"
#include "agent/safety/control.hpp"
#include "agent/sampling/device.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/runtime/turn.hpp"

namespace labhub::agent::safety {

/// The one way actuators of this node change, whoever asks: SSH, the coordinator's RPC, or an MQTT DCMD. It checks,
/// applies, writes the audit trail, and makes devices safe when their control ends (the dead-man).
///
/// Thread: the agent's main thread. Owns neither devices nor the audit log. A command that was begun is carried to its
/// end though its asker goes away. Failures of the device leave it to the watchdog to make it safe as soon as it can.
class CommandPath {
  public:
    struct Limits {
        std::chrono::milliseconds manual_hold{std::chrono::minutes{10}};
        std::chrono::milliseconds longest_lease{std::chrono::hours{1}};  ///< one grant; renewals go on for ever
        std::size_t commands_under_way = 64;
        std::size_t setpoints = 64;
    };

    CommandPath(asio::any_io_executor executor, const Clock& clock, AuditLog& audit, Limits limits);

    /// The device must outlive the path.
    void add(sampling::Device& device);

    /// Carries out one command. Checked in this order: forbidden (role), the id's first outcome if it was executed
    /// before, timed_out (deadline), not_found and unavailable (device), conflict (lease), then each value: not_found,
    /// malformed, out_of_range, forbidden (a sensor). All are checked before any is applied.
    Task<Result<Applied>> apply(Command command);
    /// Everything (or what Hold names) safe now, whoever holds the lease, which goes on. Errors forbidden, not_found,
    /// unavailable (it is made safe as soon as it is found again).
    Task<Result<std::vector<Reading>>> hold(Hold hold);
    /// Grants, renews or ends a lease. A lease of another id that is present gives way after the device was made safe:
    /// who may have what is decided by the coordinator's lease table, and this is how it says so. Errors forbidden,
    /// not_found (device, or renew_only of an unknown lease), unavailable (a lease can't begin without its device),
    /// conflict (ending a lease that isn't the present one), out_of_range (ttl).
    Task<Result<void>> lease(LeaseGrant grant);

    /// The device is there again. Its board may have made itself safe, so its lease is over, and it is made safe for
    /// certain. Nothing is applied again.
    Task<void> device_found(sampling::Device& device);

    /// Makes devices safe whose control has run out. The watchdog calls it at every deadline.
    Task<void> enforce();
    /// The dead-man: goes on until it is cancelled.
    Task<void> watch();
    /// Lets no further command begin, makes every device safe, and ends the path's own tasks.
    Task<void> stop();

    /// Asked for each value before it is applied, and before any is: what is held safe by an alarm. Its Error is the
    /// answer. Making safe doesn't ask.
    std::function<Result<void>(const std::string& device, const MetricInfo& metric, const Value& value)> interlock;

    /// Of a known device.
    const Control& control(const std::string& device) const { return devices_.at(device)->control; }
    std::vector<sampling::Device*> devices() const;
    /// Error not_found naming the choices. An empty id means the only device, if there is only one.
    Result<sampling::Device*> find(const std::string& id) const;

  private:
    struct Controlled {
        Controlled(sampling::Device& device_in, asio::any_io_executor executor, const Clock& clock,
                   const Limits& limits)
            : device(device_in), control(clock, limits.manual_hold), turn(executor) {}
        sampling::Device& device;
        Control control;
        Turn turn;
        bool safe_pending = false;  ///< it should be safe, but couldn't be reached
    };
    using Outcome = Result<Applied>;
    using Readings = std::vector<Reading>;

    Result<Controlled*> controlled(const std::string& id) const;
    Result<void> room_for_more() const;
    Task<Outcome> do_apply(Command command);
    Task<Result<Readings>> do_hold(Hold hold);
    Task<Result<void>> do_lease(LeaseGrant grant);
    Task<Outcome> decide(Command command);
    Task<Outcome> execute(Controlled* device, Command command);
    Result<std::vector<Setpoint>> check(Controlled* device, const Command& command) const;
    Task<Result<std::vector<Reading>>> make_safe(Controlled* device, AuditEntry entry, std::vector<Setpoint> only = {});
    Task<Result<void>> end_lease(Controlled* device, LeaseGrant grant);
    Task<Result<void>> begin_lease(Controlled* device, LeaseGrant grant);
    AuditEntry entry(std::string event, const Controlled& device, Asker asker) const;
    void reschedule() { deadline_.cancel(); }
    Steady::time_point next_deadline() const;

    asio::any_io_executor executor_;
    const Clock& clock_;
    AuditLog& audit_;
    Limits limits_;
    std::map<std::string, std::unique_ptr<Controlled>> devices_;
    asio::steady_timer deadline_;
    TaskGroup commands_;
    bool stopping_ = false;
};

/// The agent itself, where nobody asked.
Asker agent_itself();

}  // namespace labhub::agent::safety
