#include "coordinator/store/telemetry/journal.hpp"

#include <spdlog/spdlog.h>

#include "coordinator/store/telemetry/journal_migrations/migrations.hpp"
#include "coordinator/store/telemetry/summary.hpp"
#include "shared/sqlite/migrate.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

std::int64_t stored_hash(std::string_view bytes) { return static_cast<std::int64_t>(hash_of(bytes)); }

std::uint64_t size_of(const std::filesystem::path& file) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(file, missing);
    return missing ? 0 : size;
}

}  // namespace

Result<Journal> Journal::open(const std::filesystem::path& path) {
    sqlite::OpenOptions options;
    options.synchronous = sqlite::Synchronous::full;
    LABHUB_TRY(auto database, sqlite::Database::open(path, options));
    LABHUB_CHECK(sqlite::migrate(database, journal_migrations::migrations()));
    LABHUB_CHECK(database.execute("PRAGMA journal_size_limit=4194304;"));
    Journal journal(std::move(database), path);
    auto damaged = journal.database_.cached("SELECT count(*) FROM quarantine");
    if (!damaged) return std::move(damaged).error();
    LABHUB_TRY([[maybe_unused]] const bool found, damaged->step());
    journal.damaged_ = static_cast<std::uint64_t>(damaged->column_int64(0));
    damaged->reset();
    return journal;
}

Result<std::vector<SeriesRow>> Journal::load_series() {
    LABHUB_TRY(auto row, database_.prepare("SELECT id, node, device, metric, unit, first, last, count FROM series "
                                           "ORDER BY id"));
    std::vector<SeriesRow> rows;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) break;
        rows.push_back({static_cast<SeriesId>(row.column_int64(0)),
                        {NodeId{row.column_text(1)}, row.column_text(2)},
                        row.column_text(3),
                        row.column_text(4),
                        row.column_int64(5),
                        row.column_int64(6),
                        static_cast<std::uint64_t>(row.column_int64(7)),
                        {}});
    }
    LABHUB_CHECK(load_classes(rows));
    return rows;
}

/// Ids count from 1 without gaps, so that they are places.
Result<void> Journal::load_classes(std::vector<SeriesRow>& rows) {
    LABHUB_TRY(auto row,
               database_.prepare("SELECT series, from_day, class FROM series_class ORDER BY series, from_day"));
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) break;
        const auto place = static_cast<std::size_t>(row.column_int64(0)) - 1;
        if (place < rows.size()) rows[place].classes.push_back({row.column_int64(1), row.column_text(2)});
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (static_cast<std::size_t>(rows[i].id) != i + 1 || rows[i].classes.empty())
            return Error{ErrorCode::corrupt, "the telemetry catalogue lacks a series or its class",
                         "restore journal.db from a backup"};
    return {};
}

Result<std::vector<StoredPosition>> Journal::load_positions() {
    LABHUB_TRY(auto row, database_.prepare("SELECT node, life, position FROM spool_position"));
    std::vector<StoredPosition> positions;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return positions;
        positions.push_back(
            {NodeId{row.column_text(0)}, static_cast<std::uint64_t>(row.column_int64(1)), row.column_int64(2)});
    }
}

Result<void> Journal::replay(const std::function<Result<void>(std::int64_t, std::string_view)>& entry) {
    std::vector<std::int64_t> broken;
    {
        LABHUB_TRY(auto row, database_.prepare("SELECT id, hash, bytes FROM batch ORDER BY id"));
        while (true) {
            LABHUB_TRY(const bool more, row.step());
            if (!more) break;
            const std::string bytes = row.column_blob(2);
            if (stored_hash(bytes) != row.column_int64(1))
                broken.push_back(row.column_int64(0));
            else
                LABHUB_CHECK(entry(row.column_int64(0), bytes));
        }
    }
    return broken.empty() ? Result<void>{} : set_aside(broken);
}

Result<void> Journal::set_aside(const std::vector<std::int64_t>& ids) {
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    for (const auto id : ids) {
        LABHUB_CHECK(database_.run("INSERT INTO quarantine SELECT id, bytes FROM batch WHERE id = ?", id));
        LABHUB_CHECK(database_.run("DELETE FROM batch WHERE id = ?", id));
    }
    LABHUB_CHECK(database_.run("DELETE FROM spool_position"));
    LABHUB_CHECK(transaction.commit());
    damaged_ += ids.size();
    spdlog::error("telemetry: {} entries of the journal are damaged and are set aside", ids.size());
    return {};
}

