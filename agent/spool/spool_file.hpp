#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "agent/spool/storage.hpp"
#include "shared/sqlite/database.hpp"

/// The SQLite side of FileStorage: what runs on the database's thread, inside its writer's transaction.
namespace labhub::agent::spool::spool_file {

/// The shapes of rows this file knows, by number from 1. At most a few hundred; rows of further ones name their
/// readings themselves.
class Shapes {
  public:
    /// Reads them from the file, unless they were read and are still true.
    Result<void> load(sqlite::Database& database);
    /// A transaction was lost, and with it perhaps new shapes.
    void distrust() { is_loaded_ = false; }
    /// The number of the batch's shape, made if there is room; 0: none.
    Result<std::uint32_t> number_of(sqlite::Database& database, const Batch& batch);
    /// Null for one that isn't known.
    const Shape* find(std::uint32_t number) const;

  private:
    std::vector<std::pair<std::uint32_t, Shape>> shapes_;
    bool is_loaded_ = false;
};

/// Rows that went, by class, and how many of them had been sent.
struct Gone {
    PerClass rows{};
    std::uint64_t unconfirmed = 0;  ///< of those: up to the mark of what was sent
    void add(const Gone& other);
};

/// Opens or makes the file. Error corrupt when it must be replaced.
Result<sqlite::Database> open(const std::filesystem::path& file, bool survives_power_cut);
Result<Found> find(sqlite::Database& database);
Result<void> set_mark(sqlite::Database& database, std::string_view key, std::int64_t at_least);
/// The newest time of the rows up to `last`, which find() goes on from. Unlike other marks it may go back.
Result<void> set_newest(sqlite::Database& database, UtcMillis newest, Position last);
/// Bytes in pages that hold something; the file itself keeps free pages for later.
Result<std::uint64_t> used_bytes(sqlite::Database& database);

Result<void> append(sqlite::Database& database, Shapes& shapes, const std::vector<Row>& rows);
/// Forgets rows up to `upto`, but for those of `withheld` devices. At most `limit` rows.
Result<Gone> forget(sqlite::Database& database, const Forget& forget, std::uint32_t limit);
/// Drops rows of a class that are too old, at most so many at once.
inline constexpr std::int64_t kDropStep = 256;
Result<Gone> drop_old(sqlite::Database& database, Class of, const AgeLimit& limit, Position sent);
/// Drops what is given up first until the file is within `max_bytes`.
Result<Gone> drop_to_bounds(sqlite::Database& database, std::uint64_t max_bytes, Position sent);

struct Slice {
    PerClass rows{};
    Position counted = 0;  ///< up to here
    bool is_last = false;
};
/// Counts some of the rows after `after` and up to `until`.
Result<Slice> count(sqlite::Database& database, Position after, Position until);

struct Read {
    std::vector<Row> rows;
    Gone damaged;  ///< deleted
};
Result<Read> read_after(sqlite::Database& database, const Shapes& shapes, Position after, ReadLimit limit);

}  // namespace labhub::agent::spool::spool_file
