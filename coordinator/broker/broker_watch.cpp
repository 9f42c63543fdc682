#include "coordinator/broker/broker_watch.hpp"

#include <charconv>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::broker {
namespace {

constexpr const char* kVersion = "$SYS/broker/version";
constexpr const char* kClientsConnected = "$SYS/broker/clients/connected";
constexpr const char* kMessagesDropped = "$SYS/broker/publish/messages/dropped";

std::optional<std::int64_t> whole_number(const std::string& text) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

BrokerWatch::BrokerWatch(asio::any_io_executor executor, mqtt::ConnectOptions options)
    : client_(std::move(executor), "broker watch", std::move(options),
              {{kVersion, 0}, {kClientsConnected, 0}, {kMessagesDropped, 0}},
              {[this] { status_.is_connected = true; }, [this](mqtt::Message message) { take(message); },
               [this] { status_ = BrokerStatus{}; }}) {}

void BrokerWatch::take(const mqtt::Message& message) {
    if (message.topic == kVersion) {
        status_.version = message.payload;
        return;
    }
    const auto number = whole_number(message.payload);
    if (!number) return;
    if (message.topic == kClientsConnected) status_.clients_connected = *number;
    if (message.topic == kMessagesDropped) note_dropped(*number);
}

void BrokerWatch::note_dropped(std::int64_t dropped) {
    const auto before = status_.messages_dropped;
    status_.messages_dropped = dropped;
    if (before && dropped > *before)
        spdlog::warn(
            "the broker dropped {} messages: a subscriber can't keep up; raise max_queued_messages "
            "(labhub-coordinator broker-config)",
            dropped - *before);
}

}  // namespace labhub::coordinator::broker
