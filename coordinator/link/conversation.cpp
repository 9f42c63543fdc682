#include "coordinator/link/conversation.hpp"

#include <spdlog/spdlog.h>

#include "shared/proto/agent_rpc_convert.hpp"

namespace labhub::coordinator::link {

Conversation::Conversation(asio::any_io_executor executor, std::shared_ptr<ByteStream> channel,
                           std::size_t most_pending)
    : executor_(executor), channel_(std::move(channel)), most_pending_(most_pending) {}

Result<std::shared_ptr<Conversation::Pending>> Conversation::send(rpc::Request& request) {
    if (over_) return *over_;
    if (pending_.size() >= most_pending_)
        return Error{ErrorCode::too_many,
                     std::to_string(pending_.size()) + " requests to the node are waiting for their answers already"};
    request.set_id(++last_id_);
    const std::string message = request.SerializeAsString();
    if (message.size() > kMaxFrameBytes)
        return Error{ErrorCode::too_large, "the request is " + std::to_string(message.size()) + " bytes long",
                     "at most " + std::to_string(kMaxFrameBytes)};
    LABHUB_CHECK(channel_->try_write(encode_frame(message)));
    auto pending = std::make_shared<Pending>(executor_);
    pending_.emplace(request.id(), pending);
    return pending;
}

Task<Result<rpc::Reply>> Conversation::ask(rpc::Request request, std::chrono::milliseconds timeout) {
    using Outcome = Result<rpc::Reply>;
    const auto self = shared_from_this();
    auto sent = send(request);
    if (!sent) co_return Outcome(sent.error());
    const std::shared_ptr<Pending> pending = *sent;
    struct Forget {
        std::shared_ptr<Conversation> conversation;
        std::uint64_t id;
        ~Forget() { conversation->pending_.erase(id); }
    };
    const Forget forget{self, request.id()};
    if (!pending->outcome) {
        pending->answered.expires_after(timeout);
        co_await pending->answered.async_wait(as_result);
    }
    if (pending->outcome) co_return std::move(*pending->outcome);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    const bool cancelled = cancellation.cancelled() != asio::cancellation_type::none;
    const std::string why = cancelled ? std::string("cancelled") : "no answer within " + format_duration(timeout);
    Error late{ErrorCode::timed_out, "the node's agent: " + why};
    co_return Outcome(std::move(late));
}

void Conversation::take(const std::string& message) {
    rpc::Reply reply;
    if (!reply.ParseFromString(message)) {
        spdlog::warn("link: an agent's reply of {} bytes can't be parsed; it is passed over", message.size());
        return;
    }
    const auto found = pending_.find(reply.id());
    if (found == pending_.end()) {
        spdlog::debug("link: a reply to request {} came too late", reply.id());
        return;
    }
    Pending& pending = *found->second;
    if (reply.has_failure())
        pending.outcome.emplace(rpc::from_rpc(reply.failure()));
    else
        pending.outcome.emplace(std::move(reply));
    pending.answered.cancel();
}

Task<Error> Conversation::read_replies() {
    const auto self = shared_from_this();
    for (;;) {
        auto reading = channel_->read();
        auto bytes = co_await std::move(reading);
        if (!bytes) co_return bytes.error();
        if (bytes->empty()) {
            Error closed{ErrorCode::unavailable, "the agent closed the conversation"};
            co_return closed;
        }
        frames_.append(*bytes);
        for (;;) {
            auto message = frames_.next();
            if (!message) co_return message.error();
            if (!*message) break;
            take(**message);
        }
    }
}

void Conversation::fail(Error why) {
    if (over_) return;
    over_ = std::move(why);
    for (const auto& [id, pending] : pending_) {
        pending->outcome.emplace(*over_);
        pending->answered.cancel();
    }
    pending_.clear();
    channel_->close();
}

}  // namespace labhub::coordinator::link
