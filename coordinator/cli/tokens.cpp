// `labhub tokens`
#include "coordinator/cli/people.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

/// "/api/users/NAME/tokens"; without a name, that of whoever asks.
Task<Result<std::string>> tokens_path(Context& context, std::string user) {
    if (user.empty()) {
        auto session = co_await context.hub.get("/api/session");
        if (!session) co_return std::move(session).error();
        user = text_of(object_of(*session, "caller"), "name");
    }
    co_return "/api/users/" + http::percent_encode(user) + "/tokens";
}

std::string expiry_text(const json::object& token, UtcMillis now) {
    if (flag_of(token, "is_expired")) return "expired";
    const auto expires = integer_of(token, "expires_at");
    return expires ? time_text(expires, now) : "never";
}

void print_tokens(Context& context, const json::object& reply) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"TOKEN", left}, {"MADE", left}, {"BY", left}, {"EXPIRES", left}, {"LAST USED", right}, {"", left}});
    for (const json::object* const each : rows_of(reply, "tokens")) {
        const json::object& token = *each;
        const std::string by = text_of(token, "created_by");
        table.add({text_of(token, "name"), time_text(integer_of(token, "created_at"), now), by.empty() ? "the hub" : by,
                   expiry_text(token, now), age_text(integer_of(token, "last_used_at"), now),
                   flag_of(token, "is_this") ? "in use here" : ""});
    }
    show_table(context.console, table, "there are no tokens");
}

}  // namespace

Task<ExitStatus> list_tokens(Context& context, std::string user) {
    auto path = co_await tokens_path(context, std::move(user));
    if (!path) co_return context.give_up(path.error());
    auto print = [&context](const json::object& reply) { print_tokens(context, reply); };
    co_return co_await show_reply(context, std::move(*path), std::move(print));
}

Task<ExitStatus> new_token(Context& context, TokenNewRequest request) {
    auto path = co_await tokens_path(context, request.user);
    if (!path) co_return context.give_up(path.error());
    json::object body;
    body["name"] = request.name;
    if (request.expires) body["expires"] = *request.expires;
    auto issued = co_await context.hub.post(std::move(*path), std::move(body));
    if (!issued) co_return context.give_up(issued.error());
    if (context.console.is_json()) {
        context.console.print_json(*issued);
        co_return ExitStatus::done;
    }
    context.console.print(text_of(*issued, "token") + "\n");
    context.console.note(
        "this is the only time it is shown; keep it in a file only its user can read, and name that by "
        "LABHUB_TOKEN_FILE or --token-file");
    co_return ExitStatus::done;
}

Task<ExitStatus> revoke_token(Context& context, TokenRevokeRequest request) {
    auto path = co_await tokens_path(context, request.user);
    if (!path) co_return context.give_up(path.error());
    auto revoked = co_await context.hub.remove(*path + "/" + http::percent_encode(request.name));
    co_return tell(context, revoked);
}

}  // namespace labhub::cli
