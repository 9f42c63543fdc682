#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <boost/asio/thread_pool.hpp>

#include "coordinator/store/telemetry/keeper.hpp"
#include "coordinator/store/telemetry/reading.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::store {

/// The store's parts, in the order they are made.
struct TelemetryStore::Parts {
    Parts(TelemetryOptions options_in, std::unique_ptr<telemetry::PartitionSet> partitions_in,
          telemetry::Journal journal)
        : options(std::move(options_in)),
          clock(options.clock ? *options.clock : system_clock),
          partitions(std::move(partitions_in)),
          catalogue(options.classes, options.series_bound),
          appender(catalogue, *partitions, std::move(journal), options.seal_samples * kUnsealedFactor),
          keeper(catalogue, appender, *partitions, options, clock),
          sources{catalogue, appender, *partitions},
          readers(static_cast<std::size_t>(options.reader_threads)) {}
    ~Parts();

    /// Runs `work` on a reader's thread. Error too_many when kReadsBound are waiting, unavailable while closing.
    template <class F>
    Task<std::invoke_result_t<F>> read(F work) {
        auto guarded = [this, work = std::move(work)]() mutable -> std::invoke_result_t<F> {
            auto outcome = is_closing ? std::invoke_result_t<F>(closing()) : work();
            --reads;
            return outcome;
        };
        if (++reads <= kReadsBound) return run_blocking(readers, std::move(guarded));
        --reads;
        return refuse<std::invoke_result_t<F>>();
    }
    void start_keeping();
    void keep();
    static Error closing() { return {ErrorCode::unavailable, "the telemetry store is being closed"}; }

    static constexpr std::size_t kUnsealedFactor = 4;  ///< times seal_samples: past that appends are refused
    static constexpr int kReadsBound = 256;

    SystemClock system_clock;
    TelemetryOptions options;
    const Clock& clock;
    std::unique_ptr<telemetry::PartitionSet> partitions;
    telemetry::Catalogue catalogue;
    telemetry::Appender appender;
    telemetry::Keeper keeper;
    telemetry::Sources sources;

    std::atomic<int> reads = 0;
    std::atomic<bool> is_closing = false;
    asio::thread_pool readers;

    std::mutex keep_mutex;
    std::condition_variable keep_changed;
    bool is_nudged = false;
    std::thread keeping;

  private:
    template <class R>
    static Task<R> refuse() {
        Error full{ErrorCode::too_many, "the telemetry store is overloaded",
                   std::to_string(kReadsBound) + " questions wait already"};
        co_return R(std::move(full));
    }
};

/// Reads the samples of an earlier labhub's telemetry.db into the store and renames the file. Can be repeated.
Result<void> import_samples(TelemetryStore& store, const std::filesystem::path& database);

}  // namespace labhub::coordinator::store
