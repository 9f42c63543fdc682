#pragma once

#include <memory>

#include "agent/ssh_server/rpc_requests.hpp"
#include "shared/base/framing.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/ssh/channel.hpp"

namespace labhub::agent::ssh_server {

/// One labhub-rpc conversation: frames in, each answered once, in whatever order answers are ready. At most
/// kMaxUnderWay requests are worked on; more are refused (too_many). What can't be read ends the conversation, as the
/// stream has lost its frames then.
class RpcConversation : public std::enable_shared_from_this<RpcConversation> {
  public:
    static constexpr std::size_t kMaxUnderWay = 64;

    RpcConversation(asio::any_io_executor executor, RpcRequests& requests, ssh::Principal who,
                    std::shared_ptr<ssh::Channel> channel)
        : requests_(requests), who_(std::move(who)), channel_(std::move(channel)), under_way_(executor) {}

    /// Goes on until the coordinator closes the channel, sends nonsense, or the task is cancelled.
    static Task<void> run(std::shared_ptr<RpcConversation> self);

  private:
    /// Error: the conversation must end.
    Result<void> take(std::string_view bytes);
    Result<void> take_message(const std::string& message);
    void send(const rpc::Reply& reply);
    static Task<void> work(std::shared_ptr<RpcConversation> self, rpc::Request request);

    RpcRequests& requests_;
    ssh::Principal who_;
    std::shared_ptr<ssh::Channel> channel_;
    FrameReader frames_;
    TaskGroup under_way_;
};

}  // namespace labhub::agent::ssh_server
