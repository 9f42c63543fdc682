#include "agent/config/agent_config.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "shared/base/ids.hpp"

namespace labhub::agent::config {
namespace {

namespace rules = labhub::config;
using std::chrono::milliseconds;

constexpr milliseconds kFastestSampling{20};  // 50 Hz
constexpr milliseconds kSlowestSampling{std::chrono::hours{24}};

rules::Rule checked(std::string kind, std::function<Result<void>(std::string_view)> check) {
    rules::Rule rule;
    rule.text_kind = std::move(kind);
    rule.text_check = std::move(check);
    return rule;
}

Result<void> check_endpoint(std::string_view text) {
    LABHUB_CHECK(parse_endpoint(text));
    return {};
}

Result<void> check_key(std::string_view text) {
    const auto key = ssh::PublicKey::parse(text);
    if (key) return {};
    const std::string right = "a line of an authorized_keys or .pub file: ssh-ed25519 AAAA… name";
    return Error{key.error().code, key.error().message, key.error().detail.empty() ? right : key.error().detail};
}

/// A group called STATE would have the topics of host applications (Sparkplug B 3.0, 4.1 and 6.4.22).
Result<void> check_group(std::string_view text) {
    LABHUB_CHECK(check_name("group id", text));
    if (text == "STATE")
        return Error{ErrorCode::malformed, "group id 'STATE' is taken by host applications", "any other name"};
    return {};
}

void describe_key(rules::Options& item, AuthorizedKeyConfig& key) {
    item.add("name", &key.name, "Who this is, for the log and the audit trail", rules::name("name").required());
    item.add("role", &key.role, "What the owner may do",
             rules::one_of({"coordinator", "operator", "viewer"}).required());
    item.add("key", &key.key, "The public key", checked("a line of an authorized_keys file", check_key).required());
}

void describe_device(rules::Options& item, DeviceConfig& device) {
    item.add("id", &device.id, "The device's name on this node", rules::name("device id").required());
    item.add("driver", &device.driver, "How to talk to it", rules::one_of({"board"}));
    item.add("port", &device.port, "Serial port it is attached to, as /dev/ttyACM0", rules::not_empty().required());
    item.add("baud", &device.baud, "Speed of the serial port", rules::range(1'200, 4'000'000));
    item.add("dead_man", &device.dead_man,
             "The board makes itself safe when it hasn't heard from the agent for this long",
             rules::range(milliseconds{500}, milliseconds{60'000}));
    item.add("period", &device.period, "How often each metric is sampled",
             rules::range(kFastestSampling, kSlowestSampling));
    item.add("sampling", &device.sampling, "Periods of single metrics that differ from period",
             rules::range(kFastestSampling, kSlowestSampling));
}

void describe_ssh(rules::Options& options, SshConfig& ssh) {
    options.add("ssh.listen", &ssh.listen, "Address the SSH server listens on; port 0 takes any free one",
                checked("ADDRESS:PORT", check_endpoint));
    options.add("ssh.host_key", &ssh.host_key,
                "Private host key, made on first start; default data_dir/ssh_host_ed25519_key");
    options.add("ssh.login_time", &ssh.login_time, "How long a client may take to log in",
                rules::range(milliseconds{1'000}, milliseconds{120'000}));
    options.add("ssh.auth_attempts", &ssh.auth_attempts, "Keys a client may offer before it is disconnected",
                rules::range(1, 20));
    options.add("ssh.max_sessions", &ssh.max_sessions, "SSH sessions at one time", rules::range(1, 1'000));
    options.add("ssh.max_sessions_per_address", &ssh.max_sessions_per_address, "SSH sessions of one peer address",
                rules::range(1, 1'000));
    options.list("ssh.authorized_key", &ssh.authorized_keys, "Who may log in", describe_key);
}

void describe_spool(rules::Options& options, SpoolConfig& spool) {
    constexpr milliseconds kLongest{std::chrono::hours{24 * 365}};
    options.add("spool.max_bytes", &spool.max_bytes, "Disk space for readings not yet acknowledged",
                rules::range(1u << 20, 1e12));
    options.add("spool.max_age", &spool.max_age, "Readings older than this are dropped though not acknowledged",
                rules::range(milliseconds{60'000}, kLongest));
    options.add("spool.max_event_age", &spool.max_event_age,
                "Alarms and changes of state older than this are dropped though not acknowledged",
                rules::range(milliseconds{60'000}, kLongest));
    options.add("spool.commit_interval", &spool.commit_interval,
                "Least time between two commits: readings wait for the next one before they are sent; alarms and "
                "changes of state don't",
                rules::range(milliseconds{10}, milliseconds{10'000}));
    options.add("spool.survives_power_cut", &spool.survives_power_cut,
                "Wait for the disk at each commit, so that a power cut loses no reading; wears flash memory");
    options.add("spool.replay_messages_per_second", &spool.replay_messages_per_second,
                "How fast stored readings are sent again after an outage; a message holds up to 16 rows",
                rules::range(1, 10'000));
    options.add("spool.replay_bytes_in_flight", &spool.replay_bytes_in_flight,
                "Most bytes of stored readings on their way that the host has not acknowledged",
                rules::range(16u << 10, 64u << 20));
}

void describe_alarm(rules::Options& item, AlarmConfig& alarm) {
    item.add("device", &alarm.device, "The device; may be left out where there is one only");
    item.add("metric", &alarm.metric, "What is watched", rules::name("metric").required());
    item.add("lowlow", &alarm.limits.lowlow, "Major at or below this, in the metric's unit");
    item.add("low", &alarm.limits.low, "Minor at or below this");
    item.add("high", &alarm.limits.high, "Minor at or above this");
    item.add("highhigh", &alarm.limits.highhigh, "Major at or above this");
    item.add("hysteresis", &alarm.limits.hysteresis, "How far back inside a limit the value must be to clear",
             rules::at_least(0));
    item.add("delay", &alarm.limits.delay, "So long the condition must hold",
             rules::range(milliseconds{0}, milliseconds{std::chrono::hours{1}}));
    item.add("no_data", &alarm.limits.no_data, "No reading for so long is an alarm, invalid; 0s: never",
             rules::range(milliseconds{0}, milliseconds{std::chrono::hours{24}}));
    item.add("quality", &alarm.limits.quality, "Whether a reading without a usable value is an alarm, invalid");
    item.add("reaction", &alarm.reaction,
             "safe: what it names goes to its safe values, and stays there until the alarm has cleared and was "
             "acknowledged; report: it is only told",
             rules::one_of({"safe", "report"}));
    item.add("actuators", &alarm.actuators, "Those that go safe; empty: all of the device");
}

Result<void> check_alarms(AgentConfig& config) {
    std::set<std::pair<std::string, std::string>> seen;
    for (AlarmConfig& alarm : config.alarms) {
        const std::string place = "[[alarm]] of " + alarm.metric;
        if (alarm.device.empty() && config.devices.size() == 1) alarm.device = config.devices.front().id;
        const bool is_known = std::any_of(config.devices.begin(), config.devices.end(),
                                          [&](const DeviceConfig& device) { return device.id == alarm.device; });
        if (!is_known)
            return Error{ErrorCode::malformed, place + " is for no device: '" + alarm.device + "'",
                         "name one of [[device]]"};
        if (auto good = alarm::check_limits(alarm.limits); !good) return good.error().within(place);
        if (!seen.insert({alarm.device, alarm.metric}).second)
            return Error{ErrorCode::malformed, place + " is given twice", "one for each metric of a device"};
    }
    return {};
}

Result<void> check_devices(const AgentConfig& config) {
    std::set<std::string> ids;
    std::set<std::string> ports;
    for (const DeviceConfig& device : config.devices) {
        if (!ids.insert(device.id).second)
            return Error{ErrorCode::malformed, "[[device]] id '" + device.id + "' is given twice",
                         "each device needs a name of its own"};
        if (!ports.insert(device.port.string()).second)
            return Error{ErrorCode::malformed, "[[device]] port " + device.port.string() + " is given to two devices",
                         "each device needs a port of its own"};
    }
    if (config.devices.empty())
        return Error{ErrorCode::malformed, "no device is configured", "write at least one [[device]] with id and port"};
    return {};
}

}  // namespace

rules::Options options_of(AgentConfig& config) {
    rules::Options options;
    options.add("node.id", &config.node.id, "This node's name", rules::name("node id").required());
    options.add("node.group", &config.node.group, "Sparkplug group of this node", checked("group id", check_group));
    options.add("node.data_dir", &config.node.data_dir, "Folder for the agent's state", rules::not_empty().required());
    options.add("node.trust_clock", &config.node.trust_clock,
                "Don't mark readings while the kernel says that the clock is not synchronised");
    options.add("mqtt.host", &config.mqtt.host, "Name or address of the MQTT broker", rules::not_empty());
    options.add("mqtt.port", &config.mqtt.port, "TCP port of the MQTT broker", rules::range(1, 65'535));
    options.add("mqtt.username", &config.mqtt.username, "User name at the broker; empty for none");
    options.add("mqtt.password", &config.mqtt.password, "Password at the broker");
    options.add("mqtt.tls_authority", &config.mqtt.tls_authority,
                "CA certificates (PEM) the broker's is checked against; empty: no TLS");
    options.add("mqtt.tls_certificate", &config.mqtt.tls_certificate,
                "Our certificate (PEM), for a broker that asks for one");
    options.add("mqtt.tls_key", &config.mqtt.tls_key, "Private key (PEM) of mqtt.tls_certificate");
    options.add("mqtt.keepalive", &config.mqtt.keepalive, "MQTT keepalive",
                rules::range(milliseconds{5'000}, milliseconds{3'600'000}));
    options.add("mqtt.primary_host", &config.mqtt.primary_host,
                "Sparkplug host application that stores this node's readings", rules::name("host id"));
    describe_ssh(options, config.ssh);
    options.list("device", &config.devices, "A device attached to this node", describe_device);
    describe_spool(options, config.spool);
    options.list("alarm", &config.alarms, "What this node watches by itself, network or not", describe_alarm);
    options.add("safety.manual_hold", &config.safety.manual_hold,
                "How long a manual setting stays without a further one before actuators go to their safe values",
                rules::range(milliseconds{1'000}, milliseconds{std::chrono::hours{24 * 7}}));
    return options;
}

Result<AgentConfig> load(const std::filesystem::path& file) {
    AgentConfig config;
    rules::Options options = options_of(config);
    LABHUB_CHECK(options.load_file(file));
    if (auto good = check_devices(config); !good) return good.error().within(file.string());
    if (auto good = check_alarms(config); !good) return good.error().within(file.string());
    if (config.ssh.host_key.empty()) config.ssh.host_key = config.node.data_dir / "ssh_host_ed25519_key";
    return config;
}

Result<boost::asio::ip::tcp::endpoint> parse_endpoint(std::string_view text) {
    const Error wrong{ErrorCode::malformed, "'" + std::string(text) + "' is not an address and port",
                      "write it as 127.0.0.1:2222, 0.0.0.0:2222 or [::]:2222"};
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return wrong;
    std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    boost::system::error_code failure;
    const auto address = boost::asio::ip::make_address(std::string(host), failure);
    std::uint16_t port = 0;
    const char* const end = port_text.data() + port_text.size();
    const auto [after, bad] = std::from_chars(port_text.data(), end, port);
    if (failure || bad != std::errc{} || after != end || port_text.empty()) return wrong;
    return boost::asio::ip::tcp::endpoint{address, port};
}

}  // namespace labhub::agent::config
