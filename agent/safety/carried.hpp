#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::agent::safety {

/// Where an asker waits for an outcome, shared with the work, so that either may go first.
template <class T>
struct Ticket {
    explicit Ticket(asio::any_io_executor executor) : done(executor, Steady::time_point::max()) {}
    asio::steady_timer done;
    std::optional<Result<T>> outcome;
    bool ended = false;
};

/// Tells the ticket's holder when the work is over, however it ended.
template <class T>
struct TicketEnd {
    std::shared_ptr<Ticket<T>> ticket;
    ~TicketEnd() {
        ticket->ended = true;
        ticket->done.cancel();
    }
};

template <class T>
Task<void> fill(std::shared_ptr<Ticket<T>> ticket, Task<Result<T>> work) {
    const TicketEnd<T> end{ticket};
    auto outcome = co_await std::move(work);
    ticket->outcome.emplace(std::move(outcome));
}

/// Runs `work` in `group`, to its end though whoever awaits this is cancelled: a client that hangs up must not leave
/// actuators half-way.
template <class T>
Task<Result<T>> carried(TaskGroup* group, std::string name, Task<Result<T>> work) {
    auto executor = co_await asio::this_coro::executor;
    auto ticket = std::make_shared<Ticket<T>>(executor);
    group->spawn(std::move(name), fill<T>(ticket, std::move(work)));
    while (!ticket->ended) {
        co_await ticket->done.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (!ticket->ended && state.cancelled() != asio::cancellation_type::none) {
            Error gone{ErrorCode::timed_out, "the asker went away before the answer"};
            co_return gone;
        }
    }
    if (!ticket->outcome) {
        Error stopped{ErrorCode::unavailable, "the agent is stopping"};
        co_return stopped;
    }
    co_return std::move(*ticket->outcome);
}

}  // namespace labhub::agent::safety
