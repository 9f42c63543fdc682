#include "agent/edge_node/session.hpp"

#include <spdlog/spdlog.h>

#include "agent/edge_node/commands.hpp"
#include "shared/sparkplug/codec.hpp"

namespace labhub::agent::edge_node {
namespace {

using sparkplug::MessageType;

/// Rebirth requests come in swarms when a host loses the thread; one answer serves them all.
constexpr std::chrono::milliseconds kRebirthSpacing{1'000};
constexpr std::size_t kMaxTasks = 48;

}  // namespace

Session::Session(Surroundings around, std::unique_ptr<mqtt::Connection> connection, std::uint8_t bd_seq)
    : around_(around),
      connection_(std::move(connection)),
      bd_seq_(bd_seq),
      pace_(around.settings.replay),
      replay_wake_(around.executor, Steady::time_point::max()),
      tasks_(around.executor) {}

Result<std::size_t> Session::send(MessageType type, const std::string& device, sparkplug::Payload payload) {
    if (is_leaving_) return Error{ErrorCode::unavailable, "the session is being left"};
    payload.timestamp = around_.clock.utc_now();
    payload.seq = seq_.current();
    LABHUB_TRY(std::string bytes, sparkplug::encode(type, payload));
    LABHUB_TRY(std::string topic,
               sparkplug::format_topic({around_.settings.group, type, around_.settings.node, device}));
    const std::size_t size = bytes.size();
    LABHUB_CHECK(connection_->publish(std::move(topic), std::move(bytes)));
    seq_.advance();
    return size;
}

Result<std::size_t> Session::send_data(const std::string& device, sparkplug::Payload data) {
    return send(device.empty() ? MessageType::ndata : MessageType::ddata, device, std::move(data));
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

std::vector<ExtraMetric> Session::extras(const std::string& device) const {
    return around_.settings.extras ? around_.settings.extras(device) : std::vector<ExtraMetric>{};
}

std::vector<sparkplug::Metric> Session::present_metrics() const {
    sampling::ClockState clock;
    clock.is_watched = false;
    if (around_.settings.clock) clock = around_.settings.clock();
    return node_metrics(around_.spool.state(), clock, around_.last_command);
}

Result<void> Session::give_birth(const sampling::Device& device) {
    sparkplug::Payload birth = device_birth(device, extras(device.id()));
    BornMetrics born(birth);
    LABHUB_CHECK(send(MessageType::dbirth, device.id(), std::move(birth)));
    alive_.insert_or_assign(device.id(), std::move(born));
    return {};
}

SpoolStand Session::spool_stand() const {
    const auto& spool = around_.spool.state();
    return {spool.acknowledged, around_.settings.info.boot_id + "/" + std::to_string(spool.replaced) + "/" +
                                    std::to_string(around_.delivery.begun_anew())};
}

Result<void> Session::births() {
    last_births_ = around_.clock.steady_now();
    alive_.clear();
    seq_.reset();
    restart_run();
    reported_ = present_metrics();
    sparkplug::Payload birth = node_birth(bd_seq_, around_.settings.info, spool_stand(), reported_, extras(""));
    BornMetrics born(birth);
    LABHUB_CHECK(send(MessageType::nbirth, "", std::move(birth)));
    alive_.emplace("", std::move(born));
    for (const sampling::Device* device : around_.path.devices())
        if (device->is_connected() && !device->metrics().empty()) LABHUB_CHECK(give_birth(*device));
    return {};
}

void Session::ask_rebirth() {
    if (rebirth_due_) return;
    if (around_.clock.steady_now() - last_births_ < kRebirthSpacing) {
        rebirth_due_ = true;
        tasks_.spawn("rebirth", rebirth_later());
        return;
    }
    spdlog::info("rebirth asked for");
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
    is_leaving_ = true;
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
    if (!online) return around_.delivery.lost(around_.clock.steady_now());
    restart_run();
}

void Session::handle_node_command(const std::string& payload) {
    const auto command = parse_node_command(payload);
    if (!command) {
        spdlog::warn("a node command isn't understood: {}", command.error().to_string());
        return;
    }
    if (command->rebirth) ask_rebirth();
    if (command->acknowledge) handle_acknowledgement(*command->acknowledge);
}

void Session::handle_acknowledgement(spool::Position position) {
    const auto now = around_.clock.steady_now();
    auto acknowledged = around_.delivery.acknowledge(position, now);
    pace_.acknowledged(position, now);
    if (acknowledged.forget)
        around_.spool.acknowledge(acknowledged.forget->upto, std::move(acknowledged.forget->withheld));
    if (!acknowledged.replay_all) return;
    spdlog::info("the host acknowledges readings: it is sent everything that is stored");
    restart_run();
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

void Session::live(const spool::Batch& batch, spool::Position position) {
    const auto born = alive_.find(batch.device);
    // A host that is known to be away can't have received it.
    const bool counts = position > 0 && sent_.is_caught_up() && !around_.host.is_offline();
    bool is_sent = false;
    if (born != alive_.end()) {
        sparkplug::Payload data;
        add_readings(data, born->second, batch, false);
        mark(data, counts ? position : 0, batch.clock_unsure);
        is_sent = data.metrics.empty() || send_data(batch.device, std::move(data)).has_value();
    }
    if (position == 0) return;
    if (!is_sent) {
        sent_.missed_live(position);
        replay_wake_.cancel();
        return;
    }
    sent_.sent_live(position);
    if (!counts) return;
    said(position);
    sent_all();
}

void Session::device_found(const sampling::Device& device) {
    const bool is_new = !alive_.contains(device.id());
    if (auto born = give_birth(device); !born) {
        spdlog::warn("birth of {}: {}", device.id(), born.error().to_string());
        return;
    }
    // Its stored rows were passed over.
    if (is_new) restart_run();
}

void Session::device_lost(const sampling::Device& device) {
    if (alive_.erase(device.id()) == 0) return;
    if (auto died = send(MessageType::ddeath, device.id(), {}); !died)
        spdlog::warn("death of {}: {}", device.id(), died.error().to_string());
}

void Session::report_changes() {
    auto now = present_metrics();
    sparkplug::Payload changes;
    for (std::size_t i = 0; i < now.size(); ++i)
        if (i >= reported_.size() || now[i].value != reported_[i].value) changes.metrics.push_back(now[i]);
    if (changes.metrics.empty()) return;
    if (send_data("", std::move(changes))) reported_ = std::move(now);
}

Task<void> Session::report() {
    while (true) {
        co_await sleep_for(around_.settings.report_period);
        report_changes();
        retry_if_silent();
    }
}

}  // namespace labhub::agent::edge_node
