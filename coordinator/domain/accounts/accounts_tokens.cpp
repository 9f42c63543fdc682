// What proves who asks.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "coordinator/domain/accounts/accounts.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/random.hpp"
#include "shared/base/secret.hpp"
#include "shared/base/sha256.hpp"

namespace labhub::coordinator::accounts {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::chrono::minutes kUseNotedEvery{10};
constexpr std::chrono::hours kFurthestExpiry{24 * 366 * 5};

Error unknown_token(const std::string& user, const std::string& name) {
    return Error{ErrorCode::not_found, "user " + user + " has no token '" + name.substr(0, 64) + "'"};
}

}  // namespace

Accounts::Held Accounts::make_held(Token token) const {
    auto standing = std::make_shared<Standing>(executor_, clock_.utc_now(), token.name, token.expires);
    return Held{std::move(token), std::move(standing)};
}

/// The table is asked for the hash: how long that takes says nothing about how near a wrong secret comes.
Result<Credential> Accounts::check(std::string_view secret) {
    const std::string hash = sha256_hex(secret);
    const auto found = tokens_.find(hash);
    if (secret.empty() || found == tokens_.end() || !same_secret(hash, found->first))
        return Error{ErrorCode::unauthenticated, "the token is not valid",
                     "send 'Authorization: Bearer TOKEN' with a token of this hub"};
    Held& held = found->second;
    const UtcMillis now = clock_.utc_now();
    if (held.token.expires && now >= *held.token.expires)
        return Error{ErrorCode::unauthenticated, "the token '" + held.token.name + "' has expired",
                     "it was valid until " + to_rfc3339(*held.token.expires)};
    const auto user = users_.find(held.token.user);
    const auto role = user == users_.end() ? roles_.end() : roles_.find(user->second.role);
    if (role == roles_.end()) return Error{ErrorCode::unauthenticated, "the token's user is not known any more"};
    if (user->second.is_disabled)
        return Error{ErrorCode::forbidden, "user " + user->first + " is disabled", "ask an administrator"};
    if (!held.standing->holds(now)) held = make_held(std::move(held.token));  // he is enabled again
    note_use(held);
    return Credential{user->first, role->first, role->second.is_admin, held.standing};
}

void Accounts::note_use(Held& held) {
    const UtcMillis now = clock_.utc_now();
    if (held.token.last_used && now - *held.token.last_used < kUseNotedEvery) return;
    held.token.last_used = now;
    if (held.token.name != kAdminTokenFile) store_.post_token_use(held.token.hash, now);
}

void Accounts::end_standings(const std::string& user) {
    for (auto& [hash, held] : tokens_)
        if (held.token.user == user) held.standing->end();
}

const Accounts::Held* Accounts::find_token(const std::string& user, const std::string& name) const {
    for (const auto& [hash, held] : tokens_)
        if (held.token.user == user && held.token.name == name) return &held;
    return nullptr;
}

Result<std::vector<const Token*>> Accounts::tokens_of(const std::string& name) const {
    LABHUB_TRY([[maybe_unused]] const User* const known, user(name));
    std::vector<const Token*> found;
    for (const auto& [hash, held] : tokens_)
        if (held.token.user == name) found.push_back(&held.token);
    std::sort(found.begin(), found.end(), [](const Token* a, const Token* b) {
        return std::tie(a->created, a->name) < std::tie(b->created, b->name);
    });
    return found;
}

Task<Result<Issued>> Accounts::issue_token(std::string name, std::string token_name, std::optional<UtcMillis> expires,
                                           std::string who) {
    if (auto checked = check_name("token name", token_name); !checked) co_return std::move(checked).error();
    auto present = tokens_of(name);
    if (!present) co_return std::move(present).error();
    if (find_token(name, token_name) || token_name == kAdminTokenFile) {
        Error taken{ErrorCode::conflict, "user " + name + " has a token '" + token_name + "' already",
                    "choose another name, or revoke that one first"};
        co_return taken;
    }
    if (present->size() >= kMostTokens) {
        Error many{ErrorCode::too_many, "user " + name + " has " + std::to_string(present->size()) + " tokens",
                   "revoke one that isn't needed any more"};
        co_return many;
    }
    const UtcMillis now = clock_.utc_now();
    if (expires && (*expires <= now || *expires > now + kFurthestExpiry)) {
        Error wrong{ErrorCode::out_of_range, "a token can't expire at " + to_rfc3339(*expires),
                    "in the future, at most five years ahead; left out: never"};
        co_return wrong;
    }
    Issued issued;
    issued.secret = "labhub_" + random_hex(kSecretBytes);
    issued.token = {sha256_hex(issued.secret), name, token_name, now, who, expires, std::nullopt};
    Token stored = issued.token;
    auto added = co_await store_.add_token(std::move(stored));
    if (!added) co_return std::move(added).error();
    if (auto still = user(name); !still) co_return std::move(still).error();
    tokens_.emplace(issued.token.hash, make_held(issued.token));
    spdlog::info("token {} of user {} is made by {}", token_name, name, who);
    co_return issued;
}

Task<Result<void>> Accounts::revoke_token(std::string name, std::string token_name) {
    auto known = user(name);
    if (!known) co_return std::move(known).error();
    const Held* const held = find_token(name, token_name);
    if (!held) co_return unknown_token(name, token_name);
    if (token_name == kAdminTokenFile) {
        Error file{ErrorCode::conflict, "the token in the file admin-token can't be revoked here",
                   "delete the file in the hub's data folder and restart the hub: it makes a new one"};
        co_return file;
    }
    // Whatever becomes of the store, it does not count any more in this process.
    const std::string hash = held->token.hash;
    held->standing->end();
    tokens_.erase(hash);
    auto removed = co_await store_.remove_token(hash);
    if (removed) spdlog::info("token {} of user {} is revoked", token_name, name);
    co_return removed;
}

}  // namespace labhub::coordinator::accounts
