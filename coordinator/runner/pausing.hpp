#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/runner/freezer.hpp"
#include "coordinator/runner/job_report.hpp"
#include "shared/base/clock.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {

/// Freezes and thaws one job's sandbox as it is told, and counts how long its script has really run. What was asked
/// last is what becomes true: asking for what is under way or done is fine. Nothing is frozen any more when this is
/// gone; when the whole process is, a FreezeGuard sees to it.
///
/// Single-threaded, on one executor.
class Pausing {
  public:
    struct Events {
        /// The sandbox's cgroup and first process, asked for at each pause.
        std::function<Result<Freezer>()> find_freezer;
        /// It has been frozen or thawed, or could not be.
        std::function<void(const PauseState&)> on_change;
        /// A pause has lasted for as long as it may.
        std::function<void()> on_limit;
    };

    /// `tasks` runs what takes time; it is stopped before this ends.
    Pausing(asio::any_io_executor executor, TaskGroup& tasks, Events events);
    ~Pausing();

    /// Freezes it for at most `limit`.
    void pause(std::chrono::milliseconds limit);
    void resume();
    /// Thaws it, and freezes it never again: it is being ended. At once, whatever is under way.
    void end();
    PauseState state() const;

    /// Ends when the script has run for `limit`, the time it was paused for not counted; or when it is cancelled.
    Task<void> run_for(std::chrono::milliseconds limit);

  private:
    bool is_paused() const { return paused_at_.has_value(); }
    void begin_settling();
    Task<void> settle();
    Task<void> freeze();
    Result<void> begin();
    Task<bool> await_frozen();
    Task<void> watch_limit();
    void thaw();
    void fail(const Error& why);
    void tell(std::string failure = {});
    Steady::duration paused_for() const;

    Events events_;
    bool is_wanted_ = false, is_frozen_ = false, has_ended_ = false, is_settling_ = false;
    std::chrono::milliseconds limit_{0};
    std::optional<Freezer> freezer_;
    std::optional<FreezeGuard> guard_;
    std::optional<Steady::time_point> paused_at_;  ///< when the freezing of this pause began
    Steady::duration paused_before_{0};            ///< by all pauses before it
    asio::steady_timer run_timer_, limit_timer_;
    TaskGroup& tasks_;
};

}  // namespace labhub::coordinator::runner
