#include "agent/edge_node/session.hpp"

#include <spdlog/spdlog.h>

#include "agent/edge_node/commands.hpp"
#include "shared/sparkplug/codec.hpp"

namespace labhub::agent::edge_node {
namespace {

using sparkplug::MessageType;

/// Rebirth requests come in swarms when a host loses the thread; one answer serves them all.
constexpr std::chrono::milliseconds kRebirthSpacing{1'000};
constexpr std::chrono::milliseconds kReportPeriod{10'000};
constexpr std::size_t kMaxTasks = 48;

}  // namespace

Session::Session(Surroundings around, std::unique_ptr<mqtt::Connection> connection, std::uint8_t bd_seq)
    : around_(around),
      connection_(std::move(connection)),
      bd_seq_(bd_seq),
      replay_wake_(around.executor, Steady::time_point::max()),
      tasks_(around.executor) {}

const sampling::Device* Session::known(const std::string& device) const {
    for (const sampling::Device* each : around_.path.devices())
        if (each->id() == device) return each;
    return nullptr;
}

Result<void> Session::send(MessageType type, const std::string& device, sparkplug::Payload payload) {
    payload.timestamp = around_.clock.utc_now();
    payload.seq = seq_.current();
    LABHUB_TRY(std::string bytes, sparkplug::encode(type, payload));
    LABHUB_TRY(std::string topic,
               sparkplug::format_topic({around_.settings.group, type, around_.settings.node, device}));
    LABHUB_CHECK(connection_->publish(std::move(topic), std::move(bytes)));
    seq_.advance();
    return {};
}

Task<Result<void>> Session::begin() {
    const auto& settings = around_.settings;
    std::vector<mqtt::Subscription> wanted;
    const auto node_commands = sparkplug::format_topic({settings.group, MessageType::ncmd, settings.node, ""});
    const auto state = sparkplug::state_topic(settings.primary_host);
    if (!node_commands) co_return node_commands.error();
    if (!state) co_return state.error();
    wanted.push_back({*node_commands, 1});
    for (const sampling::Device* device : around_.path.devices()) {
        auto commands = sparkplug::format_topic({settings.group, MessageType::dcmd, settings.node, device->id()});
        if (!commands) co_return commands.error();
        wanted.push_back({std::move(*commands), 1});
    }
    wanted.push_back({*state, 1});
    auto subscribed = co_await connection_->subscribe(std::move(wanted));
    if (!subscribed) co_return subscribed;
    co_return births();
}

Result<void> Session::births() {
    last_births_ = around_.clock.steady_now();
    alive_.clear();
    catching_up_.clear();
    seq_.reset();
    restart_run();
    LABHUB_CHECK(send(MessageType::nbirth, "",
                      node_birth(bd_seq_, around_.settings.info, around_.spool.state(), around_.last_command)));
    reported_ = node_metrics(around_.spool.state(), around_.last_command);
    for (const sampling::Device* device : around_.path.devices()) {
        if (!device->is_connected() || device->metrics().empty()) continue;
        LABHUB_CHECK(send(MessageType::dbirth, device->id(), device_birth(*device)));
        alive_.insert(device->id());
    }
    return {};
}

void Session::ask_rebirth() {
    if (rebirth_due_) return;
    if (around_.clock.steady_now() - last_births_ < kRebirthSpacing) {
        rebirth_due_ = true;
        tasks_.spawn("rebirth", rebirth_later());
        return;
    }
    spdlog::info("rebirth asked for by a host");
    if (auto born = births(); !born) spdlog::warn("rebirth: {}", born.error().to_string());
}

Task<void> Session::rebirth_later() {
    co_await sleep_for(kRebirthSpacing);
    rebirth_due_ = false;
    ask_rebirth();
}

Task<Error> Session::run() {
    tasks_.spawn("replay", replay());
    tasks_.spawn("report", report());
    while (true) {
        auto message = co_await connection_->receive();
        if (!message) {
            const Error ended = message.error();
            co_await tasks_.stop();
            co_return ended;
        }
        handle(*message);
    }
}

Task<void> Session::leave() {
    const auto topic =
        sparkplug::format_topic({around_.settings.group, MessageType::ndeath, around_.settings.node, ""});
    const auto death = sparkplug::encode(MessageType::ndeath, sparkplug::node_death(bd_seq_, around_.clock.utc_now()));
    if (topic && death && connection_->is_open()) {
        auto publishing = connection_->publish_acknowledged(*topic, *death);
        const auto published = co_await within(std::chrono::seconds{2}, "publish NDEATH", std::move(publishing));
        if (!published) spdlog::warn("NDEATH: {}", published.error().to_string());
    }
    co_await connection_->disconnect();
}

void Session::handle(const mqtt::Message& message) {
    if (const auto state = sparkplug::state_topic(around_.settings.primary_host); state && message.topic == *state)
        return handle_host_state(message.payload);
    const auto topic = sparkplug::parse_topic(message.topic);
    if (!topic) return;
    if (message.retained) {
        // A stored command would be carried out at every reconnect, whenever it was meant for.
        spdlog::warn("a retained command on {} was refused", message.topic);
        return;
    }
    if (topic->type == MessageType::ncmd) return handle_node_command(message.payload);
    if (topic->type != MessageType::dcmd) return;
    if (tasks_.size() >= kMaxTasks) {
        spdlog::warn("a command for {} was refused: too many are under way", topic->device);
        return;
    }
    tasks_.spawn("device command", handle_device_command(topic->device, message.payload));
}

void Session::handle_host_state(const std::string& payload) {
    const auto change = around_.host.update(payload);
    if (!change) {
        spdlog::warn("{}", change.error().to_string());
        return;
    }
    if (*change == HostState::Change::none) return;
    const bool online = *change == HostState::Change::came_online;
    spdlog::info("host {} is {}", around_.settings.primary_host, online ? "online" : "offline");
    if (online) restart_run();
}

void Session::handle_node_command(const std::string& payload) {
    const auto command = parse_node_command(payload);
    if (!command) {
        spdlog::warn("a node command isn't understood: {}", command.error().to_string());
        return;
    }
    if (command->rebirth) ask_rebirth();
    if (command->acknowledge) around_.spool.acknowledge(*command->acknowledge, withheld());
}

Task<void> Session::handle_device_command(std::string device, std::string payload) {
    auto command = parse_device_command(device, payload, around_.clock.utc_now());
    LastCommand& last = around_.last_command;
    if (!command) {
        spdlog::warn("a command for {} isn't understood: {}", device, command.error().to_string());
        last = {"", std::string(code_name(command.error().code)), command.error().to_string()};
    } else {
        const std::string id = command->id.value;
        const auto applied = co_await around_.path.apply(std::move(*command));
        last.id = id;
        last.state = applied ? "done" : std::string(code_name(applied.error().code));
        last.reason = applied ? "" : applied.error().to_string();
    }
    report_changes();
}

void Session::live(const spool::Batch& batch, Position position) {
    const sampling::Device* const device = known(batch.device);
    bool sent = false;
    if (device && alive_.contains(batch.device)) {
        const Position said = sent_.is_caught_up() ? position : 0;
        sparkplug::Payload data = device_data(*device, batch, said, false);
        sent = data.metrics.empty() || send(MessageType::ddata, batch.device, std::move(data)).has_value();
    }
    if (position == 0) return;
    if (sent) return sent_.sent_live(position);
    sent_.missed_live(position);
    replay_wake_.cancel();
}

void Session::device_found(const sampling::Device& device) {
    if (auto born = send(MessageType::dbirth, device.id(), device_birth(device)); !born) {
        spdlog::warn("birth of {}: {}", device.id(), born.error().to_string());
        return;
    }
    if (!alive_.insert(device.id()).second) return;
    catching_up_.insert(device.id());
    restart_run();
}

void Session::device_lost(const sampling::Device& device) {
    if (alive_.erase(device.id()) == 0) return;
    if (auto died = send(MessageType::ddeath, device.id(), {}); !died)
        spdlog::warn("death of {}: {}", device.id(), died.error().to_string());
}

void Session::report_changes() {
    auto now = node_metrics(around_.spool.state(), around_.last_command);
    sparkplug::Payload changes;
    for (std::size_t i = 0; i < now.size(); ++i)
        if (i >= reported_.size() || now[i].value != reported_[i].value) changes.metrics.push_back(now[i]);
    if (changes.metrics.empty()) return;
    if (send(MessageType::ndata, "", std::move(changes))) reported_ = std::move(now);
}

Task<void> Session::report() {
    while (true) {
        co_await sleep_for(kReportPeriod);
        report_changes();
    }
}

}  // namespace labhub::agent::edge_node
