#include "tests/integration/agent/observer.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace labhub::test {

Observer::Observer(std::uint16_t port) {
    asio::co_spawn(io_, observe(port), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds{20}, [this] { return subscribed_; })) {
        lock.unlock();
        io_.stop();
        thread_.join();
        throw std::runtime_error("the observer can't subscribe");
    }
}

Observer::~Observer() {
    io_.stop();
    thread_.join();
}

Task<void> Observer::observe(std::uint16_t port) {
    mqtt::ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    auto connected = co_await mqtt::Connection::connect(options);
    if (!connected) co_return;
    connection_ = std::move(*connected);
    std::vector<mqtt::Subscription> wanted;
    wanted.push_back({"spBv1.0/#", 1});
    auto subscribed = co_await connection_->subscribe(std::move(wanted));
    {
        const std::lock_guard lock(mutex_);
        subscribed_ = subscribed.has_value();
    }
    changed_.notify_all();
    while (true) {
        auto message = co_await connection_->receive();
        if (!message) co_return;
        const auto topic = sparkplug::parse_topic(message->topic);
        auto decoded = sparkplug::decode(message->payload);
        if (!topic || !decoded) continue;
        {
            const std::lock_guard lock(mutex_);
            seen_.push_back(Seen{*topic, std::move(decoded->payload), message->retained});
        }
        changed_.notify_all();
    }
}

bool Observer::wait(Condition condition, std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return condition(seen_); });
}

Seen Observer::wait_for(sparkplug::MessageType type, std::size_t skip) {
    Seen found;
    const bool came = wait([&](const std::vector<Seen>& seen) {
        std::size_t nth = 0;
        for (const Seen& each : seen) {
            if (each.topic.type != type || nth++ < skip) continue;
            found = each;
            return true;
        }
        return false;
    });
    if (!came) throw std::runtime_error("no " + std::string(sparkplug::to_string(type)) + " came");
    return found;
}

std::vector<Seen> Observer::all() {
    const std::lock_guard lock(mutex_);
    return seen_;
}

void Observer::publish(std::string topic, std::string payload, bool retain) {
    asio::post(io_, [this, topic = std::move(topic), payload = std::move(payload), retain] {
        const auto published = connection_->publish(topic, payload, 1, retain);
        if (!published) throw std::runtime_error(published.error().to_string());
    });
}

void Observer::command(const std::string& topic, std::string metric, Value value, bool retain) {
    const UtcMillis now = SystemClock{}.utc_now();
    publish(topic,
            *sparkplug::encode(sparkplug::MessageType::dcmd,
                               sparkplug::node_command(std::move(metric), std::move(value), now)),
            retain);
}

const sparkplug::Metric* metric_of(const Seen& seen, const std::string& name) {
    const auto found = std::find_if(seen.payload.metrics.begin(), seen.payload.metrics.end(),
                                    [&](const sparkplug::Metric& metric) { return metric.name == name; });
    return found == seen.payload.metrics.end() ? nullptr : &*found;
}

}  // namespace labhub::test
