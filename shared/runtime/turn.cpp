#include "shared/runtime/turn.hpp"

namespace labhub {

Task<Result<Turn::Held>> Turn::take() {
    if (!taken_) {
        taken_ = true;
        co_return Held{this};
    }
    if (waiting_.size() >= kMaxWaiting) {
        Error full{ErrorCode::too_many, "too many wait for their turn already", "try again in a moment"};
        co_return full;
    }
    auto self = std::make_shared<Waiter>(executor_);
    waiting_.push_back(self);
    while (!self->has_turn) {
        co_await self->timer.async_wait(as_result);
        const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
        if (self->has_turn) break;
        if (cancelled != asio::cancellation_type::none) {
            waiting_.remove(self);
            Error gone{ErrorCode::unavailable, "cancelled while waiting for a turn"};
            co_return gone;
        }
    }
    co_return Held{this};
}

void Turn::pass_on() {
    if (waiting_.empty()) {
        taken_ = false;
        return;
    }
    const auto next = waiting_.front();
    waiting_.pop_front();
    next->has_turn = true;
    next->timer.cancel();
}

}  // namespace labhub
