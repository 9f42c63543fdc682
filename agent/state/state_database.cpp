#include "agent/state/state_database.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <spdlog/spdlog.h>

#include "shared/sqlite/migrate.hpp"

namespace labhub::agent::state {
namespace {

const std::array kMigrations{sqlite::Migration{"0001_agent_state", R"sql(
    CREATE TABLE audit(
        id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, event TEXT NOT NULL, device TEXT NOT NULL,
        principal TEXT NOT NULL, origin TEXT NOT NULL, command_id TEXT NOT NULL, lease_id TEXT NOT NULL,
        asked TEXT NOT NULL, applied TEXT NOT NULL, outcome TEXT NOT NULL, message TEXT NOT NULL);
    CREATE TABLE command(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time_ms INTEGER NOT NULL,
        outcome TEXT, message TEXT, detail TEXT, applied TEXT);
    CREATE TABLE node_state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)sql"},
                             sqlite::Migration{"0002_alarms", R"sql(
    CREATE TABLE node_alarm(
        device TEXT NOT NULL, metric TEXT NOT NULL, state TEXT NOT NULL, worst INTEGER NOT NULL,
        since_ms INTEGER NOT NULL, PRIMARY KEY(device, metric)) WITHOUT ROWID;
)sql"}};

Result<sqlite::Database> open_checked(const std::filesystem::path& file) {
    sqlite::OpenOptions options;
    options.cache_kib = 256;
    LABHUB_TRY(sqlite::Database database, sqlite::Database::open(file, options));
    LABHUB_CHECK(sqlite::migrate(database, kMigrations));
    LABHUB_TRY(sqlite::Statement check, database.prepare("PRAGMA quick_check(1)"));
    LABHUB_TRY(const bool has_row, check.step());
    if (!has_row || check.column_text(0) != "ok")
        return Error{ErrorCode::corrupt, file.string() + " is damaged: " + check.column_text(0)};
    return database;
}

std::vector<std::filesystem::path> damaged_copies(const std::filesystem::path& file) {
    std::vector<std::filesystem::path> copies;
    std::error_code failure;
    const std::string prefix = file.filename().string() + ".damaged-";
    for (const auto& entry : std::filesystem::directory_iterator(file.parent_path(), failure))
        if (entry.path().filename().string().starts_with(prefix)) copies.push_back(entry.path());
    std::sort(copies.begin(), copies.end());
    return copies;
}

}  // namespace

Result<void> move_aside(const std::filesystem::path& file, UtcMillis now) {
    std::error_code failure;
    auto old_copies = damaged_copies(file);
    for (std::size_t i = 0; i + 1 < old_copies.size(); ++i) std::filesystem::remove(old_copies[i], failure);
    const std::filesystem::path aside = file.string() + ".damaged-" + std::to_string(now.count);
    std::filesystem::rename(file, aside, failure);
    if (failure) return system_error("move damaged " + file.string() + " aside", failure.value());
    for (const char* const part : {"-wal", "-shm"}) std::filesystem::remove(file.string() + part, failure);
    return {};
}

Result<StateDatabase> StateDatabase::open(const std::filesystem::path& data_dir, const Clock& clock) {
    const std::filesystem::path file = data_dir / "agent.sqlite";
    auto database = open_checked(file);
    bool replaced = false;
    if (!database && database.error().code == ErrorCode::corrupt) {
        spdlog::error("{}: it is moved aside and begun anew", database.error().to_string());
        LABHUB_CHECK(move_aside(file, clock.utc_now()));
        replaced = true;
        database = open_checked(file);
    }
    if (!database) return database.error().within("open " + file.string());
    LABHUB_TRY(auto writer, sqlite::Writer::start(std::move(*database)));
    return StateDatabase(std::move(writer), replaced);
}

}  // namespace labhub::agent::state
