#pragma once

#include <list>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "shared/runtime/task.hpp"

namespace labhub {

/// Owns the tasks a component starts, so that none outlives it unnoticed. Not thread-safe: used from the executor's own
/// thread. `stop()` cancels all and waits until each has ended; a component's destructor may run only after that, or
/// after the io_context has been run dry. A task that ends by an exception is a bug: it is logged with the task's name,
/// and the process is aborted, as going on would hide it.
class TaskGroup {
  public:
    explicit TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
    ~TaskGroup() { cancel(); }
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Starts `task`; `name` appears in the log if it fails. After stop() has begun the task is dropped unstarted.
    void spawn(std::string name, Task<void> task);
    /// Asks every task to end, without waiting.
    void cancel();
    /// Asks every task to end and waits until all have.
    Task<void> stop();
    std::size_t size() const { return state_->running.size(); }

  private:
    struct Running {
        std::string name;
        asio::cancellation_signal cancel;
    };
    struct State {
        explicit State(asio::any_io_executor executor_in) : executor(executor_in), drained(executor_in) {
            drained.expires_at(asio::steady_timer::time_point::max());
        }
        asio::any_io_executor executor;
        std::list<Running> running;
        asio::steady_timer drained;
        bool stopping = false;
    };
    std::shared_ptr<State> state_;
};

}  // namespace labhub
