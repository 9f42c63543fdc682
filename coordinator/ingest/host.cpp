#include "coordinator/ingest/host.hpp"

#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "shared/base/json.hpp"

namespace labhub::coordinator::ingest {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr std::size_t kRebirthsPerTick = 20;
constexpr auto kFarewellLimit = 2s;
/// What the broker has sent while one round of it is taken in: at most as much again is in hand meanwhile.
constexpr std::size_t kMaxWaitingMessages = 16'384;
constexpr std::size_t kMaxWaitingBytes = std::size_t{64} << 20;

}  // namespace

Ingest::Host::Host(Options options, const Clock& clock, Sink& sink)
    : options_(std::move(options)),
      clock_(clock),
      sink_(sink),
      sessions_(options_, clock_, sink_, tally_),
      tasks_(io_.get_executor()),
      backoff_(options_.reconnect_first, options_.reconnect_most) {}

Result<void> Ingest::Host::start() {
    if (thread_.joinable()) return Error{ErrorCode::conflict, "the ingest has been started already"};
    LABHUB_TRY(state_topic_, sparkplug::state_topic(options_.host_id));
    LABHUB_CHECK(sparkplug::check_group_id(options_.group));
    work_.emplace(io_.get_executor());
    tasks_.spawn("ingest connection", keep_connected());
    tasks_.spawn("ingest tick", keep_ticking());
    thread_ = std::thread([this] { io_.run(); });
    return {};
}

void Ingest::Host::stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { asio::co_spawn(io_, shut_down(), asio::detached); });
    thread_.join();
}

Task<void> Ingest::Host::shut_down() {
    stopping_ = true;
    co_await tasks_.stop();
    if (connection_ && connection_->is_open()) {
        auto farewell = connection_->publish_acknowledged(state_topic_, state_json(false, clock_.utc_now()), true);
        co_await within(kFarewellLimit, std::move(farewell));
        co_await connection_->disconnect();
    }
    online_ = false;
    connection_.reset();
    work_.reset();
}

Task<void> Ingest::Host::keep_connected() {
    while (!stopping_) {
        auto opening = open_connection();
        auto opened = co_await std::move(opening);
        if (opened) {
            online_ = true;
            backoff_.reset();
            ++tally_.broker_connections;
            spdlog::info("ingest: connected to the broker as host {}", options_.host_id);
            sink_.broker_changed(true, "");
            const std::string reason = co_await serve();
            online_ = false;
            if (stopping_) co_return;
            spdlog::warn("ingest: {}", reason);
            sink_.broker_changed(false, reason);
            sessions_.lose_all("broker lost: " + reason);
        } else if (!stopping_) {
            spdlog::warn("ingest: {}", opened.error().to_string());
            sink_.broker_changed(false, opened.error().to_string());
        }
        connection_.reset();
        co_await sleep_for(backoff_.next());
    }
}

Task<Result<void>> Ingest::Host::open_connection() {
    will_time_ = clock_.utc_now();
    mqtt::ConnectOptions broker = options_.broker;
    // Always the same id: the broker ends a half-open connection of ours when this one comes.
    broker.client_id = "labhub-host-" + options_.host_id;
    broker.will = mqtt::Will{state_topic_, state_json(false, will_time_), 1, true};
    broker.max_waiting_messages = kMaxWaitingMessages;
    broker.max_waiting_bytes = kMaxWaitingBytes;
    auto connecting = mqtt::Connection::connect(std::move(broker));
    auto connected = co_await std::move(connecting);
    if (!connected) {
        Error failed = connected.error();
        co_return failed;
    }
    connection_ = std::move(*connected);
    pauses_counted_ = 0;
    auto subscriptions = wanted();
    auto subscribing = connection_->subscribe(std::move(subscriptions));
    auto subscribed = co_await std::move(subscribing);
    if (!subscribed) co_return subscribed;
    auto announcing = connection_->publish_acknowledged(state_topic_, state_json(true, will_time_), true);
    auto announced = co_await std::move(announcing);
    co_return announced;
}

