#include "agent/ssh_server/exec_commands.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/ssh_server/text_table.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::agent::ssh_server {
namespace {

namespace json = boost::json;
constexpr std::chrono::milliseconds kCommandGoodFor{10'000};

ssh::ExecResult answer(std::string out) { return {0, std::move(out), {}}; }

ssh::ExecResult failure(const Error& error, int status = 1) {
    std::string text = "error: " + error.message + "\n";
    if (!error.detail.empty()) text += "       " + error.detail + "\n";
    return {status, {}, std::move(text)};
}

std::string rounded(const Value& value) {
    const auto* const number = std::get_if<double>(&value);
    if (!number) return std::holds_alternative<std::monostate>(value) ? "-" : to_string(value);
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.6g", *number);
    return text.data();
}

std::string unit_of(const sampling::Device& device, const std::string& metric) {
    for (const MetricInfo& info : device.metrics())
        if (info.name == metric) return info.unit;
    return {};
}

std::string with_unit(const Value& value, const std::string& unit) {
    return rounded(value) + (unit.empty() ? "" : " " + unit);
}

/// "metric = value unit", one a line, equals signs below each other.
std::string acknowledged(const sampling::Device& device, const std::vector<Reading>& readings) {
    TextTable table({Align::left, Align::left, Align::left});
    for (const Reading& reading : readings)
        table.row({reading.metric, "=", with_unit(reading.value, unit_of(device, reading.metric))});
    return table.to_string();
}

json::value sensors_json(const sampling::Device& device) {
    json::object readings;
    const auto latest = device.latest();
    for (std::size_t i = 0; i < latest.size(); ++i)
        readings[latest[i].metric] = json::object{{"kind", to_string(device.metrics()[i].kind)},
                                                  {"value", value_to_json(latest[i].value)},
                                                  {"unit", device.metrics()[i].unit},
                                                  {"time", to_rfc3339(latest[i].time)},
                                                  {"quality", to_string(latest[i].quality)}};
    return json::object{
        {"device", device.id()}, {"connected", device.is_connected()}, {"readings", std::move(readings)}};
}

}  // namespace

Task<ssh::ExecResult> ExecCommands::run(ssh::Principal who, std::string line) {
    auto command = parse_exec(line);
    spdlog::info("ssh {} ({}, {}): {}{}", who.name, who.role, who.fingerprint, printable(line),
                 command ? "" : " (not understood)");
    if (!command) co_return failure(command.error(), 2);
    const safety::Asker asker{safety::Origin::ssh, "user:" + who.name,
                              safety::role_from_name(who.role).value_or(safety::Role::viewer)};
    co_return co_await carry_out(asker, std::move(*command));
}

Task<ssh::ExecResult> ExecCommands::carry_out(safety::Asker asker, ExecCommand command) {
    if (std::holds_alternative<HelpCommand>(command.what)) co_return answer(std::string(usage()));
    if (std::holds_alternative<VersionCommand>(command.what)) co_return answer("labhub-agent " + face_.version + "\n");
    if (std::holds_alternative<StatusCommand>(command.what)) co_return status();
    if (const auto* wish = std::get_if<LogsCommand>(&command.what)) co_return logs(wish->lines);
    if (const auto* wish = std::get_if<AckCommand>(&command.what))
        co_return acknowledge(asker, command.device, wish->metric);
    const auto device = face_.path.find(command.device);
    if (!device) co_return failure(device.error(), command.device.empty() ? 2 : 1);
    if (const auto* wish = std::get_if<SensorsCommand>(&command.what)) co_return sensors(**device, wish->json);
    if (const auto* wish = std::get_if<GetCommand>(&command.what)) co_return get(**device, wish->metric);
    if (auto* wish = std::get_if<SetCommand>(&command.what)) co_return co_await set(asker, *device, std::move(*wish));
    co_return co_await hold(asker, *device);
}

Task<ssh::ExecResult> ExecCommands::set(safety::Asker asker, sampling::Device* device, SetCommand wish) {
    safety::Command command;
    command.id = CommandId{new_id()};
    command.asker = std::move(asker);
    command.device = device->id();
    command.lease = LeaseId{wish.lease};
    command.deadline = face_.clock.utc_now() + kCommandGoodFor;
    for (const auto& [metric, text] : wish.values) {
        // Unknown names are refused by the command path, which also keeps the refusal in the audit trail.
        const auto info = find_metric(device->metrics(), metric);
        auto value = info ? parse_value(**info, text) : Result<Value>(Value{text});
        if (!value) co_return failure(value.error());
        command.setpoints.push_back(Setpoint{metric, std::move(*value)});
    }
    const auto applied = co_await face_.path.apply(std::move(command));
    if (!applied) co_return failure(applied.error());
    co_return answer(acknowledged(*device, applied->readings));
}

Task<ssh::ExecResult> ExecCommands::hold(safety::Asker asker, sampling::Device* device) {
    safety::Hold hold;
    hold.asker = std::move(asker);
    hold.device = device->id();
    hold.reason = "asked for over ssh";
    const auto held = co_await face_.path.hold(std::move(hold));
    if (!held) co_return failure(held.error());
    co_return answer(device->id() + " is safe\n" + acknowledged(*device, *held));
}

ssh::ExecResult ExecCommands::acknowledge(const safety::Asker& asker, const std::string& device,
                                          const std::string& metric) const {
    const auto done = face_.alarms.acknowledge(device, metric, asker, "");
    if (!done) return failure(done.error());
    return answer(done->empty() ? "nothing to acknowledge\n" : "acknowledged: " + *done + "\n");
}

ssh::ExecResult ExecCommands::status() const {
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(face_.clock.steady_now() - face_.started);
    TextTable node({Align::left, Align::left});
    node.row({"node", face_.node});
    node.row({"agent", face_.version + ", up " + format_duration(up) + ", boot " + face_.boot_id});
    node.row({"broker", face_.broker()});
    node.row({"spool", face_.spool()});
    node.row({"clock", face_.clock_state()});
    TextTable table({Align::left, Align::left, Align::left, Align::left});
    table.row({"DEVICE", "LINK", "ACTUATORS", "IN CONTROL"});
    for (const sampling::Device* device : face_.path.devices()) {
        const auto identity = device->driver().identify();
        const std::string link = device->is_connected()
                                     ? (identity ? identity->model + " " + identity->serial : "connected")
                                     : "lost: " + device->problem();
        const std::string safe = device->is_safe() ? "safe" : device->is_connected() ? "active" : "not known";
        table.row({device->id(), link, safe, face_.path.control(device->id()).describe()});
    }
    const std::string alarms = face_.alarms.describe();
    return answer(node.to_string() + "\n" + table.to_string() + (alarms.empty() ? "" : "\nALARMS\n" + alarms));
}

ssh::ExecResult ExecCommands::sensors(const sampling::Device& device, bool as_json) const {
    if (as_json) return answer(to_pretty_json(sensors_json(device)));
    TextTable table({Align::left, Align::right, Align::left, Align::left, Align::left});
    table.row({"SENSOR", "VALUE", "UNIT", "QUALITY", "TIME"});
    const auto latest = device.latest();
    for (const MetricKind kind : {MetricKind::sensor, MetricKind::actuator}) {
        if (kind == MetricKind::actuator) table.row({}), table.row({"ACTUATOR"});
        for (std::size_t i = 0; i < latest.size(); ++i)
            if (device.metrics()[i].kind == kind)
                table.row({latest[i].metric, rounded(latest[i].value), device.metrics()[i].unit,
                           std::string(to_string(latest[i].quality)), to_rfc3339(latest[i].time)});
    }
    if (device.metrics().empty())
        return failure(Error{ErrorCode::unavailable, device.id() + " was not found yet", device.problem()});
    return answer(table.to_string());
}

ssh::ExecResult ExecCommands::get(const sampling::Device& device, const std::string& metric) const {
    const auto reading = device.latest(metric);
    if (!reading) return failure(reading.error());
    if (std::holds_alternative<std::monostate>(reading->value))
        return failure(
            Error{ErrorCode::unavailable, metric + " has no value now",
                  "quality " + std::string(to_string(reading->quality)) + ", since " + to_rfc3339(reading->time)});
    return answer(with_unit(reading->value, unit_of(device, metric)) + "\n");
}

ssh::ExecResult ExecCommands::logs(std::size_t lines) const {
    std::string text;
    for (const std::string& line : face_.log.last(lines)) text += line + "\n";
    return answer(std::move(text));
}

}  // namespace labhub::agent::ssh_server
