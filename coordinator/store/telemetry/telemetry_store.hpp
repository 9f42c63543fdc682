#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/store/telemetry/types.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::store {

/// Walks over the samples of some series in order of time, a page at a time, so that who reads sets the pace and memory
/// doesn't grow with the range. Holds no lock and no snapshot between pages: samples that arrive behind the cursor are
/// not seen. One page at a time; the store must outlive it.
class SampleScan {
  public:
    explicit SampleScan(std::unique_ptr<class ScanState> state);
    ~SampleScan();
    SampleScan(SampleScan&&) noexcept;

    /// The next samples, about `most` of them and all of each moment, in order of time and then of the series asked
    /// for. Empty: that was all. Runs on a reader's thread. Error unavailable when the store is being closed.
    Task<Result<std::vector<ScannedSample>>> next(std::size_t most);
    /// The same on the calling thread.
    Result<std::vector<ScannedSample>> next_here(std::size_t most);
    /// Blocks left out so far, as their checksum is wrong.
    std::uint64_t damaged_blocks() const;

  private:
    std::shared_ptr<ScanState> state_;
};

/// Readings in the folder `telemetry/`, each once: series and time are the key, a second one of the same key is
/// ignored. docs/adr/0006-telemetry-store.md says how it is laid out.
///
/// Threads: `append` and `describe` may be called from any thread, one at a time enters; what append returned without
/// error is on disk (fsync). `resolve`, `spool_position`, `series`, `info` and `statistics` never wait for the disk.
/// Queries run on reader threads of the store and never wait for a commit. A thread of its own seals, compacts and
/// deletes. Failure: a failed append has stored nothing of it; a damaged block is set aside and counted, never read; a
/// failed seal is tried again and loses nothing, as the journal has it.
class TelemetryStore {
  public:
    /// Opens, or makes, the folder. Errors unsupported (a later version wrote it), corrupt, storage_full.
    static Result<std::unique_ptr<TelemetryStore>> open(const std::filesystem::path& folder,
                                                        TelemetryOptions options = {});
    ~TelemetryStore();

    /// The series' handle for append, made when it is new: to be asked once for each metric of a birth. No I/O. Error
    /// too_many past series_bound.
    Result<SeriesId> resolve(const DeviceAddress& device, std::string_view metric);
    /// Stores all samples or none; when it returns without error they are on disk. Errors storage_full, unavailable.
    /// `positions`, of spools the samples came from, are stored in the same commit, or not at all where no sample is
    /// new.
    Result<StoreCounts> append(std::span<const NewSample> samples, std::span<const SpoolPosition> positions = {});
    /// The same for readings by name.
    Result<StoreCounts> append(const std::vector<ReadingBatch>& batches);
    /// Remembers units, for series that exist and for new ones: all in one commit. Error too_many where some find no
    /// room past series_bound; the others are remembered all the same.
    Result<void> describe(std::span<const DescribedDevice> devices);
    Result<void> describe(const DeviceAddress& device, const std::vector<MetricInfo>& metrics);

    /// How far the node's spool is stored; nothing where that isn't known of this life of it. No I/O.
    std::optional<std::int64_t> spool_position(const NodeId& node, std::string_view life) const;

    /// The series that exist, in the order in which they were first heard of. Copies all of them: not for the main
    /// thread.
    std::vector<SeriesInfo> series(const SeriesFilter& filter = {}) const;
    Result<SeriesInfo> info(SeriesId id) const;
    /// The series of that name; nullopt when there is none.
    std::optional<SeriesId> find(const DeviceAddress& device, std::string_view metric) const;
    /// The metrics the device has ever had readings of, in the order they were first seen.
    Task<Result<std::vector<std::string>>> metrics_of(DeviceAddress device);

    /// One answer for each series asked for, in that order. Errors out_of_range (to before from, fewer than 2
    /// points, a step that makes more than 200,000 values of all series together), not_found (no such series), too_many
    /// (readers overloaded), timed_out (30 s).
    Task<Result<std::vector<SeriesPoints>>> query(SeriesQuery question);
    /// The same on the calling thread, which must not be one that runs an io_context.
    Result<std::vector<SeriesPoints>> query_here(const SeriesQuery& question);
    /// The newest sample of each series; series that have none are left out.
    Task<Result<std::vector<std::pair<SeriesId, Sample>>>> latest(std::vector<SeriesId> series);
    /// Samples in [from, to] for export of any length, at the reader's pace.
    SampleScan scan(std::vector<SeriesId> series, UtcMillis from, UtcMillis to);
    /// Calls `sample` for all of them on a reader's thread, in order of time; ends with the first error it returns.
    Task<Result<void>> each_sample(std::vector<SeriesId> series, UtcMillis from, UtcMillis to,
                                   std::function<Result<void>(const ScannedSample&)> sample);
    /// Calls `row` with the device's readings in [from, to] in order of time, merged by time over `metrics`. A moment
    /// at which only other metrics of the device were read gives a row of nulls; a value of bad quality is null too.
    /// Constant memory. On a reader's thread.
    Task<Result<void>> each_row(DeviceAddress device, std::vector<std::string> metrics, UtcMillis from, UtcMillis to,
                                std::function<Result<void>(const TelemetryRow&)> row);

    /// Does what is due of sealing, compacting, setting aside and deleting. Blocks; the own thread calls it by itself.
    Result<TendReport> tend();
    /// Seals all there is and merges small blocks, whether due or not: for tests, and before a backup.
    Result<TendReport> settle();
    TelemetryStatistics statistics() const;

    struct Parts;

  private:
    explicit TelemetryStore(std::shared_ptr<Parts> parts);
    std::shared_ptr<Parts> parts_;
};

}  // namespace labhub::coordinator::store
