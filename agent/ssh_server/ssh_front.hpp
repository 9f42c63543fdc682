#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/ssh_server/exec_commands.hpp"
#include "agent/ssh_server/rpc_requests.hpp"
#include "shared/ssh/server.hpp"

namespace labhub::agent::ssh_server {

/// A key that may log in.
struct AuthorizedKey {
    std::string name;
    std::string role;  ///< a name safety::role_from_name knows
    ssh::PublicKey key;
};

/// What the agent's SSH server does: `exec` for people, the subsystem labhub-rpc for the coordinator.
/// Outlives the ssh::Server that calls it.
class SshFront {
  public:
    SshFront(NodeFace face, std::vector<AuthorizedKey> keys)
        : face_(std::move(face)), keys_(std::move(keys)), commands_(face_), requests_(face_) {}
    SshFront(const SshFront&) = delete;
    SshFront& operator=(const SshFront&) = delete;

    ssh::Handlers handlers();

  private:
    std::optional<ssh::Principal> authorize(const ssh::PublicKey& key) const;

    NodeFace face_;
    std::vector<AuthorizedKey> keys_;
    ExecCommands commands_;
    RpcRequests requests_;
};

}  // namespace labhub::agent::ssh_server
