#include "coordinator/cli/up/configurations.hpp"

namespace labhub::cli::up {
namespace {

constexpr const char* kHeader = "# Written by `labhub up` at each start: changes are lost.\n";

/// As a TOML basic string, and as a quoted argument of an ssh_config.
std::string in_quotes(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string authorized_key(const std::string& name, const std::string& role, const std::string& key) {
    return "\n[[ssh.authorized_key]]\nname = " + in_quotes(name) + "\nrole = " + in_quotes(role) +
           "\nkey = " + in_quotes(key) + "\n";
}

}  // namespace

std::string agent_config(const Layout& layout, const Node& node, std::uint16_t broker_port,
                         const std::string& coordinator_key, const std::string& operator_key) {
    std::string text = std::string(kHeader) + "[node]\nid = " + in_quotes(node.id) +
                       "\ndata_dir = " + in_quotes((layout.node(node.id) / "state").string()) +
                       // Everything here reads one clock: whether that follows a time server changes nothing.
                       "\ntrust_clock = true" +
                       "\n\n[mqtt]\nhost = \"127.0.0.1\"\nport = " + std::to_string(broker_port) +
                       "\n\n[ssh]\nlisten = " + in_quotes("127.0.0.1:" + std::to_string(node.ssh_port)) + "\n";
    text += authorized_key("coordinator", "coordinator", coordinator_key);
    if (!operator_key.empty()) text += authorized_key("operator", "operator", operator_key);
    return text +
           "\n[[device]]\nid = \"vessel\"\ndriver = \"board\"\nport = " + in_quotes(layout.board(node.id).string()) +
           "\n";
}

std::string coordinator_config(const Layout& layout, const Programs& programs, std::uint16_t port,
                               std::uint16_t broker_port) {
    return std::string(kHeader) + "[http]\nlisten = " + in_quotes("127.0.0.1:" + std::to_string(port)) +
           "\n\n[data]\ndir = " + in_quotes(layout.root.string()) +
           "\n\n[mqtt]\nhost = \"127.0.0.1\"\nport = " + std::to_string(broker_port) +
           "\n\n[ssh]\nkey = " + in_quotes(layout.coordinator_key().string()) +
           "\n\n[nodes]\nenrolment = " + in_quotes(layout.enrolment().string()) +
           "\n\n[jobs]\nlauncher = \"spawn\"\nrunner = " + in_quotes(programs.runner.string()) +
           "\npython = " + in_quotes(programs.python.string()) + "\n";
}

std::string enrolment(const std::vector<Node>& nodes) {
    std::string text = kHeader;
    for (const Node& node : nodes)
        text += "\n[[node]]\nid = " + in_quotes(node.id) +
                "\nssh = " + in_quotes("127.0.0.1:" + std::to_string(node.ssh_port)) +
                "\nhost_key = " + in_quotes(node.fingerprint) + "\n";
    return text;
}

std::string known_hosts(const std::vector<Node>& nodes) {
    std::string text;
    for (const Node& node : nodes) text += node.id + " " + node.host_key + "\n";
    return text;
}

std::string ssh_config(const Layout& layout, const std::vector<Node>& nodes) {
    std::string text = kHeader;
    for (const Node& node : nodes)
        text += "\nHost " + node.id + "\n    HostName 127.0.0.1\n    Port " + std::to_string(node.ssh_port) +
                "\n    User operator\n    HostKeyAlias " + node.id + "\n    IdentityFile " +
                in_quotes(layout.operator_key().string()) +
                "\n    IdentitiesOnly yes\n    StrictHostKeyChecking yes\n    UserKnownHostsFile " +
                in_quotes(layout.known_hosts().string()) + "\n";
    return text;
}

}  // namespace labhub::cli::up
