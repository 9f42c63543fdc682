#include "coordinator/store/account_store.hpp"

namespace labhub::coordinator::store {
namespace {

using accounts::Role;
using accounts::Token;
using accounts::User;
using sqlite::Database;
using sqlite::Statement;

template <class T>
Result<std::vector<T>> select(Database& database, std::string_view sql, Result<T> (*read)(const Statement&)) {
    LABHUB_TRY(auto statement, database.prepare(sql));
    std::vector<T> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return loaded;
        LABHUB_TRY(auto each, read(statement));
        loaded.push_back(std::move(each));
    }
}

Result<Role> read_role(const Statement& row) {
    Role role;
    role.name = row.column_text(0);
    role.is_admin = row.column_bool(1);
    LABHUB_TRY(role.bounds, accounts::bounds_from_text(row.column_text(2)));
    return role;
}

Result<User> read_user(const Statement& row) {
    User user;
    user.name = row.column_text(0);
    user.full_name = row.column_text(1);
    user.email = row.column_text(2);
    user.role = row.column_text(3);
    user.is_disabled = row.column_bool(4);
    LABHUB_TRY(user.bounds, accounts::bounds_from_text(row.column_text(5)));
    user.created = row.column_time(6);
    user.created_by = row.column_text(7);
    return user;
}

Result<Token> read_token(const Statement& row) {
    Token token;
    token.hash = row.column_text(0);
    token.user = row.column_text(1);
    token.name = row.column_text(2);
    token.created = row.column_time(3);
    token.created_by = row.column_text(4);
    token.expires = row.column_optional<UtcMillis>(5);
    token.last_used = row.column_optional<UtcMillis>(6);
    return token;
}

Result<AccountStore::All> select_all(Database& database) {
    AccountStore::All all;
    LABHUB_TRY(all.roles, select(database, "SELECT name, is_admin, bounds FROM roles ORDER BY name", &read_role));
    LABHUB_TRY(all.users, select(database,
                                 "SELECT name, full_name, email, role, is_disabled, bounds, created_ms, created_by "
                                 "FROM users ORDER BY name",
                                 &read_user));
    LABHUB_TRY(all.tokens, select(database,
                                  "SELECT hash, user, name, created_ms, created_by, expires_ms, last_used_ms "
                                  "FROM tokens ORDER BY created_ms, hash",
                                  &read_token));
    return all;
}

// An upsert, as a REPLACE would delete the row first, and with it what refers to it.
constexpr std::string_view kPutRole =
    "INSERT INTO roles (name, is_admin, bounds) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET is_admin = excluded.is_admin, bounds = excluded.bounds";
constexpr std::string_view kPutUser =
    "INSERT INTO users (name, full_name, email, role, is_disabled, bounds, created_ms, created_by) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET full_name = excluded.full_name, email = excluded.email, role = excluded.role, "
    "is_disabled = excluded.is_disabled, bounds = excluded.bounds";

}  // namespace

Task<Result<AccountStore::All>> AccountStore::load() {
    return writer_.write([](Database& database) { return select_all(database); });
}

Task<Result<void>> AccountStore::put_role(Role role) {
    return writer_.write([role = std::move(role)](Database& database) {
        return database.run(kPutRole, role.name, role.is_admin, accounts::to_text(role.bounds));
    });
}

Task<Result<void>> AccountStore::put_user(User user) {
    return writer_.write([user = std::move(user)](Database& database) {
        return database.run(kPutUser, user.name, user.full_name, user.email, user.role, user.is_disabled,
                            accounts::to_text(user.bounds), user.created, user.created_by);
    });
}

Task<Result<void>> AccountStore::remove_role(std::string name) {
    return writer_.write([name = std::move(name)](Database& database) {
        return database.run("DELETE FROM roles WHERE name = ?", name);
    });
}

Task<Result<void>> AccountStore::remove_user(std::string name) {
    return writer_.write([name = std::move(name)](Database& database) {
        return database.run("DELETE FROM users WHERE name = ?", name);
    });
}

Task<Result<void>> AccountStore::add_token(Token token) {
    return writer_.write([token = std::move(token)](Database& database) {
        return database.run(
            "INSERT INTO tokens (hash, user, name, created_ms, created_by, expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
            token.hash, token.user, token.name, token.created, token.created_by, token.expires);
    });
}

Task<Result<void>> AccountStore::remove_token(std::string hash) {
    return writer_.write([hash = std::move(hash)](Database& database) {
        return database.run("DELETE FROM tokens WHERE hash = ?", hash);
    });
}

void AccountStore::post_token_use(std::string hash, UtcMillis when) {
    writer_.post([hash = std::move(hash), when](Database& database) {
        return database.run("UPDATE tokens SET last_used_ms = ? WHERE hash = ?", when, hash);
    });
}

}  // namespace labhub::coordinator::store
