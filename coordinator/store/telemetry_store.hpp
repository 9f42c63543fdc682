#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/database.hpp"
#include "shared/sqlite/readers.hpp"

namespace labhub::coordinator::store {

/// Readings of one device, in any order.
struct ReadingBatch {
    DeviceAddress device;
    std::vector<Reading> readings;
};

/// All metrics of one moment: a row of telemetry.csv. `values` has one entry for each metric asked for.
struct TelemetryRow {
    UtcMillis time;
    std::vector<Value> values;
};

/// What has been stored since the start.
struct StoreCounts {
    std::uint64_t stored = 0;
    std::uint64_t duplicates = 0;  ///< readings whose series and time it had already
};

/// Readings in telemetry.db, each once: series and time are the key, a second one of the same key is ignored. `append`
/// belongs to one thread, the recorder's; queries run on reader threads.
class TelemetryStore {
  public:
    static Result<std::unique_ptr<TelemetryStore>> open(const std::filesystem::path& path);

    /// Stores all batches in one transaction; when it returns without error they are on disk. Not for two threads at
    /// once. Errors storage_full, corrupt, unavailable: nothing of it is stored then.
    Result<StoreCounts> append(const std::vector<ReadingBatch>& batches);
    /// Remembers a metric's unit for series made from now on and for one that exists.
    Result<void> describe(const DeviceAddress& device, const std::vector<MetricInfo>& metrics);

    /// Calls `row` with the device's readings in [from, to] in order of time, merged by time over `metrics`. Constant
    /// memory. Runs `row` on a reader's thread.
    Task<Result<void>> each_row(DeviceAddress device, std::vector<std::string> metrics, UtcMillis from, UtcMillis to,
                                std::function<Result<void>(const TelemetryRow&)> row);
    /// The metrics the device has ever had readings of, in the order they were first seen.
    Task<Result<std::vector<std::string>>> metrics_of(DeviceAddress device);

  private:
    TelemetryStore(sqlite::Database database, std::unique_ptr<sqlite::Readers> readers)
        : database_(std::move(database)), readers_(std::move(readers)) {}
    Result<std::int64_t> series_id(const DeviceAddress& device, const std::string& metric);

    sqlite::Database database_;
    std::unique_ptr<sqlite::Readers> readers_;
    std::unordered_map<std::string, std::int64_t> series_;  ///< "node/device/metric" → id
};

}  // namespace labhub::coordinator::store
