#include "agent/spool/spool_file.hpp"

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>

#include "shared/sqlite/migrate.hpp"

namespace labhub::agent::spool::spool_file {
namespace {

const std::array kMigrations{sqlite::Migration{"0001_spool", R"sql(
    CREATE TABLE row(position INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, device TEXT NOT NULL, batch BLOB NOT NULL);
    CREATE TABLE mark(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO mark VALUES('acknowledged', 0);
)sql"}};

/// How many rows go in one step when the spool is full: few enough for a short transaction.
constexpr std::int64_t kDropStep = 256;

Result<std::int64_t> number(sqlite::Database& database, std::string_view sql) {
    LABHUB_TRY(sqlite::Statement statement, database.cached(sql));
    LABHUB_TRY(const bool has_row, statement.step());
    return has_row ? statement.column_int64(0) : 0;
}

/// Bytes in pages that hold something; the file itself keeps free pages for later.
Result<std::uint64_t> used_bytes(sqlite::Database& database) {
    LABHUB_TRY(const std::int64_t pages, number(database, "PRAGMA page_count"));
    LABHUB_TRY(const std::int64_t free, number(database, "PRAGMA freelist_count"));
    LABHUB_TRY(const std::int64_t size, number(database, "PRAGMA page_size"));
    return static_cast<std::uint64_t>((pages - free) * size);
}

Result<std::uint64_t> drop_old(sqlite::Database& database, UtcMillis now, const Bounds& bounds) {
    // By position, as it has an index and rises with time but for clock steps.
    LABHUB_CHECK(database.run(
        "DELETE FROM row WHERE position IN (SELECT position FROM row ORDER BY position LIMIT ?) AND time_ms < ?",
        kDropStep, now - bounds.max_age));
    auto dropped = static_cast<std::uint64_t>(database.changes());
    while (true) {
        LABHUB_TRY(const std::uint64_t used, used_bytes(database));
        if (used <= bounds.max_bytes) return dropped;
        LABHUB_CHECK(database.run(
            "DELETE FROM row WHERE position IN (SELECT position FROM row ORDER BY position LIMIT ?)", kDropStep));
        if (database.changes() == 0) return dropped;
        dropped += static_cast<std::uint64_t>(database.changes());
    }
}

}  // namespace

Result<Position> last_position(sqlite::Database& database) {
    return number(database, "SELECT seq FROM sqlite_sequence WHERE name = 'row'");
}

namespace {

/// A power cut may have taken the last commits with it: their positions were seen by the host and must not come again.
Result<void> move_positions_on(sqlite::Database& database, UtcMillis now) {
    LABHUB_TRY(sqlite::Transaction transaction, sqlite::Transaction::begin(database));
    LABHUB_TRY(const std::int64_t last, last_position(database));
    LABHUB_CHECK(database.run("DELETE FROM sqlite_sequence WHERE name = 'row'"));
    LABHUB_CHECK(database.run("INSERT INTO sqlite_sequence(name, seq) VALUES('row', ?)", std::max(last, now.count)));
    return transaction.commit();
}

}  // namespace

Result<sqlite::Database> open(const std::filesystem::path& file, UtcMillis now) {
    sqlite::OpenOptions options;
    options.cache_kib = 512;
    LABHUB_TRY(sqlite::Database database, sqlite::Database::open(file, options));
    LABHUB_CHECK(sqlite::migrate(database, kMigrations));
    LABHUB_CHECK(move_positions_on(database, now));
    return database;
}

Result<std::uint64_t> count(sqlite::Database& database) {
    LABHUB_TRY(const std::int64_t rows, number(database, "SELECT count(*) FROM row"));
    return static_cast<std::uint64_t>(rows);
}

Result<Position> acknowledged(sqlite::Database& database) {
    return number(database, "SELECT value FROM mark WHERE key = 'acknowledged'");
}

Result<Appended> append(sqlite::Database& database, const std::vector<std::string>& batches,
                        const std::vector<std::string>& devices, UtcMillis now, const Bounds& bounds) {
    Appended appended;
    for (std::size_t i = 0; i < batches.size(); ++i) {
        const std::span<const std::byte> bytes = std::as_bytes(std::span(batches[i]));
        LABHUB_CHECK(database.run("INSERT INTO row(time_ms, device, batch) VALUES(?, ?, ?)", now, devices[i], bytes));
        appended.positions.push_back(database.last_insert_id());
    }
    LABHUB_TRY(appended.dropped, drop_old(database, now, bounds));
    return appended;
}

Result<std::uint64_t> acknowledge(sqlite::Database& database, Position upto, const std::vector<std::string>& withheld,
                                  std::uint64_t limit) {
    LABHUB_CHECK(database.run("UPDATE mark SET value = ? WHERE key = 'acknowledged' AND value < ?", upto, upto));
    std::string others;
    for (std::size_t i = 0; i < withheld.size(); ++i) others += i == 0 ? "?" : ",?";
    LABHUB_TRY(
        sqlite::Statement forget,
        database.prepare(
            "DELETE FROM row WHERE position IN (SELECT position FROM row WHERE position <= ? AND device NOT IN (" +
            others + ") ORDER BY position LIMIT ?)"));
    int index = 1;
    forget.bind(index++, upto);
    for (const std::string& device : withheld) forget.bind(index++, device);
    forget.bind(index, limit);
    LABHUB_CHECK(forget.run());
    return static_cast<std::uint64_t>(database.changes());
}

Result<std::vector<Row>> read_after(sqlite::Database& database, Position after, std::uint32_t limit) {
    std::vector<Row> rows;
    std::vector<Position> damaged;
    LABHUB_TRY(sqlite::Statement statement,
               database.cached("SELECT position, batch FROM row WHERE position > ? ORDER BY position LIMIT ?"));
    statement.bind_all(after, limit);
    while (true) {
        LABHUB_TRY(const bool has_row, statement.step());
        if (!has_row) break;
        auto batch = decode_batch(statement.column_blob(1));
        if (batch)
            rows.push_back(Row{statement.column_int64(0), std::move(*batch)});
        else
            damaged.push_back(statement.column_int64(0));
    }
    for (const Position position : damaged) {
        spdlog::error("row {} of the spool is damaged and was dropped", position);
        LABHUB_CHECK(database.run("DELETE FROM row WHERE position = ?", position));
    }
    // A reader that got nothing takes it for the end; behind damaged rows there may be more.
    if (rows.empty() && !damaged.empty()) return read_after(database, damaged.back(), limit);
    return rows;
}

}  // namespace labhub::agent::spool::spool_file
