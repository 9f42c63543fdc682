#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/mqtt/connection.hpp"
#include "shared/runtime/backoff.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::broker {

/// A connection to the broker that is made again whenever it ends, with back-off and jitter. For what is not Sparkplug:
/// the host application has rules of its own for its session (coordinator/ingest).
///
/// Thread: the executor's, callbacks too. Ownership: stop() before it is destroyed. Failure: a broker that refuses or
/// vanishes is tried again for ever; the first failure of a row is logged, the others are not.
class BrokerClient {
  public:
    struct Callbacks {
        std::function<void()> opened;                ///< connected and subscribed
        std::function<void(mqtt::Message)> message;  ///< one of what was subscribed to
        std::function<void()> lost;                  ///< after each opened(), once
    };

    /// `name` is what the log calls it.
    BrokerClient(asio::any_io_executor executor, std::string name, mqtt::ConnectOptions options,
                 std::vector<mqtt::Subscription> subscriptions, Callbacks callbacks);

    void start();
    /// Sends what waits and disconnects: a few seconds at most.
    Task<void> stop();
    bool is_open() const { return is_open_ && connection_->is_open(); }
    /// Error unavailable while there is no connection; too_many above the bound of unsent bytes.
    Result<void> publish(std::string topic, std::string payload, int qos, bool retain);

  private:
    Task<void> keep_connected();
    Task<Result<void>> open();
    Task<void> serve();

    std::string name_;
    mqtt::ConnectOptions options_;
    std::vector<mqtt::Subscription> subscriptions_;
    Callbacks callbacks_;
    Backoff backoff_;
    TaskGroup tasks_;
    std::unique_ptr<mqtt::Connection> connection_;
    bool is_open_ = false;
    bool is_failing_ = false;  ///< the last attempt failed and was logged
};

}  // namespace labhub::coordinator::broker
