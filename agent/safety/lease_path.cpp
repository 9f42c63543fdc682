// The part of CommandPath that begins and ends control: leases, holds, the dead-man.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/safety/command_path.hpp"

namespace labhub::agent::safety {
namespace {

/// A device that should be safe and couldn't be reached is tried again this often.
constexpr std::chrono::milliseconds kSafeRetry{1'000};

Error role_needed(const Asker& asker, std::string_view what, Role needed) {
    return Error{ErrorCode::forbidden, asker.principal + " may not " + std::string(what),
                 "it takes the role " + std::string(to_string(needed))};
}

/// Where these actuators are safe; those the device doesn't have are left out.
std::vector<Setpoint> safe_values(const std::vector<MetricInfo>& metrics, const std::vector<std::string>& actuators) {
    std::vector<Setpoint> values;
    for (const MetricInfo& metric : metrics) {
        const bool is_wanted = std::find(actuators.begin(), actuators.end(), metric.name) != actuators.end();
        if (is_wanted && metric.kind == MetricKind::actuator) values.push_back({metric.name, metric.safe_value});
    }
    return values;
}

}  // namespace

Task<Result<std::vector<Reading>>> CommandPath::make_safe(Controlled* device, AuditEntry entry,
                                                          std::vector<Setpoint> only) {
    auto turn = co_await device->turn.take();
    if (!turn) {
        device->safe_pending = true;
        reschedule();
        co_return turn.error();
    }
    const bool is_all = only.empty();
    auto making = is_all ? device->device.driver().safe() : device->device.driver().write(std::move(only));
    auto done = co_await std::move(making);
    // What was to be made safe as a whole isn't by a part of it.
    if (is_all || !done) device->safe_pending = !done.has_value();
    if (done) {
        *done = device->device.accept(std::move(*done));
        entry.applied = *done;
    } else {
        entry.failure = done.error();
        reschedule();
    }
    audit_.record(std::move(entry));
    co_return done;
}

Task<Result<CommandPath::Readings>> CommandPath::hold(Hold hold) {
    if (auto room = room_for_more(); !room) co_return room.error();
    auto work = do_hold(std::move(hold));
    co_return co_await carried<Readings>(&commands_, "hold", std::move(work));
}

Task<Result<CommandPath::Readings>> CommandPath::do_hold(Hold hold) {
    auto found = controlled(hold.device);
    if (!found) co_return found.error();
    if (hold.asker.role == Role::viewer) {
        Error refused = role_needed(hold.asker, "hold a device", Role::operates);
        co_return refused;
    }
    AuditEntry record = entry("hold", **found, hold.asker);
    record.reason = hold.reason;
    auto only = safe_values((*found)->device.metrics(), hold.actuators);
    auto held = co_await make_safe(*found, std::move(record), std::move(only));
    // With a lease its holder stays in control; a hold by hand ends what was set by hand.
    if (hold.actuators.empty() && (*found)->control.lease().empty()) (*found)->control.end();
    reschedule();
    co_return held;
}

Task<Result<void>> CommandPath::lease(LeaseGrant grant) {
    if (auto room = room_for_more(); !room) co_return room.error();
    auto work = do_lease(std::move(grant));
    co_return co_await carried<void>(&commands_, "lease", std::move(work));
}

Task<Result<void>> CommandPath::do_lease(LeaseGrant grant) {
    auto found = controlled(grant.device);
    if (!found) co_return found.error();
    if (grant.asker.role != Role::coordinator) {
        Error refused = role_needed(grant.asker, "grant leases", Role::coordinator);
        co_return refused;
    }
    if (grant.lease.empty()) {
        Error nameless{ErrorCode::malformed, "a lease needs an id"};
        co_return nameless;
    }
    if (grant.ttl > limits_.longest_lease) {
        Error too_long{ErrorCode::out_of_range,
                       "a lease can't be granted for " + format_duration(grant.ttl) + " at once",
                       "at most " + format_duration(limits_.longest_lease) + ", and renewed as often as wanted"};
        co_return too_long;
    }
    co_await (*found)->device.look();
    if (grant.ttl.count() == 0) co_return co_await end_lease(*found, std::move(grant));
    co_return co_await begin_lease(*found, std::move(grant));
}

Task<Result<void>> CommandPath::end_lease(Controlled* device, LeaseGrant grant) {
    const LeaseId present = device->control.lease();
    if (!present.empty() && present != grant.lease) {
        auto other = device->control.check(grant.lease);
        co_return other;
    }
    // A repeated end, or one after the dead-man, has nothing left to do unless something stands open.
    if (present.empty() && device->device.is_safe()) co_return Result<void>{};
    AuditEntry record = entry("lease", *device, grant.asker);
    record.lease = grant.lease;
    record.reason = "lease ended";
    device->control.end();
    reschedule();
    auto safe = co_await make_safe(device, std::move(record));
    if (!safe) co_return safe.error().within("the lease is ended, but the device isn't safe yet");
    co_return Result<void>{};
}

Task<Result<void>> CommandPath::begin_lease(Controlled* device, LeaseGrant grant) {
    const LeaseId present = device->control.lease();
    if (present == grant.lease) {
        device->control.grant(grant.lease, grant.holder, grant.ttl);
        reschedule();
        co_return Result<void>{};
    }
    if (grant.renew_only) {
        Error unknown{ErrorCode::not_found, "lease " + grant.lease.value + " is not known here",
                      "it ended, ran out, or the board or the agent started anew; actuators were made safe"};
        co_return unknown;
    }
    if (!device->device.is_connected()) {
        Error away{ErrorCode::unavailable, device->device.id() + " can't be reached", device->device.problem()};
        co_return away;
    }
    AuditEntry record = entry("lease", *device, grant.asker);
    record.lease = grant.lease;
    record.reason = "lease begins for " + grant.holder;
    if (!present.empty()) record.reason += ", taking over from " + device->control.holder();
    device->control.end();
    reschedule();
    auto safe = co_await make_safe(device, std::move(record));
    if (!safe) co_return safe.error().within("a lease begins with the device safe");
    device->control.grant(grant.lease, grant.holder, grant.ttl);
    reschedule();
    co_return Result<void>{};
}

Task<void> CommandPath::device_found(sampling::Device& device) {
    const auto known = devices_.find(device.id());
    if (known == devices_.end()) co_return;
    Controlled* const found = known->second.get();
    AuditEntry record = entry("board", *found, agent_itself());
    record.reason = "found; made safe";
    if (found->control.is_controlled()) record.reason += "; control ended that was: " + found->control.describe();
    found->control.end();
    reschedule();
    auto turn = co_await found->turn.take();
    if (!turn) co_return;
    auto safe = co_await device.driver().safe();
    found->safe_pending = !safe.has_value();
    // A host that is away now gets it too, later: a birth is said once.
    if (safe)
        record.applied = device.accept_found(std::move(*safe));
    else
        record.failure = safe.error();
    audit_.record(std::move(record));
    reschedule();
}

Task<void> CommandPath::enforce() {
    for (auto& [id, device] : devices_) {
        AuditEntry record = entry("dead-man", *device, agent_itself());
        const auto ending = device->control.take_expired();
        if (!ending && !(device->safe_pending && device->device.is_connected())) continue;
        record.reason = ending ? ending->reason : "made safe later than asked";
        if (ending) record.lease = ending->lease;
        co_await make_safe(device.get(), std::move(record));
    }
}

Steady::time_point CommandPath::next_deadline() const {
    auto earliest = Steady::time_point::max();
    for (const auto& [id, device] : devices_) {
        if (const auto deadline = device->control.next_deadline()) earliest = std::min(earliest, *deadline);
        if (device->safe_pending && device->device.is_connected())
            earliest = std::min(earliest, clock_.steady_now() + kSafeRetry);
    }
    return earliest;
}

Task<void> CommandPath::watch() {
    while (true) {
        deadline_.expires_at(next_deadline());
        co_await deadline_.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        co_await enforce();
    }
}

Task<void> CommandPath::stop() {
    stopping_ = true;
    for (auto& [id, device] : devices_) {
        device->control.end();
        if (!device->device.is_connected()) continue;
        AuditEntry record = entry("dead-man", *device, agent_itself());
        record.reason = "the agent stops";
        co_await make_safe(device.get(), std::move(record));
    }
    co_await commands_.stop();
}

}  // namespace labhub::agent::safety
