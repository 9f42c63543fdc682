#include "coordinator/broker/broker_config.hpp"

#include <algorithm>

#include "shared/sparkplug/codec.hpp"

namespace labhub::coordinator::broker {
namespace {

constexpr std::uint64_t kLeastQueuedMessages = 100'000;
/// A node's births and some seconds of its data, for each node.
constexpr std::uint64_t kQueuedMessagesPerNode = 100;
constexpr std::uint64_t kLeastQueuedBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kQueuedBytesPerNode = std::uint64_t{256} << 10;
/// Subscribers that may be stalled with all they are allowed, at one time.
constexpr std::uint64_t kStalledSubscribers = 4;

std::string line(const std::string& text) { return text + "\n"; }

std::string identity(const BrokerSettings& settings) {
    if (settings.is_open)
        return line("allow_anonymous true") + line("persistence false") + line("log_dest stderr") +
               line("log_timestamp_format %Y-%m-%dT%H:%M:%S");
    std::string text = line("allow_anonymous false") + line("acl_file " + (settings.folder / "acl").string());
    if (settings.tls.empty())
        return text + line("# One line a client: mosquitto_passwd " + (settings.folder / "passwd").string() + " NODE") +
               line("password_file " + (settings.folder / "passwd").string());
    return text + line("cafile " + (settings.tls / "ca.crt").string()) +
           line("certfile " + (settings.tls / "server.crt").string()) +
           line("keyfile " + (settings.tls / "server.key").string()) +
           line("# A client is who its certificate's CN says; whoever that CA signed may connect.") +
           line("require_certificate true") + line("use_identity_as_username true");
}

}  // namespace

std::uint64_t queued_messages_for(std::size_t nodes) {
    return std::max(kLeastQueuedMessages, kQueuedMessagesPerNode * nodes);
}

std::uint64_t queued_bytes_for(std::size_t nodes) { return std::max(kLeastQueuedBytes, kQueuedBytesPerNode * nodes); }

std::uint64_t memory_for(std::size_t nodes) { return kStalledSubscribers * queued_bytes_for(nodes); }

std::string mosquitto_conf(const BrokerSettings& settings) {
    std::string text = line("# Written by `labhub-coordinator broker-config`, for mosquitto 2.0.");
    text += line("listener " + std::to_string(settings.listen_port) +
                 (settings.listen_address.empty() ? "" : " " + settings.listen_address));
    text += identity(settings);
    text += line("");
    text += line("# Births and data are QoS 0: over this many waiting messages a subscriber's are dropped in silence.");
    text += line("max_queued_messages " + std::to_string(queued_messages_for(settings.nodes.size())));
    text += line("# So many bytes of them: a subscriber that reads nothing can't fill the memory.");
    text += line("max_queued_bytes " + std::to_string(queued_bytes_for(settings.nodes.size())));
    text += line("# And so many bytes in all: past it whoever sends is disconnected, and sends again later.");
    text += line("memory_limit " + std::to_string(memory_for(settings.nodes.size())));
    text += line("# The largest payload the coordinator reads. A larger one is dropped here.");
    text += line("message_size_limit " + std::to_string(sparkplug::kMaxPayloadBytes));
    text += line("max_keepalive 120");
    text += line("set_tcp_nodelay true");
    text += line("connection_messages false");
    text += line("# The coordinator watches $SYS/broker/publish/messages/dropped.");
    text += line("sys_interval 10");
    return text;
}

std::string mosquitto_acl(const BrokerSettings& settings) {
    const std::string sparkplug = "spBv1.0/" + settings.group + "/";
    const std::string state = "spBv1.0/STATE/" + settings.host_id;
    const std::string mirror = "labhub/" + settings.group + "/";
    std::string text =
        line("# Written by `labhub-coordinator broker-config`. %u is the client's user name: a node's id.");
    text += line("# A forged message or Will in another node's name is not delivered.");
    for (const char* type : {"NBIRTH", "NDEATH", "NDATA"}) text += line("pattern write " + sparkplug + type + "/%u");
    for (const char* type : {"DBIRTH", "DDEATH", "DDATA"}) text += line("pattern write " + sparkplug + type + "/%u/+");
    text += line("pattern read " + sparkplug + "NCMD/%u");
    text += line("pattern read " + sparkplug + "DCMD/%u/+");
    for (const auto& node : settings.nodes) text += line("") + line("user " + node.value) + line("topic read " + state);
    text += line("") + line("user " + settings.coordinator_user);
    text += line("topic readwrite " + sparkplug + "#");
    text += line("topic readwrite " + state);
    text += line("topic readwrite " + mirror + "#");
    text += line("topic read $SYS/#");
    text += line("") + line("# For dashboards and people: reads the mirror, and asks through it.");
    text += line("user people");
    text += line("topic read " + mirror + "#");
    text += line("topic write " + mirror + "+/+/+/set");
    return text;
}

}  // namespace labhub::coordinator::broker
