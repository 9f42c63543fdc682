#include "shared/sqlite/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <limits>
#include <unordered_map>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::sqlite {
namespace {

constexpr std::size_t kCachedStatements = 256;

ErrorCode code_of(int sqlite_code, int system_errno) {
    switch (sqlite_code & 0xFF) {
        case SQLITE_FULL: return ErrorCode::storage_full;
        case SQLITE_IOERR:
            return system_errno == ENOSPC || system_errno == EDQUOT ? ErrorCode::storage_full : ErrorCode::unavailable;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorCode::corrupt;
        case SQLITE_CONSTRAINT: return ErrorCode::conflict;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorCode::unavailable;
        case SQLITE_INTERRUPT: return ErrorCode::timed_out;
        case SQLITE_TOOBIG: return ErrorCode::too_large;
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH: return ErrorCode::forbidden;
        case SQLITE_CANTOPEN: return system_errno ? system_error("", system_errno).code : ErrorCode::not_found;
        default: return ErrorCode::internal;
    }
}

}  // namespace

/// The handle and its compiled statements; closed when the last of Database and its Statements is gone.
class Connection {
  public:
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        for (auto& [sql, handle] : cache) sqlite3_finalize(handle);
        sqlite3_close(handle);
    }

    Error error(int code, std::string_view sql) const {
        const int system_errno = sqlite3_system_errno(handle);
        std::string message = name + ": " + sqlite3_errmsg(handle);
        if ((code & 0xFF) == SQLITE_INTERRUPT) message = name + ": the query took longer than its time limit";
        if ((code & 0xFF) == SQLITE_IOERR && system_errno != 0)
            message = system_error(name + ": " + sqlite3_errstr(code), system_errno).message;
        return Error{code_of(code, system_errno), std::move(message),
                     sql.empty() ? "" : "in: " + printable(trim(sql), 120)};
    }

    std::string name;
    sqlite3* handle = nullptr;
    std::optional<Steady::time_point> deadline;
    std::unordered_map<std::string, sqlite3_stmt*> cache;  // nullptr while in use
};

Statement::Statement(std::shared_ptr<Connection> connection, sqlite3_stmt* handle, sqlite3_stmt** slot)
    : connection_(std::move(connection)), handle_(handle), slot_(slot) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(std::move(other.connection_)),
      handle_(std::exchange(other.handle_, nullptr)),
      bind_failure_(other.bind_failure_),
      slot_(other.slot_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
    if (this == &other) return *this;
    release();
    connection_ = std::move(other.connection_);
    handle_ = std::exchange(other.handle_, nullptr);
    bind_failure_ = other.bind_failure_;
    slot_ = other.slot_;
    return *this;
}

Statement::~Statement() { release(); }

void Statement::release() {
    if (!handle_) return;
    if (slot_ && !*slot_) {
        sqlite3_reset(handle_);
        sqlite3_clear_bindings(handle_);
        *slot_ = handle_;
    } else {
        sqlite3_finalize(handle_);
    }
    handle_ = nullptr;
}

void Statement::note(int code) {
    if (code != SQLITE_OK && bind_failure_ == SQLITE_OK) bind_failure_ = code;
}

void Statement::bind_null(int index) { note(sqlite3_bind_null(handle_, index)); }
void Statement::bind_int64(int index, std::int64_t value) { note(sqlite3_bind_int64(handle_, index, value)); }
void Statement::bind_double(int index, double value) { note(sqlite3_bind_double(handle_, index, value)); }

void Statement::bind_text(int index, std::string_view value) {
    // A null pointer would store NULL where empty text is meant.
    const char* text = value.data() ? value.data() : "";
    note(sqlite3_bind_text64(handle_, index, text, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind_blob(int index, std::span<const std::byte> value) {
    if (value.empty()) return note(sqlite3_bind_zeroblob(handle_, index, 0));
    note(sqlite3_bind_blob64(handle_, index, value.data(), value.size(), SQLITE_TRANSIENT));
}

Result<bool> Statement::step() {
    if (const int failure = std::exchange(bind_failure_, SQLITE_OK); failure != SQLITE_OK)
        return Error{failure == SQLITE_TOOBIG ? ErrorCode::too_large : ErrorCode::internal,
                     connection_->name + ": can't bind a parameter: " + sqlite3_errstr(failure),
                     std::string("in: ") + printable(sqlite3_sql(handle_), 120)};
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(handle_);
        return false;
    }
    Error error = connection_->error(code, sqlite3_sql(handle_));
    sqlite3_reset(handle_);
    return error;
}

Result<void> Statement::run() {
    while (true) {
        auto more = step();
        if (!more) return std::move(more).error();
        if (!*more) return {};
    }
}

void Statement::reset() { sqlite3_reset(handle_); }

ColumnType Statement::column_type(int column) const {
    switch (sqlite3_column_type(handle_, column)) {
        case SQLITE_INTEGER: return ColumnType::integer;
        case SQLITE_FLOAT: return ColumnType::real;
        case SQLITE_TEXT: return ColumnType::text;
        case SQLITE_BLOB: return ColumnType::blob;
        default: return ColumnType::null;
    }
}

std::int64_t Statement::column_int64(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::column_double(int column) const { return sqlite3_column_double(handle_, column); }

std::string Statement::column_text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    return text ? std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))) : std::string();
}

