// `labhub users`, `labhub roles`, `labhub whoami`
#include "coordinator/cli/people.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string user_path(const std::string& name) { return "/api/users/" + http::percent_encode(name); }
std::string role_path(const std::string& name) { return "/api/roles/" + http::percent_encode(name); }

std::string or_dash(std::string text) { return text.empty() ? "–" : text; }

std::string state_of(const json::object& user) {
    if (flag_of(user, "is_disabled")) return "disabled";
    return flag_of(user, "is_admin") ? "administrator" : "";
}

void print_users(Context& context, const json::object& reply) {
    using enum Table::Align;
    Table table({{"USER", left},
                 {"NAME", left},
                 {"E-MAIL", left},
                 {"ROLE", left},
                 {"STATE", left},
                 {"TOKENS", right},
                 {"OWN QUOTA", left}});
    for (const json::object* const each : rows_of(reply, "users")) {
        const json::object& user = *each;
        table.add({text_of(user, "name"), or_dash(text_of(user, "full_name")), or_dash(text_of(user, "email")),
                   text_of(user, "role"), state_of(user), text_of(user, "tokens"),
                   quota_text(object_of(user, "quota"))});
    }
    show_table(context.console, table, "there are no users");
}

void print_user(Context& context, const json::object& reply) {
    const json::object& user = object_of(reply, "user");
    const UtcMillis now = context.clock.utc_now();
    std::string text = "user     " + text_of(user, "name") + "\n";
    text += "name     " + or_dash(text_of(user, "full_name")) + "\n";
    text += "e-mail   " + or_dash(text_of(user, "email")) + "\n";
    text += "role     " + text_of(user, "role") + "\n";
    text += "state    " + (flag_of(user, "is_disabled") ? std::string("disabled") : std::string("enabled")) + "\n";
    text += "quota    " + quota_text(object_of(user, "quota")) + " of his own\n";
    text += "tokens   " + text_of(user, "tokens") + "\n";
    text += "added    " + time_text(integer_of(user, "created_at"), now) + "\n";
    context.console.print(text);
}

void print_roles(Context& context, const json::object& reply) {
    using enum Table::Align;
    Table table({{"ROLE", left}, {"USERS", right}, {"ADMINISTRATORS", left}, {"QUOTA", left}});
    for (const json::object* const each : rows_of(reply, "roles")) {
        const json::object& role = *each;
        table.add({text_of(role, "name"), text_of(role, "users"), flag_of(role, "is_admin") ? "yes" : "no",
                   quota_text(object_of(role, "quota"))});
    }
    show_table(context.console, table, "there are no roles");
}

void print_caller(Context& context, const json::object& reply) {
    const json::object& caller = object_of(reply, "caller");
    const std::string full_name = text_of(caller, "full_name");
    context.console.print(text_of(caller, "name") + (full_name.empty() ? "" : " (" + full_name + ")") + ", role " +
                          text_of(caller, "role") + ", by the token '" + text_of(caller, "token") + "' at " +
                          context.hub.url() + "\n");
}

/// What the hub made of a change, in one line.
ExitStatus tell_change(Context& context, const Result<json::object>& reply, const std::string& line) {
    if (!reply) return context.give_up(reply.error());
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        context.console.note(line);
    return ExitStatus::done;
}

}  // namespace

std::string size_text(const json::value& bytes) {
    if (!bytes.is_number()) return scalar_text(bytes);
    const double number = bytes.to_number<double>();
    constexpr double kGiB = 1 << 30;
    return number >= kGiB ? scalar_text(number / kGiB) + " GiB" : scalar_text(number / (1 << 20)) + " MiB";
}

json::object quota_of(const QuotaWords& words) {
    json::object quota;
    for (const auto& [word, value] : words) quota[word] = value;
    return quota;
}

std::string quota_text(const json::object& quota) {
    std::string all;
    for (const auto& member : quota) {
        if (member.value().is_null()) continue;
        if (member.value().is_string() && member.value().get_string() == "none") continue;
        const std::string value =
            member.key() == "stored_bytes" ? size_text(member.value()) : scalar_text(member.value());
        all += (all.empty() ? "" : ", ") + std::string(member.key()) + " " + value;
    }
    return all.empty() ? "–" : all;
}

