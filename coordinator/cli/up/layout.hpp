#pragma once

#include <filesystem>
#include <string>

namespace labhub::cli::up {

/// Where what lies in the folder of `labhub up`.
struct Layout {
    std::filesystem::path root;  ///< absolute; mode 0700

    std::filesystem::path lock() const { return root / "up.lock"; }
    std::filesystem::path url() const { return root / "url"; }  ///< exists while the hub is ready
    std::filesystem::path ports() const { return root / "ports.json"; }
    std::filesystem::path admin_token() const { return root / "admin-token"; }
    std::filesystem::path log(const std::string& name) const { return root / "log" / (name + ".log"); }
    std::filesystem::path broker_config() const { return root / "broker" / "labhub.conf"; }
    std::filesystem::path coordinator_config() const { return root / "coordinator.toml"; }
    std::filesystem::path enrolment() const { return root / "nodes.toml"; }
    std::filesystem::path coordinator_key() const { return root / "coordinator_key"; }
    std::filesystem::path operator_key() const { return root / "operator_key"; }  ///< lets a person use ssh
    std::filesystem::path known_hosts() const { return root / "known_hosts"; }
    std::filesystem::path ssh_config() const { return root / "ssh_config"; }
    std::filesystem::path node(const std::string& id) const { return root / "nodes" / id; }
    std::filesystem::path agent_config(const std::string& id) const { return node(id) / "agent.toml"; }
    std::filesystem::path board(const std::string& id) const {
        return node(id) / "board";
    }  ///< the simulated serial port
};

}  // namespace labhub::cli::up
