#include "shared/runtime/task_group.hpp"

#include <cstdlib>
#include <exception>

#include <spdlog/spdlog.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

namespace labhub {
namespace {

/// The Asio throw of a cancelled operation, which ends a task in the ordinary way.
bool is_cancellation(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

[[noreturn]] void die_of(const std::string& task, const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        spdlog::critical("task '{}' ended by an exception: {}", task, error.what());
    } catch (...) {
        spdlog::critical("task '{}' ended by an unknown exception", task);
    }
    spdlog::default_logger()->flush();
    std::abort();
}

}  // namespace

void TaskGroup::spawn(std::string name, Task<void> task) {
    if (state_->stopping) return;
    state_->running.emplace_back();
    const auto self = std::prev(state_->running.end());
    self->name = std::move(name);
    auto ended = [state = state_, self](std::exception_ptr failure) {
        if (failure && !is_cancellation(failure)) die_of(self->name, failure);
        state->running.erase(self);
        if (state->running.empty()) state->drained.cancel();
    };
    asio::co_spawn(state_->executor, std::move(task),
                   asio::bind_cancellation_slot(self->cancel.slot(), std::move(ended)));
}

void TaskGroup::cancel() {
    state_->stopping = true;
    // Emitting may end a task on the spot only after a post, so the list stays intact during this walk.
    for (auto& running : state_->running) {
        asio::post(state_->executor, [state = state_, target = &running] {
            for (auto& alive : state->running)
                if (&alive == target) return alive.cancel.emit(asio::cancellation_type::terminal);
        });
    }
}

Task<void> TaskGroup::stop() {
    const auto state = state_;
    cancel();
    while (!state->running.empty()) co_await state->drained.async_wait(as_result);
}

}  // namespace labhub
