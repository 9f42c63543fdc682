#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "coordinator/cli/people.hpp"

namespace labhub::cli {

/// `labhub users …`, `roles …`, `tokens …`, `whoami`, `quota`, described to CLI11. Must outlive the parse.
class PeopleGrammar {
  public:
    void describe(CLI::App& app);
    /// What was typed, if it was one of these.
    std::optional<PeopleCommand> chosen() const;

  private:
    void describe_users(CLI::App& app);
    void describe_roles(CLI::App& app);
    void describe_tokens(CLI::App& app);
    /// A word of `of`; `filled` is what it stands for.
    template <class Request>
    CLI::App* word(CLI::App* of, const std::string& name, const std::string& description, Request& filled) {
        CLI::App* const added = of->add_subcommand(name, description);
        words_.emplace_back(added, [&filled] { return PeopleCommand{filled}; });
        return added;
    }

    std::vector<std::pair<CLI::App*, std::function<PeopleCommand()>>> words_;  ///< inner ones before their outer one
    UserListRequest user_list_;
    UserShowRequest user_show_;
    UserSetRequest user_add_, user_set_;
    UserAbleRequest user_disable_{{}, true}, user_enable_{{}, false};
    UserRemoveRequest user_remove_;
    RoleListRequest role_list_;
    RoleSetRequest role_set_;
    RoleRemoveRequest role_remove_;
    TokenListRequest token_list_;
    TokenNewRequest token_new_;
    TokenRevokeRequest token_revoke_;
    WhoAmIRequest who_am_i_;
    QuotaRequest quota_;
};

}  // namespace labhub::cli
