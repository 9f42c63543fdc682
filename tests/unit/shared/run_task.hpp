#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "shared/runtime/task.hpp"

namespace labhub::test {

/// Runs the loop until the task has ended, and returns what it returned. Throws what it threw, and when it has not
/// ended after half a minute.
template <class T>
T run_task(asio::io_context& io, Task<T> task) {
    std::optional<T> result;
    std::exception_ptr failure;
    bool ended = false;
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T value) {
        failure = thrown;
        result.emplace(std::move(value));
        ended = true;
    });
    io.restart();
    const auto deadline = Steady::now() + std::chrono::seconds{30};
    while (!ended && Steady::now() < deadline) io.run_one_until(deadline);
    if (!ended) throw std::runtime_error("the task did not end in time");
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

inline void run_task(asio::io_context& io, Task<void> task) {
    auto wrap = [](Task<void> inner) -> Task<bool> {
        co_await std::move(inner);
        co_return true;
    };
    run_task<bool>(io, wrap(std::move(task)));
}

}  // namespace labhub::test
