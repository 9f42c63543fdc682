#pragma once

#include <chrono>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/database.hpp"
#include "shared/sqlite/impl/work_queue.hpp"

namespace labhub::sqlite {

struct WriterOptions {
    std::size_t queue_bound = 4'096;           ///< writes that may wait; more are Error too_many
    std::size_t group_bound = 1'024;           ///< most writes in one transaction
    std::chrono::milliseconds group_delay{0};  ///< how long to gather after the first write; 0 groups what queued up
                                               ///< while the last commit ran
};

/// The one thread that writes to a SQLite file. It takes all waiting writes, runs them in order in one transaction with
/// a savepoint each, commits once and only then reports: a write that returned a value is on disk. A write that returns
/// an error is undone alone; if the commit fails, all of the group fail with its error. Work must not begin or end
/// transactions, and must capture what it needs by value, as it may outlive the task that awaits it.
/// Any thread may write; a cancelled task leaves its write running. Stop it (or destroy it) before the io_context of
/// those who wait.
class Writer {
  public:
    static Result<std::unique_ptr<Writer>> start(Database database, WriterOptions options = {});
    ~Writer() { stop(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// `work` is a function of Database& that returns Result<R>, run on the writer's thread. The awaiting task goes on,
    /// on its own executor, after the commit. Errors besides the work's own: too_many (queue full), unavailable
    /// (stopped), storage_full and the like from the commit.
    template <class F>
    auto write(F work) -> Task<std::invoke_result_t<F&, Database&>> {
        return impl::await_job<F>(queue_, std::make_shared<impl::AwaitedJob<F>>(std::move(work)));
    }
    /// Fire and forget: failures are logged.
    template <class F>
    void post(F work) {
        auto accepted = queue_->push(std::make_shared<impl::PostedJob<F>>(std::move(work)));
        if (!accepted) impl::log_lost_write(accepted.error());
    }
    /// For threads without an executor: blocks until the commit. Never from a thread that runs an io_context.
    template <class F>
    auto write_and_wait(F work) -> std::invoke_result_t<F&, Database&> {
        return impl::block_on_job<F>(*queue_, std::make_shared<impl::BlockingJob<F>>(std::move(work)));
    }

    /// Commits what is queued and ends the thread; later writes are Error unavailable.
    void stop();
    /// Writes that wait now.
    std::size_t waiting() const { return queue_->size(); }

  private:
    Writer(Database database, WriterOptions options);
    void serve();
    std::size_t commit_group(const std::vector<std::shared_ptr<impl::Job>>& jobs, std::size_t first);

    WriterOptions options_;
    Database database_;
    std::shared_ptr<impl::WorkQueue> queue_;
    std::thread thread_;
};

}  // namespace labhub::sqlite
