#include "agent/agent.hpp"

#include <spdlog/spdlog.h>

#include "agent/footprint/working_set.hpp"
#include "agent/spool/file_storage.hpp"
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

std::vector<alarms::Rule> alarm_rules(const std::vector<config::AlarmConfig>& configured) {
    std::vector<alarms::Rule> rules;
    for (const config::AlarmConfig& each : configured)
        rules.push_back({each.device, each.metric, each.limits, each.reaction == "safe", each.actuators});
    return rules;
}

std::unique_ptr<spool::Storage> make_storage(const config::AgentConfig& config) {
    spool::FileStorage::Options options;
    options.max_bytes = config.spool.max_bytes;
    options.survives_power_cut = config.spool.survives_power_cut;
    return std::make_unique<spool::FileStorage>(config.node.data_dir / "spool.sqlite", options);
}

spool::Options options_of(const config::SpoolConfig& spool) {
    spool::Options options;
    options.max_age = spool.max_age;
    options.max_event_age = spool.max_event_age;
    options.commit_interval = spool.commit_interval;
    return options;
}

std::function<bool()> clock_source(const config::NodeConfig& node) {
    if (node.trust_clock) return {};
    return sampling::is_system_clock_synchronised;
}

/// A broken connection is noticed after up to twice the keepalive; a host waits some seconds for messages out of order.
constexpr std::chrono::milliseconds kReorderTime{5'000};

/// The spool tells the times of the former run. A disk that hangs mustn't keep the node from its work.
constexpr std::chrono::milliseconds kSlowestOpening{5'000};

/// Few enough to pass through the spool beside what is measured now.
constexpr std::size_t kUndatedAtOnce = 64;
constexpr std::chrono::milliseconds kUndatedPause{1'000};

}  // namespace

Agent::Agent(asio::any_io_executor executor, config::AgentConfig config, state::StateDatabase state)
    : executor_(executor),
      config_(std::move(config)),
      boot_id_(new_id()),
      clock_watch_(clock_, clock_source(config_.node)),
      state_(std::move(state)),
      bd_seq_(state_, clock_),
      audit_(state_.writer(), clock_),
      path_(executor, clock_, audit_, limits_of(config_.safety)),
      alarms_(executor, alarm_rules(config_.alarms), path_, state_.writer(), clock_),
      spool_(executor, make_storage(config_), options_of(config_.spool), clock_),
      undated_(clock_),
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
            alarms_.take(from.id(), readings);
            keep(spool::Class::reading, from, std::move(readings));
        });
        device->listen_to_changes([this](const sampling::Device& from, std::vector<Reading> readings) {
            alarms_.take(from.id(), readings);
            keep(spool::Class::state_change, from, std::move(readings));
        });
        device->listen_to_link(
            [this](sampling::Device& from, sampling::LinkChange change) { return link_changed(&from, change); });
        device->listen_to_steps([this](const sampling::Device& from) { times_went_back(from); });
        path_.add(*device);
        samplers_.push_back(
            std::make_unique<sampling::Sampler>(*device, sampling::Schedule(wanted.period, wanted.sampling), clock_));
        devices_.push_back(std::move(device));
    }
    return {};
}

void Agent::keep(spool::Class of, const sampling::Device& from, std::vector<Reading> readings) {
    const bool unsure = clock_watch_.is_unsure(readings.front().time);
    keep(of, spool::Batch{from.id(), std::move(readings), unsure});
}

void Agent::keep(spool::Class of, spool::Batch batch) {
    if (!undated_.is_needed()) return spool_.append(of, std::move(batch));
    edge_node_->live(batch, 0);
    if (auto oldest = undated_.hold(of, std::move(batch))) spool_.append(oldest->of, std::move(oldest->batch));
}

bool Agent::keep_undated() {
    for (auto& held : undated_.release(kUndatedAtOnce)) spool_.append(held.of, std::move(held.batch));
    return !undated_.is_empty();
}

Task<void> Agent::watch_undated() {
    while (true) {
        co_await sleep_for(kUndatedPause);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        if (undated_.is_empty() || undated_.is_needed()) continue;
        if (!keep_undated()) spdlog::info("what was measured before the clock was set is dated and stored");
    }
}

/// To a host these values are older than what it has: a birth begins anew.
void Agent::times_went_back(const sampling::Device& device) {
    spdlog::warn("{}: the clock was set back: readings go on with its times", device.id());
    spool_.after_pending([this] { edge_node_->ask_rebirth(); });
}

void Agent::keep_alarm(const std::string& device, Reading state) {
    const bool unsure = clock_watch_.is_unsure(state.time);
    keep(spool::Class::alarm, spool::Batch{device, {std::move(state)}, unsure});
}

