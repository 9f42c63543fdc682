#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>
#include <boost/json.hpp>

#include "coordinator/domain/telemetry/export_rows.hpp"
#include "coordinator/domain/telemetry/query_time.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::telemetry {

inline constexpr std::size_t kMaxExportSeries = 1'000;

struct ExportRequest {
    std::vector<store::SeriesInfo> series;
    TimeRange range;
    RowFormat format = RowFormat::csv;
    RowLayout layout = RowLayout::wide;
    bool is_zip = false;              ///< the rows and manifest.json in a ZIP archive
    bool has_unit_names = true;       ///< units in the names of a wide layout's columns
    bool has_qualities = false;       ///< a column with the quality beside each of a wide layout's
    std::string experiment;           ///< what the range was taken from; empty if nothing
    std::optional<UtcMillis> origin;  ///< rows have `elapsed_s` since then
    UtcMillis now;
};

/// One export under way. It reads as far as it is asked to and no further: memory is that of one page of samples, and
/// between two calls it holds no lock, no snapshot and no thread. Destroyed when its client goes away.
class Export {
  public:
    /// The next piece of the file, about 64 KiB; empty at its end. Runs on the exporter's threads, one call at a time.
    static Task<Result<std::string>> next(std::shared_ptr<Export> self);
    ~Export();

  private:
    friend class Exporter;
    struct State;
    explicit Export(std::unique_ptr<State> state);
    Result<std::string> fill();
    std::unique_ptr<State> state_;
};

/// Makes exports, on threads of its own, so that a long file delays nothing but other files; bounds how many there are
/// at a time. Main thread. Outlives its exports.
class Exporter {
  public:
    static constexpr std::size_t kMostExports = 16;
    static constexpr std::size_t kThreads = 2;

    explicit Exporter(store::TelemetryStore& store) : store_(store) {}
    /// Errors too_many (exports under way), not_found (no series).
    Result<std::shared_ptr<Export>> open(ExportRequest request);

  private:
    store::TelemetryStore& store_;
    asio::thread_pool threads_{kThreads};
    /// Counted down on one of the threads where that is where an export ends.
    std::shared_ptr<std::atomic<std::size_t>> under_way_ = std::make_shared<std::atomic<std::size_t>>(0);
};

/// What the manifest says before the rows are known: where they come from, the columns with their units, how to read
/// them.
boost::json::object describe_export(const ExportRequest& request);
/// "sim-1-vessel_20260215T182728Z.csv": after the device, or "telemetry" where there are several.
std::string export_file_name(const ExportRequest& request);
/// "text/csv; charset=utf-8", "application/x-ndjson", "application/zip"
std::string export_content_type(const ExportRequest& request);

}  // namespace labhub::coordinator::telemetry
