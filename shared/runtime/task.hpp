#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub {

namespace asio = boost::asio;

/// A coroutine of ours. It runs on the executor it was started on, and is cancelled through Asio's cancellation slots.
///
/// g++ 12.2 miscompiles some awaiting expressions (docs/adr/0002): name every operand first, then await it. No braced
/// temporary, capturing lambda, class-typed ?:, throw or aggregate initialisation inside an expression that awaits.
/// scripts/check refuses those forms.
template <class T = void>
using Task = asio::awaitable<T>;

/// Completion token: errors come back as the first element of a tuple instead of a throw.
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

/// Sleeps on the monotonic clock. Returns early, without error, when the task is cancelled. Not inline: what waiting on
/// a timer makes of Asio would cost every unit a second to compile.
Task<void> sleep_for(Steady::duration duration);

namespace impl {

/// How a task ended: a value, or what it threw.
template <class T>
struct Ended {
    std::optional<T> value;
    std::exception_ptr failure;
};

template <class T>
Task<Ended<T>> catching(Task<T> task) {
    Ended<T> ended;
    try {
        T value = co_await std::move(task);
        ended.value.emplace(std::move(value));
    } catch (...) {
        ended.failure = std::current_exception();
    }
    co_return ended;
}

/// The value, unless the time ran out first. Asio's || alone would wait the whole time for a task that threw, and then
/// drop what it threw.
template <class T>
Task<std::optional<T>> race(Steady::duration limit, Task<T> task) {
    using namespace asio::experimental::awaitable_operators;
    auto first = co_await (catching(std::move(task)) || sleep_for(limit));
    if (first.index() != 0) co_return std::nullopt;
    Ended<T>& ended = std::get<0>(first);
    if (ended.failure) std::rethrow_exception(ended.failure);
    co_return std::move(ended.value);
}

}  // namespace impl

/// Awaits `task` for at most `limit`; past that it is cancelled, awaited to its end, and `nullopt` is returned. The
/// task must answer to cancellation (everything built of Asio operations does). What it throws comes through at once.
template <class T>
Task<std::optional<T>> within(Steady::duration limit, Task<T> task) {
    return impl::race(limit, std::move(task));
}

/// The same for tasks that return a Result: running out of time is Error timed_out, "<doing>: no answer within 5s".
template <class T>
Task<Result<T>> within(Steady::duration limit, std::string doing, Task<Result<T>> task) {
    auto first = co_await impl::race(limit, std::move(task));
    if (first) co_return std::move(*first);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
    Error late{ErrorCode::timed_out, doing + ": no answer within " + format_duration(millis)};
    co_return Result<T>(std::move(late));
}

}  // namespace labhub