Result<void> Journal::insert(std::span<const SeriesRow> series) {
    for (const auto& row : series) {
        LABHUB_CHECK(database_.run("INSERT INTO series (id, node, device, metric, unit) VALUES (?, ?, ?, ?, ?)",
                                   static_cast<std::uint32_t>(row.id), row.device.node, row.device.device, row.metric,
                                   row.unit));
        for (const auto& since : row.classes)
            LABHUB_CHECK(database_.run("INSERT INTO series_class (series, from_day, class) VALUES (?, ?, ?)",
                                       static_cast<std::uint32_t>(row.id), since.from_day, since.class_name));
    }
    return {};
}

Result<std::int64_t> Journal::commit(std::span<const SeriesRow> new_series, std::string_view bytes) {
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    LABHUB_CHECK(insert(new_series));
    LABHUB_CHECK(database_.run("INSERT INTO batch (hash, bytes) VALUES (?, ?)", stored_hash(bytes),
                               std::as_bytes(std::span(bytes))));
    const std::int64_t id = database_.last_insert_id();
    LABHUB_CHECK(transaction.commit());
    return id;
}

Result<void> Journal::set_units(std::span<const SeriesRow> new_series, std::span<const SeriesRow> changed) {
    if (new_series.empty() && changed.empty()) return {};
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    LABHUB_CHECK(insert(new_series));
    for (const auto& row : changed)
        LABHUB_CHECK(
            database_.run("UPDATE series SET unit = ? WHERE id = ?", row.unit, static_cast<std::uint32_t>(row.id)));
    return transaction.commit();
}

Result<void> Journal::add_class(SeriesId series, const ClassSince& since) {
    return database_.run("INSERT OR REPLACE INTO series_class (series, from_day, class) VALUES (?, ?, ?)",
                         static_cast<std::uint32_t>(series), since.from_day, since.class_name);
}

Result<void> Journal::trim(std::int64_t through, std::span<const SeriesFigures> figures,
                           std::span<const StoredPosition> positions) {
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    LABHUB_CHECK(database_.run("DELETE FROM batch WHERE id <= ?", through));
    LABHUB_CHECK(set_figures(figures));
    for (const auto& row : positions)
        LABHUB_CHECK(database_.run("INSERT OR REPLACE INTO spool_position (node, life, position) VALUES (?, ?, ?)",
                                   row.node, static_cast<std::int64_t>(row.life), row.position));
    return transaction.commit();
}

Result<void> Journal::set_figures(std::span<const SeriesFigures> figures) {
    for (const auto& row : figures)
        LABHUB_CHECK(database_.run("UPDATE series SET first = ?, last = ?, count = ? WHERE id = ?", row.first, row.last,
                                   row.count, static_cast<std::uint32_t>(row.id)));
    return {};
}

Result<void> Journal::begin_removal(const PartitionKey& partition, std::span<const SeriesFigures> figures) {
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    LABHUB_CHECK(database_.run("INSERT OR REPLACE INTO removal (class, day) VALUES (?, ?)", partition.class_name,
                               partition.day));
    LABHUB_CHECK(set_figures(figures));
    return transaction.commit();
}

Result<void> Journal::end_removal(const PartitionKey& partition) {
    return database_.run("DELETE FROM removal WHERE class = ? AND day = ?", partition.class_name, partition.day);
}

Result<std::vector<PartitionKey>> Journal::removals() {
    LABHUB_TRY(auto row, database_.prepare("SELECT day, class FROM removal"));
    std::vector<PartitionKey> partitions;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return partitions;
        partitions.push_back({row.column_int64(0), row.column_text(1)});
    }
}

Result<std::int64_t> Journal::last_id() {
    LABHUB_TRY(auto row, database_.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'batch'"));
    LABHUB_TRY(const bool found, row.step());
    return found ? row.column_int64(0) : 0;
}

std::uint64_t Journal::bytes_on_disk() const { return size_of(path_) + size_of(path_.string() + "-wal"); }

}  // namespace labhub::coordinator::store::telemetry
