#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "shared/alarm/limit_check.hpp"
#include "shared/base/result.hpp"
#include "shared/config/options.hpp"
#include "shared/ssh/keys.hpp"

namespace labhub::agent::config {

struct NodeConfig {
    std::string id;                  ///< the Sparkplug edge node id
    std::string group = "labhub";    ///< the Sparkplug group id
    std::filesystem::path data_dir;  ///< state of the agent: spool, audit trail, host key
    bool trust_clock = false;        ///< readings aren't marked where the kernel says the clock isn't synchronised
};

struct MqttConfig {
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::string username;  ///< empty: none
    std::string password;
    std::filesystem::path tls_authority;             ///< empty: no TLS
    std::filesystem::path tls_certificate, tls_key;  ///< empty: none of ours
    std::chrono::milliseconds keepalive{30'000};
    std::string primary_host = "labhub";  ///< the host application whose STATE steers replay
};

struct AuthorizedKeyConfig {
    std::string name;
    std::string role;
    std::string key;  ///< one line of an authorized_keys file
};

struct SshConfig {
    std::string listen = "127.0.0.1:2222";
    std::filesystem::path host_key;  ///< empty in the file: data_dir/ssh_host_ed25519_key
    std::chrono::milliseconds login_time{10'000};
    std::uint32_t auth_attempts = 3;
    std::uint32_t max_sessions = 32;
    std::uint32_t max_sessions_per_address = 32;
    std::vector<AuthorizedKeyConfig> authorized_keys;
};

struct DeviceConfig {
    std::string id;
    std::string driver = "board";
    std::filesystem::path port;
    std::uint32_t baud = 921'600;
    std::chrono::milliseconds dead_man{5'000};  ///< the board's own: how long it stays unsafe without hearing from us
    std::chrono::milliseconds period{1'000};
    std::map<std::string, std::chrono::milliseconds> sampling;  ///< metric → its own period
};

struct SpoolConfig {
    std::uint64_t max_bytes = 256u << 20;
    std::chrono::milliseconds max_age{std::chrono::hours{7 * 24}};         ///< of plain readings
    std::chrono::milliseconds max_event_age{std::chrono::hours{90 * 24}};  ///< of alarms and changes of state
    std::chrono::milliseconds commit_interval{100};
    bool survives_power_cut = false;  ///< wait for the disk at each commit
    std::uint32_t replay_messages_per_second = 50;
    std::uint64_t replay_bytes_in_flight = 256u << 10;
};

/// What the node watches by itself.
struct AlarmConfig {
    std::string device;  ///< empty in the file: the only one
    std::string metric;
    alarm::Limits limits;
    std::string reaction = "safe";
    std::vector<std::string> actuators;  ///< those made safe; empty: all
};

struct SafetyConfig {
    std::chrono::milliseconds manual_hold{std::chrono::minutes{10}};
};

/// Everything the configuration file says, checked.
struct AgentConfig {
    NodeConfig node;
    MqttConfig mqtt;
    SshConfig ssh;
    std::vector<DeviceConfig> devices;
    SpoolConfig spool;
    SafetyConfig safety;
    std::vector<AlarmConfig> alarms;
};

/// The option table over `config`, which must outlive it: for loading, --help and the reference page.
labhub::config::Options options_of(AgentConfig& config);

/// The file, read and checked as a whole: also that device ids differ, keys are keys and the address can be listened
/// on. Error malformed names file, place, key and what would be right.
Result<AgentConfig> load(const std::filesystem::path& file);

/// "127.0.0.1:2222", "[::1]:0". Error malformed.
Result<boost::asio::ip::tcp::endpoint> parse_endpoint(std::string_view text);

}  // namespace labhub::agent::config
