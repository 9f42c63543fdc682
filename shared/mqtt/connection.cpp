#include "shared/mqtt/connection.hpp"

#include <utility>

#include "shared/mqtt/session.hpp"

namespace labhub::mqtt {
namespace {

constexpr std::chrono::seconds kFarewellLimit{2};
constexpr int kRefused = 128;

}  // namespace

Connection::Connection(std::shared_ptr<Session> session) : session_(std::move(session)) {}

Connection::~Connection() { session_->close(Error{ErrorCode::unavailable, "the MQTT connection has been dropped"}); }

Task<Result<std::unique_ptr<Connection>>> Connection::connect(ConnectOptions options) {
    auto made = make_client(options);
    if (!made) {
        Error refused = made.error();
        co_return refused;
    }
    auto dialling = dial(std::move(*made), options);
    auto dialled = co_await std::move(dialling);
    if (!dialled) {
        Error failed = dialled.error();
        co_return failed;
    }
    const auto executor = co_await asio::this_coro::executor;
    // Owned from here on, so that giving up on any path, cancellation included, closes the socket.
    std::unique_ptr<Connection> connection(
        new Connection(std::make_shared<Session>(executor, std::move(*dialled), options)));
    auto greeted = connection->session_->start();
    if (greeted) {
        std::string doing = "MQTT broker " + options.host + ":" + std::to_string(options.port);
        auto waiting = connection->session_->wait_for_connack();
        greeted = co_await within(options.timeout, std::move(doing), std::move(waiting));
    }
    if (!greeted) {
        Error failed = greeted.error();
        co_return failed;
    }
    co_return std::move(connection);
}

Task<Result<void>> Connection::subscribe(std::vector<Subscription> subscriptions) {
    const auto session = session_;
    std::vector<int> message_ids;
    for (const auto& subscription : subscriptions) {
        auto sent = session->subscribe(subscription);
        if (!sent) {
            Error failed = sent.error();
            co_return failed;
        }
        message_ids.push_back(*sent);
    }
    for (std::size_t i = 0; i < message_ids.size(); ++i) {
        std::string doing = "subscribe to " + subscriptions[i].filter;
        auto waiting = session->wait_for_suback(message_ids[i]);
        auto granted = co_await within(session->options().timeout, std::move(doing), std::move(waiting));
        if (!granted) {
            Error failed = granted.error();
            co_return failed;
        }
        if (*granted >= kRefused) {
            Error refused{ErrorCode::forbidden,
                          "the MQTT broker refuses the subscription to " + subscriptions[i].filter};
            co_return refused;
        }
    }
    co_return Result<void>();
}

Result<void> Connection::publish(std::string topic, std::string payload, int qos, bool retain) {
    auto published = session_->publish(topic, payload, qos, retain);
    if (!published) return published.error();
    return {};
}

Task<Result<void>> Connection::publish_acknowledged(std::string topic, std::string payload, bool retain) {
    const auto session = session_;
    auto published = session->publish(topic, payload, 1, retain);
    if (!published) {
        Error failed = published.error();
        co_return failed;
    }
    auto waiting = session->wait_for_puback(*published);
    std::string doing = "publish " + topic;
    auto acknowledged = co_await within(session->options().timeout, std::move(doing), std::move(waiting));
    co_return acknowledged;
}

Task<Result<Message>> Connection::receive() {
    const auto session = session_;
    auto receiving = session->receive();
    auto message = co_await std::move(receiving);
    co_return message;
}

Task<Result<std::deque<Message>>> Connection::receive_all() {
    const auto session = session_;
    auto receiving = session->receive_all();
    auto messages = co_await std::move(receiving);
    co_return messages;
}

std::size_t Connection::unsent_bytes() const { return session_->unsent_bytes(); }
std::size_t Connection::unconfirmed_bytes() const { return session_->unconfirmed_bytes(); }
std::size_t Connection::waiting_bytes() const { return session_->waiting_bytes(); }
std::uint64_t Connection::reading_pauses() const { return session_->reading_pauses(); }

bool Connection::is_open() const { return session_->is_open(); }

Task<void> Connection::disconnect() {
    const auto session = session_;
    session->send_disconnect();
    auto ending = session->wait_for_end();
    co_await within(kFarewellLimit, std::move(ending));
    session->close(Error{ErrorCode::unavailable, "the MQTT connection has been closed"});
}

}  // namespace labhub::mqtt
