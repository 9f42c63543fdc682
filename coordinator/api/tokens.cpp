// What proves to the hub who asks.
#include "coordinator/api/operations.hpp"
#include "coordinator/domain/telemetry/query_time.hpp"

namespace labhub::coordinator::api {
namespace {

struct TokenView {
    std::string name;
    std::optional<std::int64_t> created_at, expires_at, last_used_at;
    std::string created_by;
    bool is_expired = false, is_this = false;
};
BOOST_DESCRIBE_STRUCT(TokenView, (), (name, created_at, expires_at, last_used_at, created_by, is_expired, is_this))
}  // namespace
template <>
struct MemberDocs<TokenView> {
    static constexpr MemberDoc list[] = {{"name", "'admin-token' is the one in that file of the hub's data folder"},
                                         {"expires_at", "null: never"},
                                         {"last_used_at", "to within ten minutes; null: not yet"},
                                         {"is_this", "true: the one this request came with"}};
};
namespace {

struct TokenList {
    std::vector<TokenView> tokens;
};
BOOST_DESCRIBE_STRUCT(TokenList, (), (tokens))

struct NewToken {
    std::string name;
    std::optional<std::string> expires;
};
BOOST_DESCRIBE_STRUCT(NewToken, (), (name, expires))
}  // namespace
template <>
struct MemberDocs<NewToken> {
    static constexpr MemberDoc list[] = {
        {"name", "tells it from the user's other tokens, as 'laptop'"},
        {"expires",
         "as '+90d' or '2027-01-31T18:00:00+01:00'; when left out never, or with the token this request came "
         "with, which it can't outlive where it is of the same user"}};
};
namespace {

struct IssuedReply {
    std::string token;
    TokenView description;
};
BOOST_DESCRIBE_STRUCT(IssuedReply, (), (token, description))
}  // namespace
template <>
struct MemberDocs<IssuedReply> {
    static constexpr MemberDoc list[] = {{"token", "the token itself: shown this once, and nowhere kept"}};
};
namespace {

TokenView view_of(const Call& call, const accounts::Token& token, UtcMillis now) {
    TokenView shown;
    shown.name = token.name;
    if (token.created.count > 0) shown.created_at = token.created.count;
    if (token.expires) shown.expires_at = token.expires->count;
    if (token.last_used) shown.last_used_at = token.last_used->count;
    shown.created_by = token.created_by;
    shown.is_expired = token.expires && now >= *token.expires;
    shown.is_this = token.user == call.caller.name && call.caller.standing->token() == token.name;
    return shown;
}

Task<Result<TokenList>> list_all(Services& services, Call call, Nothing) {
    auto tokens = services.accounts.tokens_of(call.path["name"]);
    if (!tokens) co_return std::move(tokens).error();
    TokenList reply;
    for (const accounts::Token* token : *tokens)
        reply.tokens.push_back(view_of(call, *token, services.clock.utc_now()));
    co_return reply;
}

/// A token that gets its own user another is not to be a way round its own end.
Result<std::optional<UtcMillis>> expiry_of(const Call& call, const std::optional<std::string>& asked, UtcMillis now) {
    std::optional<UtcMillis> expires;
    if (asked) {
        LABHUB_TRY(expires, telemetry::parse_time("expires", *asked, now));
    }
    const auto& own = call.caller.standing->expires();
    if (!own || call.path.at("name") != call.caller.name) return expires;
    if (expires && *expires > *own)
        return Error{ErrorCode::out_of_range, "a token can't outlive the one it is made with",
                     "that one expires at " + to_rfc3339(*own)};
    return expires ? expires : own;
}

Task<Result<IssuedReply>> issue(Services& services, Call call, NewToken request) {
    const UtcMillis now = services.clock.utc_now();
    auto expires = expiry_of(call, request.expires, now);
    if (!expires) co_return std::move(expires).error();
    auto issued = co_await services.accounts.issue_token(call.path["name"], std::move(request.name), *expires,
                                                         call.caller.principal());
    if (!issued) co_return std::move(issued).error();
    IssuedReply reply;
    reply.token = std::move(issued->secret);
    reply.description = view_of(call, issued->token, now);
    co_return reply;
}

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> revoke(Services& services, Call call, Nothing) {
    MessageReply reply;
    reply.message = "token " + call.path["token"] + " of user " + call.path["name"] + " is revoked";
    auto revoked = co_await services.accounts.revoke_token(call.path["name"], call.path["token"]);
    if (!revoked) co_return std::move(revoked).error();
    co_return reply;
}

Operation row(std::string verb, std::string path, std::string id, std::string summary) {
    return Operation{std::move(verb),
                     "/api/users/{name}/tokens" + path,
                     std::move(id),
                     "users",
                     std::move(summary),
                     Access::self,
                     {},
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_tokens(std::vector<Operation>& list) {
    list.push_back(
        with_handler(row("GET", "", "listTokens", "A user's tokens, without what is secret of them"), &list_all));
    list.push_back(with_handler(row("POST", "", "issueToken", "Make a token, and show it this once"), &issue));
    list.push_back(with_handler(
        row("DELETE", "/{token}", "revokeToken", "Revoke a token, at once, also for streams that are open"), &revoke));
}

}  // namespace labhub::coordinator::api
