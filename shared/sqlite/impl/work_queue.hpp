#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::sqlite::impl {

/// One piece of database work on its way to a database thread and back. `run` or `fail` decide its outcome on the
/// database thread, `deliver` then hands it over; each is called once, but `fail` may overrule a `run` that succeeded
/// when the commit did not.
class Job {
  public:
    virtual ~Job() = default;
    /// Does the work and keeps its outcome; returns the outcome's error if it has one.
    virtual Result<void> run(Database& database) = 0;
    virtual void fail(const Error& error) = 0;
    virtual void deliver() noexcept = 0;
};

/// A bounded queue between any threads.
class WorkQueue {
  public:
    WorkQueue(std::string name, std::size_t bound) : name_(std::move(name)), bound_(bound) {}

    /// Error too_many when full, unavailable after close(); the job is then untouched.
    Result<void> push(std::shared_ptr<Job> job);
    /// Waits for work, then takes all of it, at most `most`. Empty: closed and drained.
    std::vector<std::shared_ptr<Job>> take(std::size_t most, std::chrono::milliseconds gather);
    void close();
    std::size_t size() const;

  private:
    std::string name_;
    std::size_t bound_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Job>> jobs_;
    bool closed_ = false;
};

/// Wakes a coroutine on its own executor from another thread. The executor must be one thread or a strand.
class Waker {
  public:
    explicit Waker(asio::any_io_executor executor) : executor_(executor), timer_(executor, Steady::time_point::max()) {}
    /// From any thread: `self` is then woken on its executor.
    static void wake(std::shared_ptr<Waker> self);
    /// Returns after wake; throws operation_aborted, as Asio does, when the awaiting task is cancelled.
    static Task<void> wait(std::shared_ptr<Waker> self);

  private:
    asio::any_io_executor executor_;
    asio::steady_timer timer_;
    bool awake_ = false;
};

/// Work of type F, a function of Database& that returns a Result, and its outcome.
template <class F>
class FunctionJob : public Job {
  public:
    using Outcome = std::invoke_result_t<F&, Database&>;
    explicit FunctionJob(F work) : work_(std::move(work)) {}

    Result<void> run(Database& database) override {
        outcome_.emplace(work_(database));
        if (!*outcome_) return outcome_->error();
        return {};
    }
    void fail(const Error& error) override { outcome_.emplace(Outcome(Error(error))); }
    Outcome take_outcome() { return std::move(*outcome_); }

  protected:
    const Outcome& outcome() const { return *outcome_; }

  private:
    F work_;
    std::optional<Outcome> outcome_;
};

/// A job a coroutine awaits.
template <class F>
class AwaitedJob final : public FunctionJob<F> {
  public:
    using FunctionJob<F>::FunctionJob;
    /// Gives up the waker, so that it ends on its own executor's thread.
    void deliver() noexcept override { Waker::wake(std::move(waker)); }
    std::shared_ptr<Waker> waker;
};

/// A job a thread waits for.
template <class F>
class BlockingJob final : public FunctionJob<F> {
  public:
    using FunctionJob<F>::FunctionJob;
    void deliver() noexcept override { done.set_value(); }
    std::promise<void> done;
};

void log_lost_write(const Error& error);

/// A job nobody waits for; its failure is logged.
template <class F>
class PostedJob final : public FunctionJob<F> {
  public:
    using FunctionJob<F>::FunctionJob;
    void deliver() noexcept override {
        if (!this->outcome()) log_lost_write(this->outcome().error());
    }
};

template <class F>
Task<typename FunctionJob<F>::Outcome> await_job(std::shared_ptr<WorkQueue> queue, std::shared_ptr<AwaitedJob<F>> job) {
    auto executor = co_await asio::this_coro::executor;
    auto waker = std::make_shared<Waker>(executor);
    job->waker = waker;
    auto accepted = queue->push(job);
    if (!accepted) {
        job->fail(accepted.error());
    } else {
        co_await Waker::wait(waker);
    }
    co_return job->take_outcome();
}

template <class F>
typename FunctionJob<F>::Outcome block_on_job(WorkQueue& queue, const std::shared_ptr<BlockingJob<F>>& job) {
    auto done = job->done.get_future();
    if (auto accepted = queue.push(job); !accepted) return std::move(accepted).error();
    done.wait();
    return job->take_outcome();
}

}  // namespace labhub::sqlite::impl
