#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::store {

/// One series of the store: a metric of a device. Counts from 1, stays the same for as long as the store exists.
enum class SeriesId : std::uint32_t {};

/// Readings of one device, in any order.
struct ReadingBatch {
    DeviceAddress device;
    std::vector<Reading> readings;
};

/// One reading whose series has been resolved before: what the fast path of append takes.
struct NewSample {
    SeriesId series{};
    Quality quality = Quality::good;
    UtcMillis time;
    Value value;
};

/// How far a node's spool is stored: everything it has said up to this position. What it means ends with the spool's
/// `life`, as its node names it.
struct SpoolPosition {
    NodeId node;
    std::string life;
    std::int64_t position = 0;
};

/// A device and what it measures.
struct DescribedDevice {
    const DeviceAddress& device;
    const std::vector<MetricInfo>& metrics;
};

/// All metrics of one moment: a row of telemetry.csv. `values` has one entry for each metric asked for.
struct TelemetryRow {
    UtcMillis time;
    std::vector<Value> values;
};

/// What became of readings given to append.
struct StoreCounts {
    std::uint64_t stored = 0;
    std::uint64_t duplicates = 0;  ///< readings whose series and time it had already
    std::uint64_t refused = 0;     ///< times before 1970 or after the year 6000; never stored
};

/// What is known of a series without reading its samples.
struct SeriesInfo {
    SeriesId id{};
    DeviceAddress device;
    std::string metric;
    std::string unit;
    UtcMillis first;          ///< time of the oldest sample there is
    UtcMillis last;           ///< time of the newest one
    std::uint64_t count = 0;  ///< samples there are; 0: never heard of, or retention has deleted all of them
};

/// Which series; empty members let all through.
struct SeriesFilter {
    std::string node;
    std::string device;  ///< its name within the node
    std::vector<std::string> metrics;
    bool admits(const DeviceAddress& address, const std::string& metric) const;
};

/// One stored reading. `value` is null where none was to be had.
struct Sample {
    UtcMillis time;
    Value value;
    Quality quality = Quality::good;
};

/// How the samples of one step become one value. Readings of bad quality and nulls don't take part, but in `count`.
enum class Aggregate { average, minimum, maximum, last, count };

/// A question about several series at once. With `step` each bucket [from + n·step, from + (n+1)·step) gives one exact
/// value, at the bucket's beginning; empty buckets are left out. Without it each series gives at most `max_points` of
/// its own samples, with each bucket's smallest and largest at their true times; a series with no more samples than
/// that gives all of them. Downsampled values are numbers, booleans as 0 and 1; texts can't be ordered, so of them each
/// bucket gives the last. A downsampled value is of the quality of the worst readings it was made of, and uncertain
/// where bad ones were left out; of blocks written before summaries held that it isn't known, and said to be good.
struct SeriesQuery {
    std::vector<SeriesId> series;
    UtcMillis from;  ///< inclusive
    UtcMillis to;    ///< inclusive
    std::size_t max_points = 1'000;
    std::optional<std::chrono::milliseconds> step;
    Aggregate aggregate = Aggregate::average;
};

/// The answer for one series, in order of time.
struct SeriesPoints {
    SeriesId series{};
    std::vector<Sample> points;
    bool is_downsampled = false;       ///< false: these are all its samples
    std::uint64_t samples = 0;         ///< how many the range holds (near its edges to a chunk's precision)
    std::uint64_t damaged_blocks = 0;  ///< left out as their checksum is wrong
};

/// A sample of one of several series: `series` is its place among those asked for.
struct ScannedSample {
    std::size_t series = 0;
    Sample sample;
};

/// How long samples are kept. A series belongs to the first class one of whose patterns matches "node/device/metric" or
/// the metric's name alone (`*` and `?` as in file names), else to the class `default`. A change of patterns takes
/// effect with the next day.
struct SeriesClass {
    std::string name;  ///< satisfies check_name; names a folder
    std::vector<std::string> patterns;
    /// Whole days of UTC, today not counted; nullopt: for ever. Reckoned from the newest day there are readings of
    /// where that is before today; one day a minute goes, one in all in the hour after a start or a step of the clock.
    std::optional<int> keep_days;
    std::optional<std::uint64_t> max_bytes;  ///< on disk; the oldest days go first, the newest and today's never
};

struct TelemetryOptions {
    std::vector<SeriesClass> classes;    ///< one called "default" sets what else is kept for ever
    std::filesystem::path import_from;   ///< a telemetry.db of the earlier layout, imported once and renamed
    bool has_own_thread = true;          ///< seals, compacts and deletes by itself; without it the owner calls tend()
    std::size_t seal_samples = 400'000;  ///< unsealed samples in memory that start a seal
    std::chrono::milliseconds seal_after{600'000};  ///< age of the oldest unsealed sample that starts one
    std::size_t series_bound = 200'000;             ///< more series are Error too_many
    int reader_threads = 2;
    const Clock* clock = nullptr;  ///< whose today retention goes by; null: the machine's
};

/// Figures for /metrics; all but the counters are of now.
struct TelemetryStatistics {
    std::uint64_t series = 0;
    std::uint64_t samples = 0;           ///< that there are
    std::uint64_t unsealed_samples = 0;  ///< in memory and in the journal
    std::uint64_t partitions = 0;
    std::uint64_t blocks = 0;
    std::uint64_t partition_bytes = 0;  ///< on disk
    std::uint64_t journal_bytes = 0;    ///< on disk, with its write-ahead log
    std::uint64_t quarantined_blocks = 0;
    std::uint64_t duplicates = 0;          ///< counter, since the start
    std::uint64_t refused = 0;             ///< counter, since the start
    std::uint64_t seals = 0;               ///< counter, since the start
    std::uint64_t compacted_blocks = 0;    ///< counter, since the start
    std::uint64_t deleted_partitions = 0;  ///< counter, since the start, by retention
    std::string failure;                   ///< why the last seal, compaction or deletion failed; empty: it did not
};

/// What one tend() did.
struct TendReport {
    std::uint64_t sealed_samples = 0;
    std::uint64_t compacted_blocks = 0;
    std::uint64_t deleted_partitions = 0;
    std::uint64_t quarantined_blocks = 0;
};

}  // namespace labhub::coordinator::store
