#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/value.hpp"

namespace labhub::agent::safety {

/// What someone may do here: read; also change actuators; also grant leases.
enum class Role { viewer, operates, coordinator };

/// "viewer", "operator", "coordinator".
std::string_view to_string(Role role);
/// Nothing for another word.
std::optional<Role> role_from_name(std::string_view name);

/// The way something was asked of us.
enum class Origin { ssh, rpc, dcmd, agent };
std::string_view to_string(Origin origin);

/// Who asks, and how.
struct Asker {
    Origin origin = Origin::ssh;
    std::string principal;  ///< for the audit trail: "job:01hq…", "user:ada", "mqtt:dcmd"
    Role role = Role::viewer;
};

/// A wish to change actuators of one device as one step.
struct Command {
    CommandId id;  ///< executes once
    Asker asker;
    std::string device;
    LeaseId lease;                      ///< must be the device's present lease; empty while there is none
    std::optional<UtcMillis> deadline;  ///< refused after this
    std::vector<Setpoint> setpoints;    ///< applied in this order
};

/// What a command did.
struct Applied {
    std::vector<Reading> readings;  ///< what the device acknowledged
    bool repeated = false;          ///< the id had been executed before; these are the first outcome's readings
};

/// Puts every actuator of a device at its safe value now.
struct Hold {
    Asker asker;
    std::string device;
    std::string reason;
    std::vector<std::string> actuators;  ///< only these; empty: all
};

/// Grants, renews or (ttl 0) ends the control of a device.
struct LeaseGrant {
    Asker asker;
    std::string device;
    LeaseId lease;
    std::string holder;
    std::chrono::milliseconds ttl{0};
    bool renew_only = false;  ///< don't begin it anew
};

}  // namespace labhub::agent::safety
