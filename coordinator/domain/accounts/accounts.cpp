#include "coordinator/domain/accounts/accounts.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "shared/base/ids.hpp"
#include "shared/base/sha256.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::accounts {
namespace {

Result<void> change_bounds(Bounds& bounds, const BoundChanges& changes) {
    for (const auto& [bound, change] : changes) {
        if (change.is_back) {
            bounds.erase(bound);
            continue;
        }
        LABHUB_CHECK(check_bound(bound, change.value));
        bounds[bound] = change.value;
    }
    return {};
}

Result<Role> changed(Role role, const RoleChange& change) {
    role.is_admin = change.is_admin.value_or(role.is_admin);
    if (role.name == kAdmin && !role.is_admin)
        return Error{ErrorCode::conflict, "the role admin is of administrators", "there is always a way in"};
    LABHUB_CHECK(change_bounds(role.bounds, change.bounds));
    return role;
}

}  // namespace

Accounts::Accounts(asio::any_io_executor executor, store::AccountStore& store, const Clock& clock,
                   std::string_view admin_token)
    : experiments_of([](const std::string&) { return std::size_t{0}; }),
      on_changed([] {}),
      executor_(executor),
      store_(store),
      clock_(clock) {
    Token token;
    token.hash = sha256_hex(admin_token);
    token.user = kAdmin;
    token.name = kAdminTokenFile;
    const std::string hash = token.hash;
    tokens_.emplace(hash, make_held(std::move(token)));
}

Task<Result<void>> Accounts::start() {
    auto stored = co_await store_.load();
    if (!stored) co_return std::move(stored).error();
    for (auto& role : stored->roles) roles_[role.name] = std::move(role);
    for (auto& user : stored->users) users_[user.name] = std::move(user);
    for (auto& token : stored->tokens) {
        const std::string hash = token.hash;
        tokens_.try_emplace(hash, make_held(std::move(token)));
    }
    co_return Result<void>{};
}

std::vector<const User*> Accounts::users() const {
    std::vector<const User*> all;
    for (const auto& [name, user] : users_) all.push_back(&user);
    return all;
}

std::vector<const Role*> Accounts::roles() const {
    std::vector<const Role*> all;
    for (const auto& [name, role] : roles_) all.push_back(&role);
    return all;
}

Result<const User*> Accounts::user(const std::string& name) const {
    const auto found = users_.find(name);
    if (found == users_.end()) return Error{ErrorCode::not_found, "no user '" + printable(name, 64) + "'"};
    return &found->second;
}

Result<const Role*> Accounts::role(const std::string& name) const {
    const auto found = roles_.find(name);
    if (found != roles_.end()) return &found->second;
    std::string known;
    for (const auto& [each, role] : roles_) known += (known.empty() ? "" : ", ") + each;
    return Error{ErrorCode::not_found, "no role '" + printable(name, 64) + "'", "there are: " + known};
}

Allowance Accounts::allowance(std::string_view principal) const {
    const auto user = users_.find(std::string(user_of(principal)));
    const auto role = roles_.find(user == users_.end() ? std::string(kUser) : user->second.role);
    if (role == roles_.end()) return Allowance(std::string(kUser), false, {});
    const Role& of = role->second;
    if (user == users_.end()) return Allowance(of.name, of.is_admin, of.bounds);
    return Allowance(of.name, of.is_admin, of.bounds, user->first, user->second.bounds);
}

std::string Accounts::barred(std::string_view principal) const {
    const auto found = users_.find(std::string(user_of(principal)));
    if (found == users_.end() || !found->second.is_disabled) return {};
    return std::string(principal) + " is disabled";
}

Result<User> Accounts::changed(User user, UserChange change) const {
    if (change.full_name) {
        LABHUB_CHECK(check_full_name(*change.full_name));
        user.full_name = std::move(*change.full_name);
    }
    if (change.email) {
        LABHUB_CHECK(check_email(*change.email));
        user.email = std::move(*change.email);
    }
    if (change.role) {
        LABHUB_TRY([[maybe_unused]] const Role* const known, role(*change.role));
        user.role = std::move(*change.role);
    }
    user.is_disabled = change.is_disabled.value_or(user.is_disabled);
    if (user.name == kAdmin && (user.is_disabled || user.role != kAdmin))
        return Error{ErrorCode::conflict, "the user admin stays an administrator, and enabled",
                     "there is always a way in"};
    LABHUB_CHECK(change_bounds(user.bounds, change.bounds));
    return user;
}