std::vector<edge_node::ExtraMetric> Agent::alarm_metrics(const std::string& device) const {
    std::vector<edge_node::ExtraMetric> extras;
    for (auto& [info, latest] : alarms_.metrics_of(device)) extras.push_back({std::move(info), std::move(latest)});
    return extras;
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
            [this] { return spool_text(); },
            [this] { return clock_text(); },
            alarms_};
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
    settings.replay.messages_per_second = config_.spool.replay_messages_per_second;
    settings.replay.bytes_in_flight = config_.spool.replay_bytes_in_flight;
    settings.delivery.window = 2 * config_.mqtt.keepalive + kReorderTime;
    settings.clock = [this] { return clock_watch_.state(); };
    settings.extras = [this](const std::string& device) { return alarm_metrics(device); };
    mqtt::ConnectOptions broker;
    broker.host = config_.mqtt.host;
    broker.port = config_.mqtt.port;
    broker.username = config_.mqtt.username;
    broker.password = config_.mqtt.password;
    if (!config_.mqtt.tls_authority.empty())
        broker.tls = mqtt::TlsFiles{config_.mqtt.tls_authority, config_.mqtt.tls_certificate, config_.mqtt.tls_key};
    broker.keepalive = std::chrono::duration_cast<std::chrono::seconds>(config_.mqtt.keepalive);
    edge_node_ = std::make_unique<edge_node::EdgeNode>(executor_, std::move(settings), std::move(broker), clock_,
                                                       spool_, path_, bd_seq_);
    spool_.give_to([this](const spool::Batch& batch, spool::Position position) { edge_node_->live(batch, position); });
}

void Agent::start() {
    work_.spawn("dead-man", path_.watch());
    work_.spawn("spool", spool_.run());
    work_.spawn("clock", clock_watch_.run());
    work_.spawn("readings without a date", watch_undated());
    work_.spawn("footprint", footprint::keep_small());
    work_.spawn("start", begin());
}

/// Nothing is read before the spool was opened, so that no time of a former run comes again.
Task<void> Agent::begin() {
    co_await spool_.wait_until_opened(kSlowestOpening);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none && !is_stopping_) begin_sampling();
}

void Agent::begin_sampling() {
    for (const auto& device : devices_) device->start_after(spool_.state().newest);
    alarms_.start([this](const std::string& device, Reading state) { keep_alarm(device, std::move(state)); },
                  spool_.state().newest);
    for (const auto& device : devices_) work_.spawn("open " + device->id(), open_device(device.get()));
    for (const auto& sampler : samplers_) sampling_.spawn("sampling", sampler->run());
    work_.spawn("alarms", alarms_.watch());
    work_.spawn("edge node", edge_node_->run());
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
    if (readings) {
        device->accept_found(std::move(*readings));
    } else {
        spdlog::warn("{}: {}", device->id(), readings.error().to_string());
        device->accept_unread();
    }
    spool_.after_pending([this, device] { edge_node_->device_found(*device); });
}

std::string Agent::spool_text() const {
    const spool::Spool::State& state = spool_.state();
    std::string text = std::to_string(state.depth()) + (state.holding.counted ? "" : "+ (counting)") +
                       " rows not acknowledged, " + std::to_string(state.holding.bytes / 1024) + " KiB";
    for (const auto of : {spool::Class::alarm, spool::Class::state_change, spool::Class::reading})
        if (const auto count = state.dropped[static_cast<std::size_t>(of)])
            text += ", " + std::to_string(count) + " " + std::string(to_string(of)) + " dropped";
    if (spool::total(state.dropped) == 0) text += ", 0 dropped";
    if (state.unconfirmed > 0) text += ", " + std::to_string(state.unconfirmed) + " let go unconfirmed";
    if (state.replaced > 0) text += "; begun anew: " + state.replaced_why;
    return state.problem.empty() ? text : text + "; NOT STORING: " + state.problem;
}

std::string Agent::clock_text() const {
    const sampling::ClockState& state = clock_watch_.state();
    std::string text = state.describe();
    if (!state.is_synchronised) text += ": readings are marked";
    if (state.steps == 0) return text;
    return text + "; set " + std::to_string(state.steps) + " times, last by " +
           std::to_string(state.last_step.count()) + " ms";
}

Task<void> Agent::stop() {
    spdlog::info("stopping: actuators go safe");
    is_stopping_ = true;
    co_await sampling_.stop();
    co_await alarms_.stop();
    co_await path_.stop();
    co_await ssh_->stop();
    bool has_more = true;
    while (has_more) {
        has_more = keep_undated();
        co_await spool_.flush();
        has_more = has_more && spool_.state().problem.empty();
    }
    co_await edge_node_->stop();
    for (const auto& device : devices_) co_await device->driver().close();
    co_await work_.stop();
    spdlog::info("stopped");
}

}  // namespace labhub::agent
