#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// Bounds as they were typed, by their words in the hub's API: {"max_running": "3"}.
using QuotaWords = std::map<std::string, std::string>;

// What was typed behind `labhub users`, `roles`, `tokens`, one struct for each word.
struct UserListRequest {};
struct UserShowRequest {
    std::string name;
};
struct UserSetRequest {
    std::string name;
    bool is_new = false;
    std::optional<std::string> full_name, email, role;
    QuotaWords quota;
};
struct UserAbleRequest {
    std::string name;
    bool is_disabled = false;
};
struct UserRemoveRequest {
    std::string name;
};
struct RoleListRequest {};
struct RoleSetRequest {
    std::string name;
    std::optional<bool> is_admin;
    QuotaWords quota;
};
struct RoleRemoveRequest {
    std::string name;
};
struct TokenListRequest {
    std::string user;  ///< empty: whoever asks
};
struct TokenNewRequest {
    std::string name;
    std::string user;
    std::optional<std::string> expires;
};
struct TokenRevokeRequest {
    std::string name;
    std::string user;
};
struct WhoAmIRequest {};
struct QuotaRequest {
    std::string user;  ///< empty: whoever asks
};
using PeopleCommand = std::variant<UserListRequest, UserShowRequest, UserSetRequest, UserAbleRequest, UserRemoveRequest,
                                   RoleListRequest, RoleSetRequest, RoleRemoveRequest, TokenListRequest,
                                   TokenNewRequest, TokenRevokeRequest, WhoAmIRequest, QuotaRequest>;

/// `labhub users …`, `labhub roles …`, `labhub tokens …`, `labhub whoami`, `labhub quota`
Task<ExitStatus> run_people(Context& context, PeopleCommand command);

// Its parts.
Task<ExitStatus> list_users(Context& context);
Task<ExitStatus> show_user(Context& context, std::string name);
Task<ExitStatus> set_user(Context& context, UserSetRequest request);
Task<ExitStatus> able_user(Context& context, UserAbleRequest request);
Task<ExitStatus> list_roles(Context& context);
Task<ExitStatus> set_role(Context& context, RoleSetRequest request);
Task<ExitStatus> list_tokens(Context& context, std::string user);
Task<ExitStatus> new_token(Context& context, TokenNewRequest request);
Task<ExitStatus> revoke_token(Context& context, TokenRevokeRequest request);
Task<ExitStatus> show_caller(Context& context);
Task<ExitStatus> show_quota(Context& context, std::string user);

/// "1.5 GiB"; what is no number as it is.
std::string size_text(const boost::json::value& bytes);
/// The body's "quota" of what was typed.
boost::json::object quota_of(const QuotaWords& words);
/// "3 running, 10 processor hours in 30d": what is bounded; "–" for nothing.
std::string quota_text(const boost::json::object& quota);

}  // namespace labhub::cli
