#include "agent/safety/command_path.hpp"

#include <spdlog/spdlog.h>

namespace labhub::agent::safety {

Asker agent_itself() { return Asker{Origin::agent, "agent", Role::coordinator}; }

namespace {

/// The audit trail's JSON doesn't tell 40 from 40.0; the device does.
void restore_types(std::vector<Reading>& readings, const std::vector<MetricInfo>& metrics) {
    for (Reading& reading : readings) {
        const auto info = find_metric(metrics, reading.metric);
        const auto* const whole = std::get_if<std::int64_t>(&reading.value);
        if (info && whole && (*info)->type == ValueType::number) reading.value = static_cast<double>(*whole);
    }
}

}  // namespace

CommandPath::CommandPath(asio::any_io_executor executor, const Clock& clock, AuditLog& audit, Limits limits)
    : executor_(executor), clock_(clock), audit_(audit), limits_(limits), deadline_(executor), commands_(executor) {}

void CommandPath::add(sampling::Device& device) {
    devices_.emplace(device.id(), std::make_unique<Controlled>(device, executor_, clock_, limits_));
}

std::vector<sampling::Device*> CommandPath::devices() const {
    std::vector<sampling::Device*> all;
    for (const auto& [id, controlled] : devices_) all.push_back(&controlled->device);
    return all;
}

Result<CommandPath::Controlled*> CommandPath::controlled(const std::string& id) const {
    if (id.empty() && devices_.size() == 1) return devices_.begin()->second.get();
    const auto found = devices_.find(id);
    if (found != devices_.end()) return found->second.get();
    std::string choices;
    for (const auto& [name, device] : devices_) choices += (choices.empty() ? "" : ", ") + name;
    if (id.empty()) return Error{ErrorCode::malformed, "which device is meant isn't clear", "name one of: " + choices};
    return Error{ErrorCode::not_found, "no device named '" + id + "' on this node", "there are: " + choices};
}

Result<sampling::Device*> CommandPath::find(const std::string& id) const {
    LABHUB_TRY(Controlled* const found, controlled(id));
    return &found->device;
}

AuditEntry CommandPath::entry(std::string event, const Controlled& device, Asker asker) const {
    AuditEntry entry;
    entry.event = std::move(event);
    entry.device = device.device.id();
    entry.asker = std::move(asker);
    entry.lease = device.control.lease();
    return entry;
}

Result<void> CommandPath::room_for_more() const {
    if (stopping_) return Error{ErrorCode::unavailable, "the agent is stopping"};
    if (commands_.size() < limits_.commands_under_way) return {};
    return Error{ErrorCode::too_many, "too many commands are under way",
                 "at most " + std::to_string(limits_.commands_under_way)};
}

Task<CommandPath::Outcome> CommandPath::apply(Command command) {
    if (auto room = room_for_more(); !room) co_return room.error();
    auto work = do_apply(std::move(command));
    co_return co_await carried<Applied>(&commands_, "command", std::move(work));
}

Task<CommandPath::Outcome> CommandPath::do_apply(Command command) {
    AuditEntry entry;
    entry.event = "command";
    entry.device = command.device;
    entry.asker = command.asker;
    entry.command = command.id;
    entry.lease = command.lease;
    entry.asked = setpoints_to_json(command.setpoints);
    auto outcome = co_await decide(std::move(command));
    if (outcome)
        entry.applied = outcome->readings;
    else
        entry.failure = outcome.error();
    if (outcome && outcome->repeated) entry.reason = "repeated; not executed again";
    audit_.record(std::move(entry));
    co_return outcome;
}

Task<CommandPath::Outcome> CommandPath::decide(Command command) {
    if (command.asker.role == Role::viewer) {
        Error refused{ErrorCode::forbidden, command.asker.principal + " may not change actuators",
                      "it takes the role operator"};
        co_return refused;
    }
    auto found = controlled(command.device);
    // Before the turn is taken, as what follows from a change of the link takes the turn itself.
    if (found) co_await (*found)->device.look();
    std::optional<Turn::Held> turn;
    if (found) {
        auto taken = co_await (*found)->turn.take();
        if (!taken) co_return taken.error();
        turn.emplace(std::move(*taken));
    }
    const CommandId id = command.id;
    auto known = co_await audit_.begin(id);
    if (known) {
        if (!*known) co_return known->error();
        Applied before;
        before.readings = std::move(**known);
        before.repeated = true;
        if (found) restore_types(before.readings, (*found)->device.metrics());
        co_return before;
    }
    Result<void> fit;
    if (command.deadline && clock_.utc_now() > *command.deadline)
        fit = Error{ErrorCode::timed_out, "the command came after its deadline " + to_rfc3339(*command.deadline),
                    "here it is " + to_rfc3339(clock_.utc_now())};
    else if (!found)
        fit = found.error();
    if (!fit) {
        audit_.forget(id);
        co_return fit.error();
    }
    co_return co_await execute(*found, std::move(command));
}

Result<std::vector<Setpoint>> CommandPath::check(Controlled* device, const Command& command) const {
    if (!device->device.is_connected() || device->device.has_changed())
        return Error{ErrorCode::unavailable, device->device.id() + " can't be reached", device->device.problem()};
    LABHUB_CHECK(device->control.check(command.lease));
    if (command.setpoints.empty())
        return Error{ErrorCode::malformed, "nothing to set", "name at least one METRIC=VALUE"};
    if (command.setpoints.size() > limits_.setpoints)
        return Error{ErrorCode::too_large, "too many settings in one command",
                     "at most " + std::to_string(limits_.setpoints)};
    std::vector<Setpoint> checked;
    for (const Setpoint& wish : command.setpoints) {
        LABHUB_TRY(const MetricInfo* const metric, find_metric(device->device.metrics(), wish.metric));
        LABHUB_TRY(Value value, check_setpoint(*metric, wish.value));
        if (interlock) LABHUB_CHECK(interlock(device->device.id(), *metric, value));
        checked.push_back(Setpoint{wish.metric, std::move(value)});
    }
    return checked;
}

Task<CommandPath::Outcome> CommandPath::execute(Controlled* device, Command command) {
    auto checked = check(device, command);
    if (!checked) {
        audit_.forget(command.id);
        co_return checked.error();
    }
    // Before the write, so that the dead-man also covers one that fails half-way.
    device->control.touch_manual();
    reschedule();
    auto written = co_await device->device.driver().write(std::move(*checked));
    if (written) *written = device->device.accept(std::move(*written));
    audit_.finish(command.id, written);
    if (!written) co_return written.error();
    Applied applied;
    applied.readings = std::move(*written);
    co_return applied;
}

}  // namespace labhub::agent::safety
