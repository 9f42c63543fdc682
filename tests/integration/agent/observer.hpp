#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "shared/mqtt/connection.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/sparkplug/codec.hpp"
#include "shared/sparkplug/topics.hpp"

namespace labhub::test {

/// One Sparkplug message as it was seen on the broker.
struct Seen {
    sparkplug::Topic topic;
    sparkplug::Payload payload;
    bool retained = false;
};

/// A subscriber to everything, on a thread of its own.
class Observer {
  public:
    explicit Observer(std::uint16_t port);
    ~Observer();
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    using Condition = std::function<bool(const std::vector<Seen>&)>;
    /// Waits until what was seen satisfies the condition; whether it came to.
    bool wait(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds{20});
    /// Waits for the first message of that type, counted from the `skip`-th one; throws if none comes.
    Seen wait_for(sparkplug::MessageType type, std::size_t skip = 0);
    std::vector<Seen> all();
    void publish(std::string topic, std::string payload, bool retain = false);
    void command(const std::string& topic, std::string metric, Value value, bool retain = false);

  private:
    Task<void> observe(std::uint16_t port);

    asio::io_context io_{1};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Seen> seen_;
    std::unique_ptr<mqtt::Connection> connection_;
    bool subscribed_ = false;
    std::thread thread_;
};

const sparkplug::Metric* metric_of(const Seen& seen, const std::string& name);

}  // namespace labhub::test
