#include "agent/spool/spool_file.hpp"

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>

#include "agent/sampling/rising_time.hpp"
#include "shared/sqlite/migrate.hpp"

namespace labhub::agent::spool::spool_file {
namespace {

// Positions are numbered by the spool, not by AUTOINCREMENT, whose counter would be one more page to write at every
// commit. Only rows that are few have an index, for the same reason.
const std::array kMigrations{sqlite::Migration{"0001_spool", R"sql(
    CREATE TABLE row(position INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, device TEXT NOT NULL, batch BLOB NOT NULL);
    CREATE TABLE mark(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO mark VALUES('acknowledged', 0);
)sql"},
                             sqlite::Migration{"0002_classes", R"sql(
    INSERT INTO mark SELECT 'last', seq FROM sqlite_sequence WHERE name = 'row';
    ALTER TABLE row RENAME TO former;
    CREATE TABLE row(position INTEGER PRIMARY KEY, class INTEGER NOT NULL, time_ms INTEGER NOT NULL, device TEXT NOT NULL, batch BLOB NOT NULL);
    CREATE INDEX row_event ON row(class, position) WHERE class < 2;
    INSERT INTO row SELECT position, 2, time_ms, device, batch FROM former;
    DROP TABLE former;
    CREATE TABLE shape(id INTEGER PRIMARY KEY, names BLOB NOT NULL);
)sql"}};

constexpr std::uint64_t kCountStep = 20'000;
constexpr std::size_t kMaxShapes = 256;
/// The newest time is found by so many last rows: those of some seconds, whatever the devices.
constexpr std::int64_t kLastRows = 1'000;

Result<std::int64_t> number(sqlite::Database& database, std::string_view sql) {
    LABHUB_TRY(sqlite::Statement statement, database.cached(sql));
    LABHUB_TRY(const bool has_row, statement.step());
    return has_row ? statement.column_int64(0) : 0;
}

Result<std::int64_t> mark(sqlite::Database& database, std::string_view key) {
    LABHUB_TRY(sqlite::Statement statement, database.cached("SELECT value FROM mark WHERE key = ?"));
    statement.bind_all(key);
    LABHUB_TRY(const bool has_row, statement.step());
    return has_row ? statement.column_int64(0) : 0;
}

/// Runs a DELETE … RETURNING class, position.
Result<Gone> gone(sqlite::Statement& statement, Position sent) {
    Gone gone;
    while (true) {
        LABHUB_TRY(const bool has_row, statement.step());
        if (!has_row) return gone;
        ++gone.rows[static_cast<std::size_t>(std::clamp<std::int64_t>(statement.column_int64(0), 0, kClasses - 1))];
        gone.unconfirmed += statement.column_int64(1) <= sent ? 1 : 0;
    }
}

}  // namespace

void Gone::add(const Gone& other) {
    for (std::size_t i = 0; i < kClasses; ++i) rows[i] += other.rows[i];
    unconfirmed += other.unconfirmed;
}

Result<void> Shapes::load(sqlite::Database& database) {
    if (is_loaded_) return {};
    shapes_.clear();
    LABHUB_TRY(sqlite::Statement statement, database.cached("SELECT id, names FROM shape"));
    while (true) {
        LABHUB_TRY(const bool has_row, statement.step());
        if (!has_row) break;
        auto shape = decode_shape(statement.column_blob(1));
        // Rows of a damaged one are found damaged when they are read.
        if (shape) shapes_.emplace_back(static_cast<std::uint32_t>(statement.column_int64(0)), std::move(*shape));
    }
    is_loaded_ = true;
    return {};
}

Result<std::uint32_t> Shapes::number_of(sqlite::Database& database, const Batch& batch) {
    const auto fits = [&](const std::pair<std::uint32_t, Shape>& known) {
        return std::equal(known.second.begin(), known.second.end(), batch.readings.begin(), batch.readings.end(),
                          [](const std::string& name, const Reading& reading) { return name == reading.metric; });
    };
    const auto known = std::find_if(shapes_.begin(), shapes_.end(), fits);
    if (known != shapes_.end()) return known->first;
    if (shapes_.size() >= kMaxShapes) return 0;
    Shape shape = shape_of(batch);
    const std::string bytes = encode_shape(shape);
    LABHUB_CHECK(database.run("INSERT INTO shape(names) VALUES(?)", std::as_bytes(std::span(bytes))));
    const auto id = static_cast<std::uint32_t>(database.last_insert_id());
    shapes_.emplace_back(id, std::move(shape));
    return id;
}

const Shape* Shapes::find(std::uint32_t number) const {
    const auto known =
        std::find_if(shapes_.begin(), shapes_.end(), [&](const auto& each) { return each.first == number; });
    return known == shapes_.end() ? nullptr : &known->second;
}

Result<sqlite::Database> open(const std::filesystem::path& file, bool survives_power_cut) {
    sqlite::OpenOptions options;
    options.cache_kib = 512;
    options.synchronous = survives_power_cut ? sqlite::Synchronous::full : sqlite::Synchronous::normal;
    LABHUB_TRY(sqlite::Database database, sqlite::Database::open(file, options));
    LABHUB_CHECK(sqlite::migrate(database, kMigrations));
    return database;
}

namespace {

Result<UtcMillis> newest(sqlite::Database& database) {
    UtcMillis newest;
    LABHUB_TRY(newest.count, mark(database, "newest"));
    LABHUB_TRY(const Position after, mark(database, "newest_position"));
    LABHUB_TRY(sqlite::Statement times,
               database.cached("SELECT time_ms FROM (SELECT position, time_ms FROM row WHERE position > ? ORDER BY "
                               "position DESC LIMIT ?) ORDER BY position"));
    times.bind_all(after, kLastRows);
    while (true) {
        LABHUB_TRY(const bool has_row, times.step());
        if (!has_row) return newest;
        newest = sampling::newest_time(newest, times.column_time(0));
    }
}

}  // namespace

Result<Found> find(sqlite::Database& database) {
    Found found;
    LABHUB_TRY(found.acknowledged, mark(database, "acknowledged"));
    LABHUB_TRY(found.sent, mark(database, "sent"));
    LABHUB_TRY(const std::int64_t last, mark(database, "last"));
    LABHUB_TRY(const std::int64_t highest, number(database, "SELECT max(position) FROM row"));
    found.last = std::max({last, highest, found.acknowledged});
    LABHUB_TRY(found.newest, newest(database));
    return found;
}

Result<void> set_mark(sqlite::Database& database, std::string_view key, std::int64_t at_least) {
    return database.run("INSERT INTO mark VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2 WHERE value < ?2",
                        key, at_least);
}

Result<void> set_newest(sqlite::Database& database, UtcMillis newest, Position last) {
    LABHUB_CHECK(
        database.run("INSERT INTO mark VALUES('newest', ?1) ON CONFLICT(key) DO UPDATE SET value = ?1", newest.count));
    return set_mark(database, "newest_position", last);
}

Result<std::uint64_t> used_bytes(sqlite::Database& database) {
    LABHUB_TRY(const std::int64_t pages, number(database, "PRAGMA page_count"));
    LABHUB_TRY(const std::int64_t free, number(database, "PRAGMA freelist_count"));
    LABHUB_TRY(const std::int64_t size, number(database, "PRAGMA page_size"));
    return static_cast<std::uint64_t>((pages - free) * size);
}

Result<void> append(sqlite::Database& database, Shapes& shapes, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        UtcMillis time;
        for (const Reading& reading : row.batch->readings) time = std::max(time, reading.time);
        std::uint32_t shape = 0;
        if (row.of == Class::reading) {
            LABHUB_TRY(shape, shapes.number_of(database, *row.batch));
        }
        const std::string bytes = encode_batch(*row.batch, shape);
        LABHUB_CHECK(database.run("INSERT INTO row VALUES(?, ?, ?, ?, ?)", row.position, static_cast<int>(row.of), time,
                                  row.batch->device, std::as_bytes(std::span(bytes))));
    }
    return {};
}

Result<Gone> forget(sqlite::Database& database, const Forget& forget, std::uint32_t limit) {
    LABHUB_CHECK(set_mark(database, "acknowledged", forget.upto));
    std::string others;
    for (std::size_t i = 0; i < forget.withheld.size(); ++i) others += i == 0 ? "?" : ",?";
    LABHUB_TRY(sqlite::Statement statement,
               database.prepare("DELETE FROM row WHERE position IN (SELECT position FROM row WHERE position <= ? AND "
                                "device NOT IN (" +
                                others + ") ORDER BY position LIMIT ?) RETURNING class, position"));
    int index = 1;
    statement.bind(index++, forget.upto);
    for (const std::string& device : forget.withheld) statement.bind(index++, device);
    statement.bind(index, limit);
    return gone(statement, 0);
}

Result<Gone> drop_old(sqlite::Database& database, Class of, const AgeLimit& limit, Position sent) {
    // By position, as it has an index and rises with time but for clock steps.
    LABHUB_TRY(sqlite::Statement statement,
               database.cached("DELETE FROM row WHERE position IN (SELECT position FROM row WHERE class = ?1 ORDER BY "
                               "position LIMIT ?2) AND ((position < ?3 AND time_ms < ?4) OR (position >= ?3 AND "
                               "position <= ?5)) RETURNING class, position"));
    statement.bind_all(static_cast<int>(of), kDropStep, limit.own_from, limit.former_before, limit.own_through);
    return gone(statement, sent);
}

Result<Gone> drop_to_bounds(sqlite::Database& database, std::uint64_t max_bytes, Position sent) {
    constexpr std::string_view kSent =
        "DELETE FROM row WHERE position IN (SELECT position FROM row WHERE position <= "
        "?1 ORDER BY position LIMIT ?2) RETURNING class, position";
    constexpr std::string_view kOfClass =
        "DELETE FROM row WHERE position IN (SELECT position FROM row WHERE class = "
        "?1 ORDER BY position LIMIT ?2) RETURNING class, position";
    Gone all;
    for (int stage = 0; stage < 4;) {
        LABHUB_TRY(const std::uint64_t used, used_bytes(database));
        if (used <= max_bytes) return all;
        LABHUB_TRY(sqlite::Statement statement, database.cached(stage == 0 ? kSent : kOfClass));
        // Stages 1 to 3 are the classes, plain readings (2) first and alarms (0) last.
        statement.bind_all(stage == 0 ? sent : Position{3 - stage}, kDropStep);
        LABHUB_TRY(const Gone some, gone(statement, sent));
        all.add(some);
        if (total(some.rows) == 0) ++stage;
    }
    return all;
}

Result<Slice> count(sqlite::Database& database, Position after, Position until) {
    LABHUB_TRY(sqlite::Statement statement,
               database.cached("SELECT class, count(*), max(position) FROM (SELECT class, position FROM row WHERE "
                               "position > ? AND position <= ? ORDER BY position LIMIT ?) GROUP BY class"));
    statement.bind_all(after, until, kCountStep);
    Slice slice;
    slice.counted = after;
    while (true) {
        LABHUB_TRY(const bool has_row, statement.step());
        if (!has_row) break;
        const auto of = static_cast<std::size_t>(std::clamp<std::int64_t>(statement.column_int64(0), 0, kClasses - 1));
        slice.rows[of] += static_cast<std::uint64_t>(statement.column_int64(1));
        slice.counted = std::max(slice.counted, statement.column_int64(2));
    }
    slice.is_last = total(slice.rows) < kCountStep;
    return slice;
}

namespace {

Result<Row> row_of(const sqlite::Statement& statement, const Shapes& shapes) {
    const std::string bytes = statement.column_blob(3);
    LABHUB_TRY(const std::uint32_t number, shape_in(bytes));
    LABHUB_TRY(Batch batch, decode_batch(bytes, number ? shapes.find(number) : nullptr));
    batch.device = statement.column_text(2);
    const auto of = std::clamp<std::int64_t>(statement.column_int64(1), 0, kClasses - 1);
    return Row{statement.column_int64(0), static_cast<Class>(of), std::make_shared<const Batch>(std::move(batch))};
}

}  // namespace

Result<Read> read_after(sqlite::Database& database, const Shapes& shapes, Position after, ReadLimit limit) {
    Read read;
    std::vector<Position> damaged;
    std::size_t bytes = 0;
    LABHUB_TRY(sqlite::Statement statement, database.cached("SELECT position, class, device, batch, length(batch) FROM "
                                                            "row WHERE position > ? ORDER BY position LIMIT ?"));
    statement.bind_all(after, limit.rows);
    while (read.rows.empty() || bytes < limit.bytes) {
        LABHUB_TRY(const bool has_row, statement.step());
        if (!has_row) break;
        bytes += static_cast<std::size_t>(statement.column_int64(4));
        auto row = row_of(statement, shapes);
        if (row)
            read.rows.push_back(std::move(*row));
        else
            damaged.push_back(statement.column_int64(0));
    }
    statement.reset();
    for (const Position position : damaged) {
        spdlog::error("row {} of the spool is damaged and was dropped", position);
        LABHUB_TRY(sqlite::Statement drop,
                   database.cached("DELETE FROM row WHERE position = ? RETURNING class, position"));
        drop.bind_all(position);
        LABHUB_TRY(const Gone some, gone(drop, 0));
        read.damaged.add(some);
    }
    // A reader that got nothing takes it for the end; behind damaged rows there may be more.
    if (!read.rows.empty() || damaged.empty()) return read;
    LABHUB_TRY(Read more, read_after(database, shapes, damaged.back(), limit));
    more.damaged.add(read.damaged);
    return more;
}

}  // namespace labhub::agent::spool::spool_file
