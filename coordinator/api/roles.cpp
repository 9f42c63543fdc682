// Roles: who is an administrator, and what their users may have.
#include "coordinator/api/operations.hpp"
#include "coordinator/api/quota_body.hpp"

namespace labhub::coordinator::api {
namespace {

struct RoleView {
    std::string name;
    bool is_admin = false;
    QuotaBody quota;
    std::int64_t users = 0;
};
BOOST_DESCRIBE_STRUCT(RoleView, (), (name, is_admin, quota, users))
struct RoleList {
    std::vector<RoleView> roles;
};
BOOST_DESCRIBE_STRUCT(RoleList, (), (roles))
struct RoleReply {
    RoleView role;
};
BOOST_DESCRIBE_STRUCT(RoleReply, (), (role))

struct RoleRequest {
    std::optional<bool> is_admin;
    std::optional<QuotaBody> quota;
};
BOOST_DESCRIBE_STRUCT(RoleRequest, (), (is_admin, quota))
}  // namespace
template <>
struct MemberDocs<RoleView> {
    static constexpr MemberDoc list[] = {{"is_admin", "whether its users may do everything"},
                                         {"quota", "what holds for its users, but for what a user's own quota says"},
                                         {"users", "how many have it"}};
};
template <>
struct MemberDocs<RoleRequest> {
    static constexpr MemberDoc list[] = {{"is_admin", "whether its users may do everything; false for a new role"},
                                         {"quota", "what is left out of it stays as it is"}};
};
namespace {

RoleView view_of(const accounts::Accounts& accounts, const accounts::Role& role) {
    RoleView shown;
    shown.name = role.name;
    shown.is_admin = role.is_admin;
    shown.quota = body_of(accounts::Allowance(role.name, role.is_admin, role.bounds));
    for (const accounts::User* user : accounts.users()) shown.users += user->role == role.name ? 1 : 0;
    return shown;
}

Task<Result<RoleList>> list_all(Services& services, Call, Nothing) {
    RoleList reply;
    for (const accounts::Role* role : services.accounts.roles())
        reply.roles.push_back(view_of(services.accounts, *role));
    co_return reply;
}

Task<Result<RoleReply>> set_one(Services& services, Call call, RoleRequest request) {
    accounts::RoleChange change;
    change.is_admin = request.is_admin;
    auto bounds = changes_of(request.quota);
    if (!bounds) co_return std::move(bounds).error();
    change.bounds = std::move(*bounds);
    auto role = co_await services.accounts.set_role(call.path["name"], std::move(change));
    if (!role) co_return std::move(role).error();
    RoleReply reply;
    reply.role = view_of(services.accounts, *role);
    co_return reply;
}

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> remove_one(Services& services, Call call, Nothing) {
    MessageReply reply;
    reply.message = "role " + call.path["name"] + " is removed";
    auto removed = co_await services.accounts.remove_role(call.path["name"]);
    if (!removed) co_return std::move(removed).error();
    co_return reply;
}

Operation row(std::string verb, std::string path, std::string id, std::string summary, Access access) {
    return Operation{std::move(verb),
                     "/api/roles" + path,
                     std::move(id),
                     "users",
                     std::move(summary),
                     access,
                     {},
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_roles(std::vector<Operation>& list) {
    list.push_back(with_handler(row("GET", "", "listRoles", "The roles, with their quotas", Access::user), &list_all));
    list.push_back(with_handler(row("PATCH", "/{name}", "setRole",
                                    "Make a role, or change what is given of it; it holds at once", Access::admin),
                                &set_one));
    list.push_back(
        with_handler(row("DELETE", "/{name}", "removeRole", "Remove a role nobody has", Access::admin), &remove_one));
}

}  // namespace labhub::coordinator::api
