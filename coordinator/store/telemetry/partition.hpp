#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "coordinator/store/telemetry/block.hpp"
#include "shared/base/result.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::coordinator::store::telemetry {

/// Where a block lies, as the index has it.
struct BlockRow {
    std::int64_t id = 0;
    SeriesId series{};
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::uint32_t count = 0;
};

/// A block without its samples. No summary: it is damaged.
struct StoredBlock {
    BlockRow row;
    std::optional<BlockSummary> summary;
};

/// From a row of id, first, last, count, summary, …; without summary when that is damaged or says otherwise.
StoredBlock stored_block_of(SeriesId series, const sqlite::Statement& row);

/// What a partition holds of a series.
struct SeriesTotals {
    SeriesId series{};
    std::uint64_t count = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
};

/// What compaction did.
struct CompactionCounts {
    std::uint64_t removed = 0;
    std::uint64_t written = 0;
};

/// One file: the blocks of one day of one retention class. Blocks of a series never overlap. A connection to it, for
/// one thread at a time. What changes the file runs inside a transaction of the caller.
class Partition {
  public:
    /// Makes the file when it is missing; brings back what a killed writer left. Error unsupported for a file of a
    /// later version.
    static Result<Partition> open_writer(const std::filesystem::path& path);
    /// For reading only; Error not_found when it has been deleted.
    static Result<Partition> open_reader(const std::filesystem::path& path);

    /// The series' blocks that overlap [from, to], in order of time, at most `most`.
    Result<std::vector<StoredBlock>> blocks(SeriesId series, std::int64_t from, std::int64_t to,
                                            std::size_t most = SIZE_MAX);
    /// The block's samples; nothing when they are damaged.
    Result<std::optional<SampleList>> samples(const StoredBlock& block);
    /// Time of the series' newest sample before `time`.
    Result<std::optional<std::int64_t>> last_before(SeriesId series, std::int64_t time);
    /// How many samples the blocks hold that overlap [from, to].
    Result<std::uint64_t> samples_in(SeriesId series, std::int64_t from, std::int64_t to);
    Result<std::uint64_t> count_of(const char* table);
    /// Of all series, by their numbers. `with_damaged`: also what is set aside.
    Result<std::vector<SeriesTotals>> totals(bool with_damaged);

    /// Up to which journal entry the file holds what belongs into it.
    Result<std::int64_t> number(std::string_view key);
    Result<void> set_number(std::string_view key, std::int64_t value);

    /// Adds samples of this day, merged with the blocks they run into; what the file has already wins.
    Result<void> add(SeriesId series, const SampleList& list);
    /// Merges neighbouring small blocks of the series; `is_final`: all that can be, else only where it pays.
    Result<CompactionCounts> compact(SeriesId series, bool is_final);
    /// The series with more than one small block.
    Result<std::vector<SeriesId>> fragmented();
    /// Moves a damaged block out of the readers' way, if it still is there and damaged.
    Result<bool> set_aside(const BlockRow& row);
    /// Copies every sound block of a file whose pages may be damaged; returns how many.
    Result<std::uint64_t> salvage_from(const std::filesystem::path& damaged);

    sqlite::Database& database() { return database_; }

  private:
    explicit Partition(sqlite::Database database) : database_(std::move(database)) {}
    Result<void> insert(SeriesId series, const SampleList& list);
    Result<void> remove(std::int64_t id);
    Result<CompactionCounts> join_runs(SeriesId series, std::uint32_t limit, std::size_t few);
    Result<CompactionCounts> join(SeriesId series, std::span<const BlockRow> run);
    Result<std::vector<BlockRow>> rows_of(SeriesId series);

    sqlite::Database database_;
};

}  // namespace labhub::coordinator::store::telemetry
