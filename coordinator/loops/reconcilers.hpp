#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::loops {

/// Work that brings what is towards what should be: takes no input, is idempotent, runs on a period and on a nudge.
struct Reconciler {
    std::string name;
    std::chrono::milliseconds period;
    std::function<Task<void>()> run;
    std::optional<UtcMillis> last_run;  ///< when it last ended
    bool is_nudged = false;
    std::unique_ptr<asio::steady_timer> pause = nullptr;
};

/// The one list of reconcilers, each in a task of its own. Lives on the main thread.
class Reconcilers {
  public:
    Reconcilers(asio::any_io_executor executor, const Clock& clock)
        : executor_(executor), clock_(clock), tasks_(executor) {}

    void add(std::string name, std::chrono::milliseconds period, std::function<Task<void>()> run);
    /// Starts all. No add() after it.
    void start();
    /// Runs that one now, or once more when it is running.
    void nudge(std::string_view name);
    Task<void> stop() { return tasks_.stop(); }
    const std::vector<Reconciler>& list() const { return list_; }

  private:
    Task<void> repeat(std::size_t index);

    asio::any_io_executor executor_;
    const Clock& clock_;
    std::vector<Reconciler> list_;
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::loops
