#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/spool/batch_codec.hpp"
#include "shared/base/clock.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::agent::spool {

/// Position of a row: rises with every row, also over restarts, a replaced file and a power cut that lost the last
/// commits, because each start of the agent begins at the present time in milliseconds if that is higher. 0: none.
using Position = std::int64_t;

struct Bounds {
    std::uint64_t max_bytes = 256u << 20;
    std::chrono::milliseconds max_age{std::chrono::hours{7 * 24}};
};

/// A row as it is read back.
struct Row {
    Position position = 0;
    Batch batch;
};

/// What one append did.
struct Appended {
    std::vector<Position> positions;  ///< one for each batch, in order
    std::uint64_t dropped = 0;        ///< older rows that had to go
    std::uint64_t depth = 0;          ///< rows now in the spool
};

/// The SQLite side of the spool. These run on the database's thread, inside its writer's transaction.
namespace spool_file {

/// Opens or makes the file and moves its positions past every former one. Error corrupt when it must be replaced.
Result<sqlite::Database> open(const std::filesystem::path& file, UtcMillis now);
/// Rows now in the spool; reads the whole index.
Result<std::uint64_t> count(sqlite::Database& database);
/// The position of the newest row there ever was, or the time of the last start.
Result<Position> last_position(sqlite::Database& database);
/// Up to which position the host has acknowledged.
Result<Position> acknowledged(sqlite::Database& database);
/// Appends encoded batches and drops the oldest rows while the file's used pages exceed the bounds or rows are too old.
Result<Appended> append(sqlite::Database& database, const std::vector<std::string>& batches,
                        const std::vector<std::string>& devices, UtcMillis now, const Bounds& bounds);
/// Forgets rows up to `upto`, but for those of `withheld` devices. At most `limit` rows; returns how many went, so that
/// the caller goes on while that is the limit.
Result<std::uint64_t> acknowledge(sqlite::Database& database, Position upto, const std::vector<std::string>& withheld,
                                  std::uint64_t limit);
/// The oldest rows after `after`, at most `limit`. Damaged rows are deleted and left out.
Result<std::vector<Row>> read_after(sqlite::Database& database, Position after, std::uint32_t limit);

}  // namespace spool_file
}  // namespace labhub::agent::spool
