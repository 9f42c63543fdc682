#include "coordinator/domain/commands/commander.hpp"

#include "shared/base/text.hpp"

namespace labhub::coordinator::commands {
namespace {

store::CommandRecord begin_record(const Command& command, UtcMillis now) {
    store::CommandRecord record;
    record.id = command.id;
    record.device = command.device;
    record.principal = command.principal;
    record.job = command.job;
    record.asked_at = now;
    for (const auto& setpoint : command.setpoints) record.asked[setpoint.metric] = setpoint.value;
    return record;
}

void end_record(store::CommandRecord& record, UtcMillis now, const Result<std::vector<Reading>>& outcome) {
    record.answered_at = now;
    if (outcome) {
        record.outcome = "applied";
        for (const auto& reading : *outcome) record.applied[reading.metric] = reading.value;
    } else {
        record.outcome = code_name(outcome.error().code);
        record.message = outcome.error().to_string();
    }
}

/// "stirrer=140: "
std::string asked_text(const store::CommandRecord& record) {
    std::string text;
    for (const auto& [metric, value] : record.asked)
        text += (text.empty() ? "" : " ") + metric + "=" + printable(to_string(value), 60);
    return text.empty() ? "" : text + ": ";
}

}  // namespace

Task<Result<std::vector<Reading>>> Commander::apply(Command command) {
    if (command.id.empty()) command.id = CommandId{new_id()};
    const auto began = clock_.steady_now();
    auto record = begin_record(command, clock_.utc_now());
    const DeviceAddress device = command.device;
    auto outcome = co_await send(std::move(command));
    end_record(record, clock_.utc_now(), outcome);
    if (!outcome && on_refused && !record.job.empty()) on_refused(record.job, asked_text(record) + record.message);
    observe_(record.outcome, std::chrono::duration<double>(clock_.steady_now() - began).count());
    if (on_record) on_record(record);
    store_.append(std::move(record));
    if (outcome) fleet_.note_applied(device, *outcome);
    co_return outcome;
}

Task<Result<std::vector<Reading>>> Commander::send(Command command) {
    auto checked = check(command);
    if (!checked) co_return std::move(checked).error();
    auto lease = lease_for(command);
    if (!lease) co_return std::move(lease).error();
    auto link = fleet_.reach(command.device);
    if (!link) co_return std::move(link).error();
    link::ApplyCommand apply;
    apply.command_id = command.id;
    apply.device = command.device.device;
    apply.lease_id = *lease;
    apply.deadline = clock_.utc_now() + kDeadline;
    apply.principal = command.principal;
    apply.setpoints = std::move(command.setpoints);
    co_return co_await (*link)->apply(std::move(apply), kDeadline);
}

Result<void> Commander::check(Command& command) const {
    LABHUB_TRY(const fleet::Device* const device, fleet_.device(command.device));
    if (may_command && !command.job.empty()) LABHUB_CHECK(may_command(command.job));
    if (may_use && command.job.empty()) LABHUB_CHECK(may_use(command.device, command.principal));
    if (command.setpoints.empty())
        return Error{ErrorCode::malformed, "no values to set", "give at least one metric and its value"};
    // A device that hasn't been born since the coordinator started is known by its node's greeting only.
    if (device->metrics.empty())
        return Error{ErrorCode::unavailable,
                     "device " + command.device.to_string() + " has not announced its metrics yet"};
    for (auto& setpoint : command.setpoints) {
        LABHUB_TRY(const MetricInfo* const metric, find_metric(device->metrics, setpoint.metric));
        LABHUB_TRY(setpoint.value, check_setpoint(*metric, setpoint.value));
    }
    return {};
}

Result<LeaseId> Commander::lease_for(const Command& command) const {
    const leases::Lease* const lease = leases_.find(command.device);
    if (command.job.empty()) {
        LABHUB_CHECK(leases_.check_free(command.device));
        return LeaseId{};
    }
    if (!lease)
        return Error{ErrorCode::conflict, "the job holds no lease of " + command.device.to_string(),
                     "its lease has ended"};
    if (lease->holder != "job:" + command.job.value) {
        LABHUB_CHECK(leases_.check_free(command.device));
    }
    return lease->id;
}

Task<Result<std::vector<Reading>>> Commander::hold(DeviceAddress device, std::string principal, std::string reason) {
    auto link = fleet_.reach(device);
    if (!link) co_return std::move(link).error();
    store::CommandRecord record;
    record.id = CommandId{new_id()};
    record.device = device;
    record.principal = principal;
    record.asked_at = clock_.utc_now();
    auto outcome = co_await (*link)->hold(device.device, std::move(principal), reason);
    end_record(record, clock_.utc_now(), outcome);
    if (record.message.empty()) record.message = "hold: " + reason;
    if (on_record) on_record(record);
    store_.append(std::move(record));
    if (outcome) fleet_.note_applied(device, *outcome);
    co_return outcome;
}

}  // namespace labhub::coordinator::commands
