#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "shared/runtime/task.hpp"

namespace labhub::firmware_bridge {

/// An io_context whose tasks never end, turned as far as a test needs.
class DriverLoop {
  public:
    ~DriverLoop() { io_.run_for(std::chrono::seconds{5}); }

    asio::any_io_executor executor() { return io_.get_executor(); }

    /// Runs the task to its end, at most 30 s; past that the process is aborted by the missing value.
    template <class T>
    T run(Task<T> task) {
        std::optional<T> outcome;
        asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure, T value) {
            if (failure) std::rethrow_exception(failure);
            outcome = std::move(value);
        });
        turn_until([&] { return outcome.has_value(); }, std::chrono::seconds{30});
        return std::move(outcome.value());
    }
    void run(Task<void> task) {
        bool ended = false;
        asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
            ended = true;
        });
        turn_until([&] { return ended; }, std::chrono::seconds{30});
    }
    /// Whether the condition came true within the limit.
    bool turn_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
        const auto deadline = Steady::now() + limit;
        while (!condition() && Steady::now() < deadline) {
            io_.restart();
            io_.run_one_for(std::chrono::milliseconds{10});
        }
        return condition();
    }

  private:
    asio::io_context io_{1};
};

}  // namespace labhub::firmware_bridge
