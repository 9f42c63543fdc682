#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/domain/accounts/account.hpp"
#include "coordinator/domain/accounts/standing.hpp"
#include "coordinator/store/account_store.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::accounts {

/// What a token proves, as of now.
struct Credential {
    std::string user;
    std::string role;
    bool is_admin = false;
    std::shared_ptr<Standing> standing;
};

/// What is to be different of a bound: a value, none, or back to what the next outer one says.
struct BoundChange {
    bool is_back = false;
    std::optional<double> value;
};
using BoundChanges = std::map<Bound, BoundChange>;

/// What is to be different of a user or role; what isn't set stays.
struct UserChange {
    std::optional<std::string> full_name, email, role;
    std::optional<bool> is_disabled;
    BoundChanges bounds;
};
struct RoleChange {
    std::optional<bool> is_admin;
    BoundChanges bounds;
};

/// A new token, with the only copy of its secret.
struct Issued {
    Token token;
    std::string secret;
};

/// Who may ask the hub for what, and how much. All of it is in memory, so that asking costs no disk; a change holds
/// from the moment it is made, and is taken back if it can't be stored. Lives on the main thread.
///
/// The user `admin` has the token of the file `admin-token` in the data folder beside those he makes, and can't be
/// disabled: there is always a way in.
class Accounts {
  public:
    static constexpr std::size_t kMostTokens = 32;  ///< of one user

    Accounts(asio::any_io_executor executor, store::AccountStore& store, const Clock& clock,
             std::string_view admin_token);
    /// Loads what is stored. Once, before anything else.
    Task<Result<void>> start();

    /// Whose token it is. Errors unauthenticated (none that is known, or one that has expired), forbidden (its user is
    /// disabled).
    Result<Credential> check(std::string_view secret);

    std::vector<const User*> users() const;  ///< by name
    std::vector<const Role*> roles() const;  ///< by name
    /// Error not_found.
    Result<const User*> user(const std::string& name) const;
    /// Error not_found, with those there are.
    Result<const Role*> role(const std::string& name) const;
    /// What "user:ada" may have; for whoever is no user, what the role `user` has.
    Allowance allowance(std::string_view principal) const;
    /// Why nothing of "user:ada" is started; empty: it is.
    std::string barred(std::string_view principal) const;

    /// Errors malformed, not_found (role), conflict (exists).
    Task<Result<User>> add_user(std::string name, UserChange wanted, std::string who);
    /// Errors not_found, malformed, out_of_range, conflict (the user admin stays as he is).
    Task<Result<User>> change_user(std::string name, UserChange change);
    /// Errors not_found, conflict (has experiments; is admin).
    Task<Result<void>> remove_user(std::string name);
    /// Makes it, or changes it. Errors malformed, out_of_range, conflict (the role admin stays one of administrators).
    Task<Result<Role>> set_role(std::string name, RoleChange change);
    /// Errors not_found, conflict (users have it; is always there).
    Task<Result<void>> remove_role(std::string name);

    /// Oldest first, admin's file first. Error not_found.
    Result<std::vector<const Token*>> tokens_of(const std::string& user) const;
    /// `expires` in the future; unset: never. Errors not_found, malformed, out_of_range, conflict (the name is taken),
    /// too_many.
    Task<Result<Issued>> issue_token(std::string user, std::string name, std::optional<UtcMillis> expires,
                                     std::string who);
    /// At once, also for what goes on on the strength of it. Errors not_found, conflict (admin's file).
    Task<Result<void>> revoke_token(std::string user, std::string name);

    /// The experiments of "user:ada" that the hub knows of.
    std::function<std::size_t(const std::string& principal)> experiments_of;
    /// Somebody may have more or less than before.
    std::function<void()> on_changed;

  private:
    struct Held {
        Token token;
        std::shared_ptr<Standing> standing;
    };
    Held make_held(Token token) const;
    const Held* find_token(const std::string& user, const std::string& name) const;
    void end_standings(const std::string& user);
    void note_use(Held& held);
    Result<User> changed(User user, UserChange change) const;

    asio::any_io_executor executor_;
    store::AccountStore& store_;
    const Clock& clock_;
    std::map<std::string, User> users_;
    std::map<std::string, Role> roles_;
    std::unordered_map<std::string, Held> tokens_;  ///< by the hash of their secret
};

}  // namespace labhub::coordinator::accounts
