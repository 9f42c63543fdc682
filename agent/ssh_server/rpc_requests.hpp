#pragma once

#include "agent/ssh_server/node_face.hpp"
#include "shared/proto/agent_rpc_convert.hpp"
#include "shared/runtime/task.hpp"
#include "shared/ssh/server.hpp"

namespace labhub::agent::ssh_server {

/// Answers one request of the coordinator. Every request gets exactly one reply; what can't be done is a Failure in it.
class RpcRequests {
  public:
    explicit RpcRequests(const NodeFace& face) : face_(face) {}

    Task<rpc::Reply> answer(ssh::Principal who, rpc::Request request);

  private:
    rpc::Reply hello(const rpc::HelloRequest& request) const;
    Task<rpc::Reply> apply(safety::Asker asker, rpc::ApplyRequest request);
    Task<rpc::Reply> hold(safety::Asker asker, rpc::HoldRequest request);
    Task<rpc::Reply> lease(safety::Asker asker, rpc::LeaseRequest request);
    rpc::Reply read(const rpc::ReadRequest& request) const;
    rpc::Reply logs(const rpc::LogsRequest& request) const;
    rpc::Reply acknowledge_alarm(safety::Asker asker, const rpc::AcknowledgeAlarmRequest& request) const;

    const NodeFace& face_;
};

}  // namespace labhub::agent::ssh_server
