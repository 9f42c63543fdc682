// The people and programs that may ask the hub for things.
#include "coordinator/api/operations.hpp"
#include "coordinator/api/quota_body.hpp"

namespace labhub::coordinator::api {
namespace {

struct UserView {
    std::string name, full_name, email, role;
    bool is_admin = false, is_disabled = false;
    QuotaBody quota;
    std::int64_t tokens = 0;
    std::optional<std::int64_t> created_at;
    std::string created_by;
};
BOOST_DESCRIBE_STRUCT(UserView, (),
                      (name, full_name, email, role, is_admin, is_disabled, quota, tokens, created_at, created_by))
}  // namespace
template <>
struct MemberDocs<UserView> {
    static constexpr MemberDoc list[] = {{"quota", "his own, over that of his role"},
                                         {"tokens", "how many he has"},
                                         {"created_at", "null: always there"}};
};
namespace {

struct UserList {
    std::vector<UserView> users;
};
BOOST_DESCRIBE_STRUCT(UserList, (), (users))
struct UserReply {
    UserView user;
};
BOOST_DESCRIBE_STRUCT(UserReply, (), (user))

struct NewUser {
    std::string name;
    std::optional<std::string> full_name, email, role;
    std::optional<QuotaBody> quota;
};
BOOST_DESCRIBE_STRUCT(NewUser, (), (name, full_name, email, role, quota))
}  // namespace
template <>
struct MemberDocs<NewUser> {
    static constexpr MemberDoc list[] = {{"name", "1 to 64 of letters, digits, '_', '-' and '.'; it can't be changed"},
                                         {"role", "of GET /api/roles; 'user' when left out"},
                                         {"quota", "his own, over that of his role"}};
};
namespace {

struct ChangedUser {
    std::optional<std::string> full_name, email, role;
    std::optional<bool> is_disabled;
    std::optional<QuotaBody> quota;
};
BOOST_DESCRIBE_STRUCT(ChangedUser, (), (full_name, email, role, is_disabled, quota))
}  // namespace
template <>
struct MemberDocs<ChangedUser> {
    static constexpr MemberDoc list[] = {
        {"is_disabled", "true: his tokens don't count, what of his waits goes on waiting, and what runs goes on"},
        {"quota", "what is left out of it stays as it is"}};
};
namespace {

UserView view_of(const accounts::Accounts& accounts, const accounts::User& user) {
    UserView shown;
    shown.name = user.name;
    shown.full_name = user.full_name;
    shown.email = user.email;
    shown.role = user.role;
    if (const auto role = accounts.role(user.role)) shown.is_admin = (*role)->is_admin;
    shown.is_disabled = user.is_disabled;
    shown.quota = body_of(user.bounds);
    if (const auto tokens = accounts.tokens_of(user.name)) shown.tokens = static_cast<std::int64_t>(tokens->size());
    if (user.created.count > 0) shown.created_at = user.created.count;
    shown.created_by = user.created_by;
    return shown;
}

Task<Result<UserList>> list_all(Services& services, Call, Nothing) {
    UserList reply;
    for (const accounts::User* user : services.accounts.users())
        reply.users.push_back(view_of(services.accounts, *user));
    co_return reply;
}

Task<Result<UserReply>> get_one(Services& services, Call call, Nothing) {
    auto user = services.accounts.user(call.path["name"]);
    if (!user) co_return std::move(user).error();
    UserReply reply;
    reply.user = view_of(services.accounts, **user);
    co_return reply;
}

Task<Result<UserReply>> add_one(Services& services, Call call, NewUser request) {
    accounts::UserChange wanted;
    wanted.full_name = std::move(request.full_name);
    wanted.email = std::move(request.email);
    wanted.role = std::move(request.role);
    auto bounds = changes_of(request.quota);
    if (!bounds) co_return std::move(bounds).error();
    wanted.bounds = std::move(*bounds);
    auto user =
        co_await services.accounts.add_user(std::move(request.name), std::move(wanted), call.caller.principal());
    if (!user) co_return std::move(user).error();
    UserReply reply;
    reply.user = view_of(services.accounts, *user);
    co_return reply;
}

Task<Result<UserReply>> change_one(Services& services, Call call, ChangedUser request) {
    accounts::UserChange change;
    change.full_name = std::move(request.full_name);
    change.email = std::move(request.email);
    change.role = std::move(request.role);
    change.is_disabled = request.is_disabled;
    auto bounds = changes_of(request.quota);
    if (!bounds) co_return std::move(bounds).error();
    change.bounds = std::move(*bounds);
    auto user = co_await services.accounts.change_user(call.path["name"], std::move(change));
    if (!user) co_return std::move(user).error();
    UserReply reply;
    reply.user = view_of(services.accounts, *user);
    co_return reply;
}

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> remove_one(Services& services, Call call, Nothing) {
    MessageReply reply;
    reply.message = "user " + call.path["name"] + " is removed, with all tokens";
    auto removed = co_await services.accounts.remove_user(call.path["name"]);
    if (!removed) co_return std::move(removed).error();
    co_return reply;
}

Operation row(std::string verb, std::string path, std::string id, std::string summary, Access access) {
    return Operation{std::move(verb),
                     "/api/users" + path,
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

void add_users(std::vector<Operation>& list) {
    list.push_back(with_handler(row("GET", "", "listUsers", "All users", Access::admin), &list_all));
    list.push_back(
        with_handler(row("POST", "", "addUser", "Add a user, who gets in with a token", Access::admin), &add_one));
    list.push_back(with_handler(row("GET", "/{name}", "getUser", "One user", Access::self), &get_one));
    list.push_back(with_handler(
        row("PATCH", "/{name}", "changeUser", "Change what is given of a user; it holds at once", Access::admin),
        &change_one));
    list.push_back(with_handler(
        row("DELETE", "/{name}", "removeUser", "Remove a user who has no experiments", Access::admin), &remove_one));
}

}  // namespace labhub::coordinator::api
