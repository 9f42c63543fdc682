#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/cli/up/layout.hpp"
#include "coordinator/cli/up/programs.hpp"

namespace labhub::cli::up {

/// One simulated node.
struct Node {
    std::string id;
    std::uint16_t ssh_port = 0;
    std::string host_key;     ///< public line: "ssh-ed25519 AAAA…"
    std::string fingerprint;  ///< "SHA256:…"
};

// The text of each program's configuration file.
/// `operator_key` may be empty: then only the coordinator may log in.
std::string agent_config(const Layout& layout, const Node& node, std::uint16_t broker_port,
                         const std::string& coordinator_key, const std::string& operator_key);
std::string coordinator_config(const Layout& layout, const Programs& programs, std::uint16_t port,
                               std::uint16_t broker_port);
std::string enrolment(const std::vector<Node>& nodes);
// For people: `ssh -F <ssh_config> sim-1 status` with the host keys pinned.
std::string known_hosts(const std::vector<Node>& nodes);
std::string ssh_config(const Layout& layout, const std::vector<Node>& nodes);

}  // namespace labhub::cli::up
