#include "agent/agent.hpp"

#include <spdlog/spdlog.h>

#include "agent/footprint/working_set.hpp"
#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "shared/base/files.hpp"

namespace labhub::agent {
namespace {

safety::CommandPath::Limits limits_of(const config::SafetyConfig& safety) {
    safety::CommandPath::Limits limits;
    limits.manual_hold = safety.manual_hold;
    return limits;
}

std::unique_ptr<firmware_bridge::Driver> make_driver(asio::any_io_executor executor,
                                                     const config::DeviceConfig& device) {
    firmware_bridge::BoardOptions options;
    options.port = device.port.string();
    options.baud = device.baud;
    options.dead_man = device.dead_man;
    return firmware_bridge::BoardDriver::make(std::move(executor), std::move(options));
}

}  // namespace

Agent::Agent(asio::any_io_executor executor, config::AgentConfig config, state::StateDatabase state)
    : executor_(executor),
      config_(std::move(config)),
      boot_id_(new_id()),
      state_(std::move(state)),
      audit_(state_.writer(), clock_),
      path_(executor, clock_, audit_, limits_of(config_.safety)),
      spool_(executor, config_.node.data_dir / "spool.sqlite", {config_.spool.max_bytes, config_.spool.max_age},
             clock_),
      sampling_(executor),
      work_(executor) {}

Result<std::unique_ptr<Agent>> Agent::make(asio::any_io_executor executor, config::AgentConfig config) {
    LABHUB_CHECK(make_folder(config.node.data_dir, 0700));
    const SystemClock clock;
    LABHUB_TRY(state::StateDatabase state, state::StateDatabase::open(config.node.data_dir, clock));
    std::unique_ptr<Agent> agent(new Agent(std::move(executor), std::move(config), std::move(state)));
    LABHUB_CHECK(agent->make_devices());
    LABHUB_CHECK(agent->make_ssh());
    agent->make_edge_node();
    return agent;
}

Result<void> Agent::make_devices() {
    for (const config::DeviceConfig& wanted : config_.devices) {
        auto device = std::make_unique<sampling::Device>(wanted.id, make_driver(executor_, wanted), clock_);
        device->listen([this](const sampling::Device& from, std::vector<Reading> readings) {
            spool_.append(spool::Batch{from.id(), std::move(readings)});
        });
        device->listen_to_link(
            [this](sampling::Device& from, sampling::LinkChange change) { return link_changed(&from, change); });
        path_.add(*device);
        samplers_.push_back(
            std::make_unique<sampling::Sampler>(*device, sampling::Schedule(wanted.period, wanted.sampling), clock_));
        devices_.push_back(std::move(device));
    }
    return {};
}

ssh_server::NodeFace Agent::face() {
    return {config_.node.id,
            LABHUB_VERSION,
            boot_id_,
            clock_.steady_now(),
            clock_,
            path_,
            log_,
            [this] { return edge_node_->describe(); },
            [this] { return spool_text(); }};
}

Result<void> Agent::make_ssh() {
    std::vector<ssh_server::AuthorizedKey> keys;
    for (const config::AuthorizedKeyConfig& each : config_.ssh.authorized_keys) {
        LABHUB_TRY(ssh::PublicKey key, ssh::PublicKey::parse(each.key));
        keys.push_back({each.name, each.role, std::move(key)});
    }
    ssh_front_ = std::make_unique<ssh_server::SshFront>(face(), std::move(keys));
    ssh::ServerOptions options;
    LABHUB_TRY(options.endpoint, config::parse_endpoint(config_.ssh.listen));
    options.host_key_path = config_.ssh.host_key;
    options.limits.login_time = config_.ssh.login_time;
    options.limits.auth_attempts = config_.ssh.auth_attempts;
    options.limits.max_sessions = config_.ssh.max_sessions;
    options.limits.max_sessions_per_address = config_.ssh.max_sessions_per_address;
    options.version_banner = "labhub-agent";
    LABHUB_TRY(ssh_, ssh::Server::listen(executor_, std::move(options), ssh_front_->handlers()));
    return write_file(config_.node.data_dir / "ssh_port", std::to_string(ssh_->port()) + "\n");
}

void Agent::make_edge_node() {
    edge_node::Settings settings;
    settings.group = config_.node.group;
    settings.node = config_.node.id;
    settings.primary_host = config_.mqtt.primary_host;
    settings.info = {LABHUB_VERSION, boot_id_, ssh_->host_key().fingerprint(), ssh_->port()};
    settings.replay_rows_per_second = config_.spool.replay_rows_per_second;
    mqtt::ConnectOptions broker;
    broker.host = config_.mqtt.host;
    broker.port = config_.mqtt.port;
    broker.username = config_.mqtt.username;
    broker.password = config_.mqtt.password;
    broker.keepalive = std::chrono::duration_cast<std::chrono::seconds>(config_.mqtt.keepalive);
    edge_node_ = std::make_unique<edge_node::EdgeNode>(executor_, std::move(settings), std::move(broker), clock_,
                                                       spool_, path_, state_);
    spool_.give_to([this](const spool::Batch& batch, spool::Position position) { edge_node_->live(batch, position); });
}

void Agent::start() {
    for (const auto& device : devices_) work_.spawn("open " + device->id(), open_device(device.get()));
    for (const auto& sampler : samplers_) sampling_.spawn("sampling", sampler->run());
    work_.spawn("dead-man", path_.watch());
    work_.spawn("spool", spool_.run());
    work_.spawn("edge node", edge_node_->run());
    work_.spawn("footprint", footprint::keep_small());
    spdlog::info("node {} is ready; ssh port {}", config_.node.id, ssh_->port());
}

Task<void> Agent::open_device(sampling::Device* device) {
    const auto opened = co_await device->driver().open();
    if (opened) co_return;
    spdlog::warn("{}: {}; it is looked for on", device->id(), opened.error().to_string());
    device->set_problem(opened.error().to_string());
}

/// What was sampled before comes first for everybody: hence after_pending.
Task<void> Agent::link_changed(sampling::Device* device, sampling::LinkChange change) {
    if (change == sampling::LinkChange::lost) {
        spdlog::warn("{}: the device is lost", device->id());
        spool_.after_pending([this, device] { edge_node_->device_lost(*device); });
        co_return;
    }
    spdlog::info("{}: the device is found", device->id());
    co_await path_.device_found(*device);
    auto readings = co_await device->driver().read();
    if (readings) device->prime(std::move(*readings));
    spool_.after_pending([this, device] { edge_node_->device_found(*device); });
}

std::string Agent::spool_text() const {
    const spool::Spool::State& state = spool_.state();
    const std::string text =
        std::to_string(state.depth) + " rows not acknowledged, " + std::to_string(state.dropped) + " dropped";
    return state.problem.empty() ? text : text + "; NOT STORING: " + state.problem;
}

Task<void> Agent::stop() {
    spdlog::info("stopping: actuators go safe");
    co_await sampling_.stop();
    co_await path_.stop();
    co_await ssh_->stop();
    co_await spool_.flush();
    co_await edge_node_->stop();
    for (const auto& device : devices_) co_await device->driver().close();
    co_await work_.stop();
    spdlog::info("stopped");
}

}  // namespace labhub::agent