Task<Result<User>> Accounts::add_user(std::string name, UserChange wanted, std::string who) {
    if (auto checked = check_name("user name", name); !checked) co_return std::move(checked).error();
    if (users_.contains(name)) {
        Error exists{ErrorCode::conflict, "there is a user '" + name + "' already"};
        co_return exists;
    }
    User user;
    user.name = name;
    user.created = clock_.utc_now();
    user.created_by = who;
    auto made = changed(std::move(user), std::move(wanted));
    if (!made) co_return made;
    users_[name] = *made;
    User stored = *made;
    auto put = co_await store_.put_user(std::move(stored));
    if (!put) {
        users_.erase(name);
        co_return std::move(put).error();
    }
    spdlog::info("user {} (role {}) is added by {}", name, made->role, who);
    co_return made;
}

Task<Result<User>> Accounts::change_user(std::string name, UserChange change) {
    auto known = user(name);
    if (!known) co_return std::move(known).error();
    const User before = **known;
    auto made = changed(before, std::move(change));
    if (!made) co_return made;
    users_[name] = *made;
    if (made->is_disabled) end_standings(name);
    User stored = *made;
    auto put = co_await store_.put_user(std::move(stored));
    if (!put) {
        if (const auto still = users_.find(name); still != users_.end()) still->second = before;
        co_return std::move(put).error();
    }
    if (before.is_disabled != made->is_disabled)
        spdlog::info("user {} is {}", name, made->is_disabled ? "disabled" : "enabled");
    if (before.role != made->role) spdlog::info("user {} has the role {} now, not {}", name, made->role, before.role);
    on_changed();
    co_return made;
}

Task<Result<void>> Accounts::remove_user(std::string name) {
    auto known = user(name);
    if (!known) co_return std::move(known).error();
    if (name == kAdmin) {
        Error stays{ErrorCode::conflict, "the user admin is always there"};
        co_return stays;
    }
    if (const auto count = experiments_of("user:" + name); count > 0) {
        Error has{ErrorCode::conflict,
                  "user " + name + " has " + std::to_string(count) + " experiments, reservations or alarm rules",
                  "whoever got the name next would own them: disable the user, or delete them first"};
        co_return has;
    }
    end_standings(name);
    const User before = **known;
    users_.erase(name);
    auto removed = co_await store_.remove_user(name);
    if (!removed) {
        users_.emplace(name, before);
        co_return removed;
    }
    std::erase_if(tokens_, [&](const auto& each) { return each.second.token.user == name; });
    spdlog::info("user {} is removed", name);
    co_return removed;
}

Task<Result<Role>> Accounts::set_role(std::string name, RoleChange change) {
    if (auto checked = check_name("role", name); !checked) co_return std::move(checked).error();
    const auto found = roles_.find(name);
    const bool is_new = found == roles_.end();
    Role before;
    before.name = name;
    if (!is_new) before = found->second;
    auto made = accounts::changed(before, change);
    if (!made) co_return made;
    roles_[name] = *made;
    Role stored = *made;
    auto put = co_await store_.put_role(std::move(stored));
    if (!put) {
        if (is_new)
            roles_.erase(name);
        else
            roles_[name] = before;
        co_return std::move(put).error();
    }
    spdlog::info("role {} is set: {}, {}", name, made->is_admin ? "of administrators" : "of users",
                 to_text(made->bounds));
    on_changed();
    co_return made;
}

Task<Result<void>> Accounts::remove_role(std::string name) {
    auto known = role(name);
    if (!known) co_return std::move(known).error();
    if (name == kAdmin || name == kUser) {
        Error stays{ErrorCode::conflict, "the role " + name + " is always there"};
        co_return stays;
    }
    for (const auto& [each, user] : users_)
        if (user.role == name) {
            Error has{ErrorCode::conflict, "the role " + name + " is that of user " + each,
                      "give its users another one first"};
            co_return has;
        }
    auto removed = co_await store_.remove_role(name);
    if (removed) roles_.erase(name);
    co_return removed;
}

}  // namespace labhub::coordinator::accounts
