#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "coordinator/broker/broker_client.hpp"

namespace labhub::coordinator::broker {

/// What mosquitto says of itself under $SYS (mosquitto(8), "Broker status"). Empty where it has not said so: other
/// brokers, or an ACL that keeps $SYS from us.
struct BrokerStatus {
    bool is_connected = false;
    std::string version;
    std::optional<std::int64_t> clients_connected;
    /// Messages the broker threw away, since its start: QoS 0 ones to a subscriber that could not keep up, and others
    /// over its queue limits. More of them while we run means readings arrive late, by replay, or rebirths are needed.
    std::optional<std::int64_t> messages_dropped;
};

/// Watches the broker's own counters and logs when it begins to drop messages.
///
/// Thread: the executor's. Ownership: stop() before it is destroyed. Failure: without a broker it has nothing to say.
class BrokerWatch {
  public:
    BrokerWatch(asio::any_io_executor executor, mqtt::ConnectOptions options);

    void start() { client_.start(); }
    Task<void> stop() { return client_.stop(); }
    const BrokerStatus& status() const { return status_; }

  private:
    void take(const mqtt::Message& message);
    void note_dropped(std::int64_t dropped);

    BrokerStatus status_;
    BrokerClient client_;
};

}  // namespace labhub::coordinator::broker
