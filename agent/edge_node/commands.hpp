#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/safety/command.hpp"
#include "shared/base/result.hpp"
#include "shared/mqtt/connection.hpp"

namespace labhub::agent::edge_node {

/// What an NCMD asks for.
struct NodeCommand {
    bool rebirth = false;
    std::optional<std::int64_t> acknowledge;
};

/// Unknown metrics are passed over (operational-behavior-data-commands-ncmd-metric-name). Errors as sparkplug::decode.
Result<NodeCommand> parse_node_command(std::string_view payload);

/// A DCMD as a command for the command path. Any Sparkplug host can write plain metrics; one that wants more puts
/// properties on the first metric: `command_id` (else the payload's uuid, else a new one) and `deadline_ms`. Without a
/// deadline the command is good for a minute from the payload's timestamp: a broker's clock and ours may differ, but a
/// command must not come out of a queue an hour later. Error malformed for anything that isn't understood in full.
Result<safety::Command> parse_device_command(const std::string& device, std::string_view payload, UtcMillis now);

}  // namespace labhub::agent::edge_node