/// Not the whole group: commands, our own acknowledgements among them, would come back to us.
std::vector<mqtt::Subscription> Ingest::Host::wanted() const {
    std::vector<mqtt::Subscription> all{{state_topic_, 1}};
    for (const char* const type : {"NBIRTH/+", "NDATA/+", "NDEATH/+", "DBIRTH/+/+", "DDATA/+/+", "DDEATH/+/+"})
        all.push_back({"spBv1.0/" + options_.group + "/" + type, 1});
    return all;
}

Task<std::string> Ingest::Host::serve() {
    while (true) {
        auto receiving = connection_->receive_all();
        auto messages = co_await std::move(receiving);
        if (!messages) co_return messages.error().to_string();
        const auto pauses = connection_->reading_pauses();
        tally_.reading_pauses += pauses - std::exchange(pauses_counted_, pauses);
        for (const auto& message : *messages) take(message);
    }
}

void Ingest::Host::take(const mqtt::Message& message) {
    if (message.topic == state_topic_)
        answer_state(message);
    else
        sessions_.receive(message);
}

void Ingest::Host::answer_state(const mqtt::Message& message) {
    // The retained copy is from before we came; only somebody's fresh word needs an answer: the Will of a connection of
    // ours that had died (message-flow-hid-sparkplug-state-message-delivered).
    if (message.retained) return;
    const auto state = parse_json(message.payload);
    if (!state || !state->is_object()) return;
    const auto* online = state->as_object().if_contains("online");
    if (!online || !online->is_bool() || online->as_bool()) return;
    spdlog::warn("ingest: our STATE was published as offline; saying online again");
    auto published = connection_->publish(state_topic_, state_json(true, will_time_), 1, true);
    if (!published) spdlog::warn("ingest: STATE: {}", published.error().to_string());
}

Task<void> Ingest::Host::keep_ticking() {
    while (!stopping_) {
        co_await sleep_for(kTick);
        sessions_.tick();
        if (!online_) continue;
        for (const auto& node : sessions_.take_rebirth_requests(kRebirthsPerTick))
            send_command(node, sparkplug::node_metric::kRebirth, Value{true});
    }
}

void Ingest::Host::send_command(const NodeId& node, const char* metric, Value value) {
    if (!online_ || !connection_->is_open()) return;
    const auto topic = sparkplug::format_topic({options_.group, sparkplug::MessageType::ncmd, node.value, ""});
    const auto payload = sparkplug::node_command(metric, std::move(value), clock_.utc_now());
    const auto bytes = sparkplug::encode(sparkplug::MessageType::ncmd, payload);
    if (!topic || !bytes) return spdlog::warn("ingest: no command can be sent to node '{}'", node.value);
    const auto published = connection_->publish(*topic, *bytes);
    if (!published) spdlog::warn("ingest: command to node {}: {}", node.value, published.error().to_string());
}

std::string Ingest::Host::state_json(bool online, UtcMillis time) const {
    boost::json::object state;
    state["online"] = online;
    state["timestamp"] = time.count;
    return to_json(state);
}

void Ingest::Host::request_rebirth(NodeId node) {
    asio::post(io_, [this, node = std::move(node)] { sessions_.request_rebirth(node); });
}

void Ingest::Host::enrol(std::map<NodeId, std::string> host_keys, std::vector<NodeId> anew) {
    asio::post(io_, [this, host_keys = std::move(host_keys), anew = std::move(anew)]() mutable {
        options_.host_keys = std::move(host_keys);
        for (const auto& node : anew) sessions_.begin_anew(node, "enrolled anew: waiting for its birth");
    });
}

void Ingest::Host::acknowledge(NodeId node, std::int64_t position) {
    asio::post(io_, [this, node = std::move(node), position] {
        send_command(node, sparkplug::node_metric::kAcknowledge, Value{position});
    });
}

}  // namespace labhub::coordinator::ingest
