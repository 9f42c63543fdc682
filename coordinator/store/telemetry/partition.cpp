#include "coordinator/store/telemetry/partition.hpp"

#include <algorithm>

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::int64_t kFormat = 1;

/// Four-kilobyte pages waste little behind a block; freed ones can be given back to the disk (auto_vacuum).
constexpr const char* kNewFile = "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;";
constexpr const char* kSchema = R"sql(
    BEGIN;
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS block (
        id INTEGER PRIMARY KEY, series INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        count INTEGER NOT NULL, summary BLOB NOT NULL, packed BLOB NOT NULL) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS block_place ON block (series, first, last, count);
    CREATE TABLE IF NOT EXISTS quarantine (
        id INTEGER PRIMARY KEY, series INTEGER, first INTEGER, last INTEGER, count INTEGER,
        summary BLOB, packed BLOB) STRICT;
    INSERT OR IGNORE INTO meta (key, value) VALUES ('format', 1);
    COMMIT;
)sql";

/// From the block that holds `from`, or the next one.
constexpr const char* kSelectBlocks =
    "SELECT id, first, last, count, summary FROM block WHERE series = ?1 "
    "AND first >= coalesce((SELECT max(first) FROM block WHERE series = ?1 AND first <= ?2), ?2) "
    "AND first <= ?3 AND last >= ?2 ORDER BY first LIMIT ?4";

Result<void> check_format(sqlite::Database& database) {
    LABHUB_TRY(auto row, database.cached("SELECT value FROM meta WHERE key = 'format'"));
    LABHUB_TRY(const bool found, row.step());
    if (found && row.column_int64(0) == kFormat) return {};
    return Error{ErrorCode::unsupported, "a telemetry partition has a format this version doesn't know",
                 "it was written by a later version: start that one"};
}

}  // namespace

StoredBlock stored_block_of(SeriesId series, const sqlite::Statement& row) {
    StoredBlock block;
    block.row = {row.column_int64(0), series, row.column_int64(1), row.column_int64(2),
                 static_cast<std::uint32_t>(row.column_int64(3))};
    block.summary = decode_summary(row.column_blob(4));
    if (!block.summary) return block;
    const Summary& whole = block.summary->whole;
    const bool agrees = block.summary->series == series && whole.first == block.row.first &&
                        whole.last == block.row.last && whole.count == block.row.count;
    if (!agrees) block.summary.reset();
    return block;
}

Result<Partition> Partition::open_writer(const std::filesystem::path& path) {
    sqlite::OpenOptions options;
    options.synchronous = sqlite::Synchronous::full;
    options.wal = false;  // the page size must be chosen before
    LABHUB_TRY(auto database, sqlite::Database::open(path, options));
    LABHUB_CHECK(database.execute(kNewFile));
    LABHUB_CHECK(database.execute("PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=4194304;"));
    LABHUB_CHECK(database.execute(kSchema));
    LABHUB_CHECK(check_format(database));
    return Partition(std::move(database));
}

Result<Partition> Partition::open_reader(const std::filesystem::path& path) {
    sqlite::OpenOptions options;
    options.read_only = true;
    options.cache_kib = 512;
    LABHUB_TRY(auto database, sqlite::Database::open(path, options));
    return Partition(std::move(database));
}

Result<std::vector<StoredBlock>> Partition::blocks(SeriesId series, std::int64_t from, std::int64_t to,
                                                   std::size_t most) {
    LABHUB_TRY(auto row, database_.cached(kSelectBlocks));
    row.bind_all(static_cast<std::uint32_t>(series), from, to,
                 static_cast<std::int64_t>(std::min<std::size_t>(most, 1u << 30)));
    std::vector<StoredBlock> found;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return found;
        found.push_back(stored_block_of(series, row));
    }
}

Result<std::optional<SampleList>> Partition::samples(const StoredBlock& block) {
    if (!block.summary) return std::optional<SampleList>{};
    LABHUB_TRY(auto row, database_.cached("SELECT packed FROM block WHERE id = ? AND series = ?"));
    row.bind_all(block.row.id, static_cast<std::uint32_t>(block.row.series));
    LABHUB_TRY(const bool found, row.step());
    if (!found) return std::optional<SampleList>{};
    return decode_block(*block.summary, row.column_blob(0));
}

Result<std::optional<std::int64_t>> Partition::last_before(SeriesId series, std::int64_t time) {
    LABHUB_TRY(auto row,
               database_.cached("SELECT last FROM block WHERE series = ? AND first < ? ORDER BY first DESC LIMIT 1"));
    row.bind_all(static_cast<std::uint32_t>(series), time);
    LABHUB_TRY(const bool found, row.step());
    return found ? std::optional(row.column_int64(0)) : std::nullopt;
}

