#include "agent/safety/command.hpp"

namespace labhub::agent::safety {

std::string_view to_string(Role role) {
    switch (role) {
        case Role::viewer: return "viewer";
        case Role::operates: return "operator";
        case Role::coordinator: return "coordinator";
    }
    return "viewer";
}

std::optional<Role> role_from_name(std::string_view name) {
    for (const Role role : {Role::viewer, Role::operates, Role::coordinator})
        if (to_string(role) == name) return role;
    return std::nullopt;
}

std::string_view to_string(Origin origin) {
    switch (origin) {
        case Origin::ssh: return "ssh";
        case Origin::rpc: return "rpc";
        case Origin::dcmd: return "dcmd";
        case Origin::agent: return "agent";
    }
    return "agent";
}

}  // namespace labhub::agent::safety
