#pragma once

#include <string>

#include "agent/ssh_server/exec_grammar.hpp"
#include "agent/ssh_server/node_face.hpp"
#include "shared/runtime/task.hpp"
#include "shared/ssh/server.hpp"

namespace labhub::agent::ssh_server {

/// Carries out what people type: `ssh node status`. Answers on stdout, errors on stderr with what would be right. Exit
/// status 0: done, 1: refused or failed, 2: not understood.
class ExecCommands {
  public:
    explicit ExecCommands(const NodeFace& face) : face_(face) {}

    Task<ssh::ExecResult> run(ssh::Principal who, std::string line);

  private:
    Task<ssh::ExecResult> carry_out(safety::Asker asker, ExecCommand command);
    Task<ssh::ExecResult> set(safety::Asker asker, sampling::Device* device, SetCommand wish);
    Task<ssh::ExecResult> hold(safety::Asker asker, sampling::Device* device);
    ssh::ExecResult acknowledge(const safety::Asker& asker, const std::string& device, const std::string& metric) const;
    ssh::ExecResult status() const;
    ssh::ExecResult sensors(const sampling::Device& device, bool json) const;
    ssh::ExecResult get(const sampling::Device& device, const std::string& metric) const;
    ssh::ExecResult logs(std::size_t lines) const;

    const NodeFace& face_;
};

}  // namespace labhub::agent::ssh_server
