#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/database.hpp"
#include "shared/sqlite/impl/work_queue.hpp"

namespace labhub::sqlite {

struct ReadersOptions {
    std::size_t queue_bound = 1'024;               ///< reads that may wait; more are Error too_many
    std::chrono::milliseconds time_limit{30'000};  ///< for one read; past it Error timed_out
};

/// A few threads with a read-only connection each. A read sees one state of the file (one transaction), never waits for
/// the writer, and may not change anything. Same rules as Writer for captures, cancellation and end of life.
class Readers {
  public:
    static Result<std::unique_ptr<Readers>> start(const std::filesystem::path& path, int count,
                                                  ReadersOptions options = {});
    ~Readers() { stop(); }
    Readers(const Readers&) = delete;
    Readers& operator=(const Readers&) = delete;

    /// `work` is a function of Database& that returns Result<R>, run on a reader's thread; the awaiting task goes on on
    /// its own executor.
    template <class F>
    auto read(F work) -> Task<std::invoke_result_t<F&, Database&>> {
        return impl::await_job<F>(queue_, std::make_shared<impl::AwaitedJob<F>>(std::move(work)));
    }
    /// For threads without an executor: blocks until done.
    template <class F>
    auto read_and_wait(F work) -> std::invoke_result_t<F&, Database&> {
        return impl::block_on_job<F>(*queue_, std::make_shared<impl::BlockingJob<F>>(std::move(work)));
    }

    /// Finishes what is queued and ends the threads; later reads are Error unavailable.
    void stop();

  private:
    explicit Readers(ReadersOptions options);
    void serve(Database& database);

    ReadersOptions options_;
    std::shared_ptr<impl::WorkQueue> queue_;
    std::vector<Database> databases_;
    std::vector<std::thread> threads_;
};

}  // namespace labhub::sqlite
