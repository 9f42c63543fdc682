#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"

struct sqlite3_stmt;

namespace labhub::sqlite {

/// How much a commit waits for the disk: `normal` survives a killed process, and a power cut but for the last commits
/// (WAL); `full` survives a power cut with every commit.
enum class Synchronous { normal, full };

struct OpenOptions {
    bool read_only = false;                         ///< the file must exist
    std::chrono::milliseconds busy_timeout{5'000};  ///< how long to wait for another connection's lock
    Synchronous synchronous = Synchronous::normal;
    bool wal = true;  ///< write-ahead log: readers never wait for the writer
    int cache_kib = 2'048;
};

enum class ColumnType { null, integer, real, text, blob };

class Connection;

/// One prepared statement: bind, then step until false, read columns in between. Belongs to the thread of its Database;
/// keeps the connection open while it lives. When destroyed, a statement from Database::cached goes back to the cache.
/// A failed bind is reported by the next step.
class Statement {
  public:
    Statement(Statement&&) noexcept;
    Statement& operator=(Statement&&) noexcept;
    ~Statement();

    /// Parameter `index` counts from 1. Takes nullptr, bool, any integer, floating point, text, bytes
    /// (std::span<const std::byte>), UtcMillis, an Id, or an optional of these. A NaN is stored as NULL. Copies.
    template <class T>
    Statement& bind(int index, const T& value);
    /// Binds parameters 1, 2, … in order.
    template <class... Args>
    Statement& bind_all(const Args&... args) {
        int index = 0;
        (bind(++index, args), ...);
        return *this;
    }

    /// True: a row can be read. False: done, and reset for the next use.
    Result<bool> step();
    /// Steps to the end, for statements whose rows don't matter.
    Result<void> run();
    /// Back to before the first step; bindings are kept.
    void reset();

    /// Columns of the current row, counted from 0; NULL reads as 0 or empty.
    ColumnType column_type(int column) const;
    bool is_null(int column) const { return column_type(column) == ColumnType::null; }
    std::int64_t column_int64(int column) const;
    bool column_bool(int column) const { return column_int64(column) != 0; }
    double column_double(int column) const;
    std::string column_text(int column) const;
    std::string column_blob(int column) const;
    UtcMillis column_time(int column) const { return {column_int64(column)}; }
    /// As std::int64_t, double, bool, std::string or UtcMillis; nullopt for NULL.
    template <class T>
    std::optional<T> column_optional(int column) const;

  private:
    friend class Database;
    Statement(std::shared_ptr<Connection> connection, sqlite3_stmt* handle, sqlite3_stmt** slot);
    void release();
    void bind_null(int index);
    void bind_int64(int index, std::int64_t value);
    void bind_double(int index, double value);
    void bind_text(int index, std::string_view value);
    void bind_blob(int index, std::span<const std::byte> value);
    void note(int code);

    std::shared_ptr<Connection> connection_;
    sqlite3_stmt* handle_ = nullptr;
    int bind_failure_ = 0;
    sqlite3_stmt** slot_ = nullptr;  ///< its place in the connection's cache, if it came from there
};

/// One connection to a SQLite file; used by one thread at a time. Foreign keys are enforced. Errors: storage_full,
/// corrupt, conflict (a constraint), unavailable (locked by another, I/O), forbidden, not_found, timed_out
/// (limit_time).
class Database {
  public:
    /// Opens, and makes the file (mode 0600) unless read_only. The folder must exist. ":memory:" is a private database
    /// in memory. A file that is not a database is Error corrupt, here already.
    static Result<Database> open(const std::filesystem::path& path, OpenOptions options = {});

    Result<Statement> prepare(std::string_view sql);
    /// Like prepare, from the statements this connection has already compiled.
    Result<Statement> cached(std::string_view sql);
    /// Runs several statements without parameters.
    Result<void> execute(std::string_view sql);
    /// Runs one cached statement with parameters to its end.
    template <class... Args>
    Result<void> run(std::string_view sql, const Args&... args) {
        auto statement = cached(sql);
        if (!statement) return std::move(statement).error();
        return statement->bind_all(args...).run();
    }

    bool in_transaction() const;
    /// Rows changed by the last INSERT, UPDATE or DELETE.
    std::int64_t changes() const;
    std::int64_t last_insert_id() const;
    /// Statements still running at `deadline` end with Error timed_out; nullopt lifts the limit.
    void limit_time(std::optional<Steady::time_point> deadline);

  private:
    explicit Database(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    Result<sqlite3_stmt*> compile(std::string_view sql, bool persistent);

    std::shared_ptr<Connection> connection_;
};

/// BEGIN IMMEDIATE … commit(), or rolled back when destroyed. The Database must outlive it and stay where it is.
class Transaction {
  public:
    static Result<Transaction> begin(Database& database);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Result<void> commit();

  private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

namespace impl {
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<Id<Tag>> = true;
}  // namespace impl

template <class T>
Statement& Statement::bind(int index, const T& value) {
    if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::nullopt_t>) {
        bind_null(index);
    } else if constexpr (impl::is_optional<T>) {
        value ? (void)bind(index, *value) : bind_null(index);
    } else if constexpr (std::is_same_v<T, UtcMillis>) {
        bind_int64(index, value.count);
    } else if constexpr (impl::is_id<T>) {
        bind_text(index, value.value);
    } else if constexpr (std::integral<T>) {
        bind_int64(index, static_cast<std::int64_t>(value));
    } else if constexpr (std::floating_point<T>) {
        bind_double(index, static_cast<double>(value));
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
        bind_text(index, value);
    } else {
        bind_blob(index, std::span<const std::byte>(value));
    }
    return *this;
}

template <class T>
std::optional<T> Statement::column_optional(int column) const {
    if (is_null(column)) return std::nullopt;
    if constexpr (std::is_same_v<T, bool>) {
        return column_bool(column);
    } else if constexpr (std::is_same_v<T, UtcMillis>) {
        return column_time(column);
    } else if constexpr (std::integral<T>) {
        return static_cast<T>(column_int64(column));
    } else if constexpr (std::floating_point<T>) {
        return static_cast<T>(column_double(column));
    } else {
        return T(column_text(column));
    }
}

}  // namespace labhub::sqlite