Task<ExitStatus> list_users(Context& context) {
    auto print = [&context](const json::object& reply) { print_users(context, reply); };
    return show_reply(context, "/api/users", std::move(print));
}

Task<ExitStatus> show_user(Context& context, std::string name) {
    auto print = [&context](const json::object& reply) { print_user(context, reply); };
    return show_reply(context, user_path(name), std::move(print));
}

Task<ExitStatus> set_user(Context& context, UserSetRequest request) {
    json::object body;
    if (request.is_new) body["name"] = request.name;
    if (request.full_name) body["full_name"] = *request.full_name;
    if (request.email) body["email"] = *request.email;
    if (request.role) body["role"] = *request.role;
    if (!request.quota.empty()) body["quota"] = quota_of(request.quota);
    if (request.is_new) {
        auto added = co_await context.hub.post("/api/users", std::move(body));
        co_return tell_change(context, added,
                              "user " + request.name + " is added; `labhub tokens new laptop --user " + request.name +
                                  "` makes a token to get in with");
    }
    auto changed = co_await context.hub.patch(user_path(request.name), std::move(body));
    co_return tell_change(context, changed, "user " + request.name + " is changed");
}

Task<ExitStatus> able_user(Context& context, UserAbleRequest request) {
    json::object body;
    body["is_disabled"] = request.is_disabled;
    auto changed = co_await context.hub.patch(user_path(request.name), std::move(body));
    co_return tell_change(context, changed,
                          "user " + request.name + (request.is_disabled ? " is disabled" : " is enabled"));
}

Task<ExitStatus> list_roles(Context& context) {
    auto print = [&context](const json::object& reply) { print_roles(context, reply); };
    return show_reply(context, "/api/roles", std::move(print));
}

Task<ExitStatus> set_role(Context& context, RoleSetRequest request) {
    json::object body;
    if (request.is_admin) body["is_admin"] = *request.is_admin;
    if (!request.quota.empty()) body["quota"] = quota_of(request.quota);
    auto changed = co_await context.hub.patch(role_path(request.name), std::move(body));
    co_return tell_change(context, changed, "role " + request.name + " is set");
}

Task<ExitStatus> show_caller(Context& context) {
    auto print = [&context](const json::object& reply) { print_caller(context, reply); };
    return show_reply(context, "/api/session", std::move(print));
}

namespace {

Task<ExitStatus> remove(Context& context, std::string target) {
    auto removed = co_await context.hub.remove(std::move(target));
    co_return tell(context, removed);
}

struct Carry {
    Context& context;
    Task<ExitStatus> operator()(const UserListRequest&) const { return list_users(context); }
    Task<ExitStatus> operator()(const UserShowRequest& user) const { return show_user(context, user.name); }
    Task<ExitStatus> operator()(const UserSetRequest& user) const { return set_user(context, user); }
    Task<ExitStatus> operator()(const UserAbleRequest& user) const { return able_user(context, user); }
    Task<ExitStatus> operator()(const UserRemoveRequest& user) const { return remove(context, user_path(user.name)); }
    Task<ExitStatus> operator()(const RoleListRequest&) const { return list_roles(context); }
    Task<ExitStatus> operator()(const RoleSetRequest& role) const { return set_role(context, role); }
    Task<ExitStatus> operator()(const RoleRemoveRequest& role) const { return remove(context, role_path(role.name)); }
    Task<ExitStatus> operator()(const TokenListRequest& token) const { return list_tokens(context, token.user); }
    Task<ExitStatus> operator()(const TokenNewRequest& token) const { return new_token(context, token); }
    Task<ExitStatus> operator()(const TokenRevokeRequest& token) const { return revoke_token(context, token); }
    Task<ExitStatus> operator()(const WhoAmIRequest&) const { return show_caller(context); }
    Task<ExitStatus> operator()(const QuotaRequest& quota) const { return show_quota(context, quota.user); }
};

}  // namespace

Task<ExitStatus> run_people(Context& context, PeopleCommand command) { return std::visit(Carry{context}, command); }

}  // namespace labhub::cli
