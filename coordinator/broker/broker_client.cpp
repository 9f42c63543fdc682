#include "coordinator/broker/broker_client.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::broker {

using namespace std::chrono_literals;

BrokerClient::BrokerClient(asio::any_io_executor executor, std::string name, mqtt::ConnectOptions options,
                           std::vector<mqtt::Subscription> subscriptions, Callbacks callbacks)
    : name_(std::move(name)),
      options_(std::move(options)),
      subscriptions_(std::move(subscriptions)),
      callbacks_(std::move(callbacks)),
      backoff_(250ms, 10s),
      tasks_(std::move(executor)) {}

void BrokerClient::start() { tasks_.spawn(name_, keep_connected()); }

Task<void> BrokerClient::stop() {
    co_await tasks_.stop();
    is_open_ = false;
    if (connection_ && connection_->is_open()) co_await connection_->disconnect();
    connection_.reset();
}

Result<void> BrokerClient::publish(std::string topic, std::string payload, int qos, bool retain) {
    if (!is_open()) return Error{ErrorCode::unavailable, name_ + ": there is no connection to the broker"};
    return connection_->publish(std::move(topic), std::move(payload), qos, retain);
}

Task<void> BrokerClient::keep_connected() {
    for (;;) {
        auto opening = open();
        auto opened = co_await std::move(opening);
        if (opened) {
            spdlog::info("{}: connected to the broker", name_);
            backoff_.reset();
            is_open_ = true;
            is_failing_ = false;
            callbacks_.opened();
            co_await serve();
            is_open_ = false;
            callbacks_.lost();
        } else if (!is_failing_) {
            is_failing_ = true;
            spdlog::warn("{}: {}; trying again until it works", name_, opened.error().to_string());
        }
        connection_.reset();
        co_await sleep_for(backoff_.next());
    }
}

Task<Result<void>> BrokerClient::open() {
    auto options = options_;
    auto connecting = mqtt::Connection::connect(std::move(options));
    auto connected = co_await std::move(connecting);
    if (!connected) {
        Error failed = connected.error();
        co_return failed;
    }
    connection_ = std::move(*connected);
    auto subscriptions = subscriptions_;
    if (subscriptions.empty()) co_return Result<void>();
    auto subscribing = connection_->subscribe(std::move(subscriptions));
    co_return co_await std::move(subscribing);
}

Task<void> BrokerClient::serve() {
    for (;;) {
        auto receiving = connection_->receive();
        auto message = co_await std::move(receiving);
        if (!message) {
            spdlog::warn("{}: {}", name_, message.error().to_string());
            co_return;
        }
        callbacks_.message(std::move(*message));
    }
}

}  // namespace labhub::coordinator::broker