Result<std::uint64_t> Partition::samples_in(SeriesId series, std::int64_t from, std::int64_t to) {
    LABHUB_TRY(auto row,
               database_.cached("SELECT sum(count) FROM block WHERE series = ?1 AND first >= coalesce((SELECT "
                                "max(first) FROM block WHERE series = ?1 AND first <= ?2), ?2) "
                                "AND first <= ?3 AND last >= ?2"));
    row.bind_all(static_cast<std::uint32_t>(series), from, to);
    LABHUB_TRY([[maybe_unused]] const bool found, row.step());
    return static_cast<std::uint64_t>(row.column_int64(0));
}

Result<std::uint64_t> Partition::count_of(const char* table) {
    LABHUB_TRY(auto row, database_.cached(std::string("SELECT count(*) FROM ") + table));
    LABHUB_TRY([[maybe_unused]] const bool found, row.step());
    return static_cast<std::uint64_t>(row.column_int64(0));
}

Result<std::vector<SeriesTotals>> Partition::totals(bool with_damaged) {
    LABHUB_TRY(auto row,
               database_.cached(with_damaged ? "SELECT series, sum(count), min(first), max(last) FROM (SELECT "
                                               "series, first, last, count FROM block UNION ALL SELECT "
                                               "series, first, last, count FROM quarantine) GROUP BY series"
                                             : "SELECT series, sum(count), min(first), max(last) FROM block "
                                               "GROUP BY series"));
    std::vector<SeriesTotals> totals;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return totals;
        totals.push_back({static_cast<SeriesId>(row.column_int64(0)), static_cast<std::uint64_t>(row.column_int64(1)),
                          row.column_int64(2), row.column_int64(3)});
    }
}

Result<std::int64_t> Partition::number(std::string_view key) {
    LABHUB_TRY(auto row, database_.cached("SELECT value FROM meta WHERE key = ?"));
    row.bind(1, key);
    LABHUB_TRY(const bool found, row.step());
    return found ? row.column_int64(0) : 0;
}

Result<void> Partition::set_number(std::string_view key, std::int64_t value) {
    return database_.run("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                         key, value);
}

Result<void> Partition::remove(std::int64_t id) { return database_.run("DELETE FROM block WHERE id = ?", id); }

/// In blocks of about equal size, so that none is left over small.
Result<void> Partition::insert(SeriesId series, const SampleList& list) {
    const std::size_t blocks = (list.size() + kBlockSamples - 1) / kBlockSamples;
    SampleList part;
    for (std::size_t i = 0; i < blocks; ++i) {
        const std::size_t begin = i * list.size() / blocks, end = (i + 1) * list.size() / blocks;
        if (blocks > 1) part = slice(list, list.samples[begin].time(), list.samples[end - 1].time());
        const EncodedBlock block = encode_block(series, blocks > 1 ? part : list);
        LABHUB_TRY(auto insert, database_.cached("INSERT INTO block (series, first, last, count, summary, packed) "
                                                 "VALUES (?, ?, ?, ?, ?, ?)"));
        insert.bind_all(static_cast<std::uint32_t>(series), block.whole.first, block.whole.last, block.whole.count,
                        std::as_bytes(std::span(block.summary)), std::as_bytes(std::span(block.packed)));
        LABHUB_CHECK(insert.run());
    }
    return {};
}

Result<void> Partition::add(SeriesId series, const SampleList& list) {
    LABHUB_TRY(const auto neighbours, blocks(series, list.first(), list.last()));
    if (neighbours.empty()) return insert(series, list);
    std::int64_t next = list.first();
    for (const auto& block : neighbours) {
        const SampleList before = slice(list, next, block.row.first - 1);
        if (!before.empty()) LABHUB_CHECK(insert(series, before));
        const SampleList inside = slice(list, std::max(next, block.row.first), block.row.last);
        next = block.row.last + 1;
        if (inside.empty()) continue;
        LABHUB_TRY(auto stored, samples(block));
        if (!stored) {
            LABHUB_CHECK(set_aside(block.row).map([](bool) {}));
            LABHUB_CHECK(insert(series, inside));
            continue;
        }
        const std::size_t before_merge = stored->size();
        const SampleList merged = merge(std::move(*stored), inside);
        if (merged.size() == before_merge) continue;
        LABHUB_CHECK(remove(block.row.id));
        LABHUB_CHECK(insert(series, merged));
    }
    const SampleList after = slice(list, next, list.last());
    return after.empty() ? Result<void>{} : insert(series, after);
}

Result<bool> Partition::set_aside(const BlockRow& row) {
    LABHUB_TRY(const auto found, blocks(row.series, row.first, row.first, 1));
    const bool is_there = !found.empty() && found[0].row.id == row.id;
    if (is_there) {
        LABHUB_TRY(const auto list, samples(found[0]));
        if (list) return false;
    }
    LABHUB_CHECK(
        database_.run("INSERT OR IGNORE INTO quarantine (id, series, first, last, count, summary, packed) "
                      "SELECT id, series, first, last, count, summary, packed FROM block WHERE id = ?",
                      row.id));
    const bool is_moved = database_.changes() > 0;
    LABHUB_CHECK(remove(row.id));
    return is_moved;
}

}  // namespace labhub::coordinator::store::telemetry
