#include "agent/ssh_server/rpc_conversation.hpp"

#include <spdlog/spdlog.h>

namespace labhub::agent::ssh_server {

Task<void> RpcConversation::run(std::shared_ptr<RpcConversation> self) {
    spdlog::info("rpc {} ({}) begins", self->who_.name, self->who_.fingerprint);
    Error end{ErrorCode::unavailable, "closed by the coordinator"};
    while (true) {
        const auto bytes = co_await self->channel_->read();
        if (!bytes) end = bytes.error();
        if (!bytes || bytes->empty()) break;
        if (auto taken = self->take(*bytes); !taken) {
            end = taken.error();
            break;
        }
    }
    spdlog::info("rpc {} ends: {}", self->who_.name, end.to_string());
    // What was begun is carried to its end by the command path; only its answer has nowhere to go.
    self->channel_->close();
    co_await self->under_way_.stop();
}

Result<void> RpcConversation::take(std::string_view bytes) {
    frames_.append(bytes);
    while (true) {
        LABHUB_TRY(const std::optional<std::string> message, frames_.next());
        if (!message) return {};
        LABHUB_CHECK(take_message(*message));
    }
}

Result<void> RpcConversation::take_message(const std::string& message) {
    rpc::Request request;
    if (!request.ParseFromString(message)) return Error{ErrorCode::malformed, "a frame holds no request"};
    if (under_way_.size() < kMaxUnderWay) {
        under_way_.spawn("rpc request", work(shared_from_this(), std::move(request)));
        return {};
    }
    rpc::Reply reply;
    reply.set_id(request.id());
    *reply.mutable_failure() = rpc::to_rpc(Error{ErrorCode::too_many, "too many requests are under way",
                                                 "at most " + std::to_string(kMaxUnderWay) + " at a time"});
    send(reply);
    return {};
}

void RpcConversation::send(const rpc::Reply& reply) {
    const auto sent = channel_->try_write(encode_frame(reply.SerializeAsString()));
    if (!sent) spdlog::debug("rpc {}: a reply has nowhere to go: {}", who_.name, sent.error().to_string());
    // A coordinator that doesn't read its answers has to begin anew; silently missing one would hang it.
    if (!sent && sent.error().code == ErrorCode::too_many) channel_->close();
}

Task<void> RpcConversation::work(std::shared_ptr<RpcConversation> self, rpc::Request request) {
    const auto reply = co_await self->requests_.answer(self->who_, std::move(request));
    self->send(reply);
}

}  // namespace labhub::agent::ssh_server
