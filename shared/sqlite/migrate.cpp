#include "shared/sqlite/migrate.hpp"

#include <cstdint>
#include <vector>

#include "shared/base/clock.hpp"

namespace labhub::sqlite {
namespace {

struct Applied {
    std::string name;
    std::string checksum;
};

/// FNV-1a, 64 bits: it has to notice an edit, not an attacker.
std::string checksum_of(std::string_view sql) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : sql) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
    std::string text(16, '0');
    for (std::size_t i = 16; i-- > 0; hash >>= 4) text[i] = "0123456789abcdef"[hash & 15];
    return text;
}

Result<std::vector<Applied>> read_applied(Database& database) {
    LABHUB_TRY(auto rows, database.cached("SELECT name, checksum FROM schema_migrations ORDER BY name"));
    std::vector<Applied> applied;
    while (true) {
        LABHUB_TRY(const bool more, rows.step());
        if (!more) return applied;
        applied.push_back({rows.column_text(0), rows.column_text(1)});
    }
}

Result<void> check_order(std::span<const Migration> migrations) {
    for (std::size_t i = 1; i < migrations.size(); ++i)
        if (migrations[i - 1].name >= migrations[i].name)
            return Error{ErrorCode::internal,
                         "migration " + migrations[i].name + " does not come after " + migrations[i - 1].name};
    return {};
}

Result<void> check_history(const std::vector<Applied>& applied, std::span<const Migration> migrations) {
    for (std::size_t i = 0; i < applied.size(); ++i) {
        const auto& [name, checksum] = applied[i];
        if (i >= migrations.size() || migrations[i].name > name)
            return Error{ErrorCode::unsupported,
                         "the database has migration " + name + ", which this version doesn't know",
                         "it was written by a later version: start that one, or restore a backup made before it"};
        if (migrations[i].name < name)
            return Error{ErrorCode::conflict,
                         "migration " + migrations[i].name + " is missing before " + name + " in the database",
                         "a new migration must come after all applied ones"};
        if (checksum_of(migrations[i].sql) != checksum)
            return Error{ErrorCode::conflict, "migration " + name + " was changed after the database applied it",
                         "leave it as it was and add a new migration"};
    }
    return {};
}

Result<void> apply(Database& database, const Migration& migration) {
    LABHUB_TRY(auto transaction, Transaction::begin(database));
    LABHUB_CHECK(database.execute(migration.sql));
    if (!database.in_transaction())
        return Error{ErrorCode::internal, "it ends the transaction it runs in", "remove COMMIT and ROLLBACK from it"};
    LABHUB_CHECK(database.run("INSERT INTO schema_migrations(name, applied_at, checksum) VALUES(?, ?, ?)",
                              migration.name, SystemClock().utc_now(), checksum_of(migration.sql)));
    return transaction.commit();
}

}  // namespace

Result<void> migrate(Database& database, std::span<const Migration> migrations) {
    LABHUB_CHECK(check_order(migrations));
    LABHUB_CHECK(
        database.execute("CREATE TABLE IF NOT EXISTS schema_migrations("
                         "name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL, checksum TEXT NOT NULL) STRICT"));
    LABHUB_TRY(const auto applied, read_applied(database));
    LABHUB_CHECK(check_history(applied, migrations));
    for (const auto& migration : migrations.subspan(applied.size()))
        if (auto done = apply(database, migration); !done) return done.error().within("migration " + migration.name);
    return {};
}

}  // namespace labhub::sqlite
