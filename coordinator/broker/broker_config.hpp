#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/ids.hpp"

namespace labhub::coordinator::broker {

/// What the lab's mosquitto has to know.
struct BrokerSettings {
    std::string listen_address;  ///< empty: every interface
    std::uint16_t listen_port = 1883;
    std::string group;             ///< Sparkplug group of all nodes
    std::string host_id;           ///< Sparkplug host application id of the coordinator
    std::string coordinator_user;  ///< the coordinator's user name (or certificate CN) at the broker
    std::vector<NodeId> nodes;     ///< enrolled ones; each one's user name (or certificate CN) is its id
    bool is_open = false;          ///< anyone may do anything, nothing is kept: for a private broker on 127.0.0.1
    /// Folder of ca.crt, server.crt, server.key: clients then prove who they are by a certificate of that CA. Empty:
    /// they do by user name and password, in the clear.
    std::filesystem::path tls;
    std::filesystem::path folder = "/etc/mosquitto/conf.d";  ///< where acl and passwd will lie
};

/// Room for a rebirth of every node and device at once while the subscriber is stalled for a while: with mosquitto's
/// default of 1000, QoS 0 messages past that are dropped in silence. Messages.
std::uint64_t queued_messages_for(std::size_t nodes);

/// The same in bytes: mosquitto's default is without a bound.
std::uint64_t queued_bytes_for(std::size_t nodes);

/// The broker's memory, in bytes: several subscribers may be stalled with all that may wait for them.
std::uint64_t memory_for(std::size_t nodes);

/// A file for mosquitto 2.0's conf.d (mosquitto.conf(5)): the listener, how clients prove who they are, and limits
/// under which all of the lab can be born again at once.
std::string mosquitto_conf(const BrokerSettings& settings);

/// The acl_file: each node may speak as itself alone (its Will included) and hear its own commands; the coordinator may
/// speak to all; user "people" may read the mirror and write its `set` topics.
std::string mosquitto_acl(const BrokerSettings& settings);

}  // namespace labhub::coordinator::broker
