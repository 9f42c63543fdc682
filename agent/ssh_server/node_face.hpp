#pragma once

#include <functional>
#include <string>

#include "agent/alarms/node_alarms.hpp"
#include "agent/safety/command_path.hpp"
#include "agent/ssh_server/log_ring.hpp"
#include "shared/base/clock.hpp"

namespace labhub::agent::ssh_server {

/// What the SSH side shows of the node and works with; all of it outlives the server. The texts are asked for when
/// somebody wants to see them.
struct NodeFace {
    std::string node;
    std::string version;
    std::string boot_id;
    Steady::time_point started{};
    const Clock& clock;
    safety::CommandPath& path;
    const LogRing& log;
    std::function<std::string()> broker;       ///< "connected to 127.0.0.1:1883 (bdSeq 3)"
    std::function<std::string()> spool;        ///< "12 rows not acknowledged, 40 KiB, 0 dropped"
    std::function<std::string()> clock_state;  ///< "synchronised"
    alarms::NodeAlarms& alarms;
};

}  // namespace labhub::agent::ssh_server
