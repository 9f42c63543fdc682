#pragma once

#include <filesystem>
#include <string>

#include "coordinator/daemon/settings.hpp"

namespace labhub::coordinator::daemon {

/// What `labhub-coordinator broker-config` was asked for.
struct BrokerCommand {
    std::filesystem::path output;  ///< folder to write labhub.conf and acl to; empty: both to the standard output
    std::string listen = ":1883";  ///< address:port; without an address every interface
    std::filesystem::path tls;     ///< folder of ca.crt, server.crt and server.key; empty: user names and passwords
    bool is_open = false;          ///< for a private broker: no ACL, anyone may connect
};

/// Writes the broker's configuration for the nodes enrolled. Errors malformed (listen), not_found (tls files,
/// enrolment).
Result<void> write_broker_config(const BrokerCommand& command, const Settings& settings);

}  // namespace labhub::coordinator::daemon