std::string Statement::column_blob(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
    return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))) : std::string();
}

namespace {

Result<void> create_private(const std::filesystem::path& path) {
    const UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!file) return system_error("open database " + path.string(), errno);
    return {};
}

std::string pragmas(const OpenOptions& options, bool in_memory) {
    std::string sql = "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;";
    sql += "PRAGMA cache_size=-" + std::to_string(options.cache_kib) + ";";
    if (options.read_only) return sql + "PRAGMA query_only=ON; SELECT count(*) FROM sqlite_master;";
    if (options.wal && !in_memory) sql += "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=67108864;";
    sql += options.synchronous == Synchronous::full ? "PRAGMA synchronous=FULL;" : "PRAGMA synchronous=NORMAL;";
    return sql + "SELECT count(*) FROM sqlite_master;";
}

int stop_late_query(void* context) {
    const auto& deadline = static_cast<const Connection*>(context)->deadline;
    return deadline && Steady::now() >= *deadline ? 1 : 0;
}

}  // namespace

Result<Database> Database::open(const std::filesystem::path& path, OpenOptions options) {
    const bool in_memory = path == ":memory:";
    if (!options.read_only && !in_memory) LABHUB_CHECK(create_private(path));
    auto connection = std::make_shared<Connection>();
    connection->name = "database " + path.filename().string();
    const int mode = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int code =
        sqlite3_open_v2(path.c_str(), &connection->handle, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    if (code != SQLITE_OK) return connection->error(code, "").within("open " + path.string());
    sqlite3_busy_timeout(connection->handle, static_cast<int>(options.busy_timeout.count()));
    Database database(std::move(connection));
    if (auto ready = database.execute(pragmas(options, in_memory)); !ready) {
        Error error = ready.error().within("open " + path.string());
        error.detail.clear();
        return error;
    }
    return database;
}

Result<sqlite3_stmt*> Database::compile(std::string_view sql, bool persistent) {
    if (sql.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        return Error{ErrorCode::too_large, connection_->name + ": an SQL text of over 2 GiB"};
    sqlite3_stmt* handle = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v3(connection_->handle, sql.data(), static_cast<int>(sql.size()),
                                        persistent ? SQLITE_PREPARE_PERSISTENT : 0, &handle, &rest);
    if (code != SQLITE_OK) return connection_->error(code, sql);
    const std::string_view after = sql.substr(static_cast<std::size_t>(rest - sql.data()));
    if (handle && trim(after).empty()) return handle;
    const std::string fault = handle ? "more than one statement" : "no statement";
    sqlite3_finalize(handle);
    return Error{ErrorCode::internal, connection_->name + ": " + fault + " to prepare", "in: " + printable(sql, 120)};
}

Result<Statement> Database::prepare(std::string_view sql) {
    LABHUB_TRY(sqlite3_stmt * handle, compile(sql, false));
    return Statement(connection_, handle, nullptr);
}

Result<Statement> Database::cached(std::string_view sql) {
    auto& cache = connection_->cache;
    auto found = cache.find(std::string(sql));
    if (found != cache.end() && found->second)
        return Statement(connection_, std::exchange(found->second, nullptr), &found->second);
    if (found == cache.end() && cache.size() >= kCachedStatements) return prepare(sql);
    LABHUB_TRY(sqlite3_stmt * handle, compile(sql, true));
    if (found == cache.end()) found = cache.emplace(std::string(sql), nullptr).first;
    return Statement(connection_, handle, &found->second);
}

Result<void> Database::execute(std::string_view sql) {
    const std::string text(sql);
    const int code = sqlite3_exec(connection_->handle, text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return connection_->error(code, sql);
    return {};
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_->handle) == 0; }
std::int64_t Database::changes() const { return sqlite3_changes64(connection_->handle); }
std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(connection_->handle); }

void Database::limit_time(std::optional<Steady::time_point> deadline) {
    constexpr int kInstructionsBetweenLooks = 10'000;  // about a millisecond
    connection_->deadline = deadline;
    sqlite3_progress_handler(connection_->handle, deadline ? kInstructionsBetweenLooks : 0,
                             deadline ? stop_late_query : nullptr, connection_.get());
}

Result<Transaction> Transaction::begin(Database& database) {
    LABHUB_CHECK(database.run("BEGIN IMMEDIATE"));
    return Transaction(database);
}

Transaction::~Transaction() {
    // After a full disk SQLite may have rolled back by itself; a second ROLLBACK would be an error.
    if (database_ && database_->in_transaction()) (void)database_->run("ROLLBACK");
}

Result<void> Transaction::commit() {
    LABHUB_CHECK(database_->run("COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace labhub::sqlite
