#pragma once

#include <string>
#include <vector>

#include "coordinator/domain/accounts/account.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::store {

/// Users, roles and tokens, in labhub.db. Used from the main thread; the work happens on the writer's. Failures come
/// back as they are: nothing has changed then.
class AccountStore {
  public:
    struct All {
        std::vector<accounts::Role> roles;
        std::vector<accounts::User> users;
        std::vector<accounts::Token> tokens;
    };

    explicit AccountStore(sqlite::Writer& writer) : writer_(writer) {}

    Task<Result<All>> load();
    /// Adds it, or puts it in the place of the one of that name.
    Task<Result<void>> put_role(accounts::Role role);
    Task<Result<void>> put_user(accounts::User user);
    /// Error conflict: a user has the role.
    Task<Result<void>> remove_role(std::string name);
    /// With his tokens.
    Task<Result<void>> remove_user(std::string name);
    /// Error conflict: the user has a token of that name.
    Task<Result<void>> add_token(accounts::Token token);
    Task<Result<void>> remove_token(std::string hash);
    /// For callers that don't wait: a failure is logged.
    void post_token_use(std::string hash, UtcMillis when);

  private:
    sqlite::Writer& writer_;
};

}  // namespace labhub::coordinator::store
