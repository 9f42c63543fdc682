#include "coordinator/api/authority.hpp"

#include "coordinator/domain/jobs/ownership.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::string_view kJobListener = "job:";
constexpr std::string_view kBearer = "Bearer ";

bool is_open_to_jobs(Access access) {
    return access == Access::anyone || access == Access::user_or_job || access == Access::owner_or_job;
}

Result<void> check_admin(const Operation& operation, const Caller& caller) {
    if (caller.is_admin) return {};
    return Error{ErrorCode::forbidden, operation.verb + " " + operation.path + " is for administrators",
                 "you are " + caller.principal() + ", role " + caller.role};
}

Result<void> check_self(const Caller& caller, const std::string& name) {
    if (caller.is_admin || caller.name == name) return {};
    return Error{ErrorCode::forbidden, "that is for the user '" + printable(name, 64) + "' and administrators",
                 "you are " + caller.principal() + ", role " + caller.role};
}

Result<void> check_job_owner(const jobs::Engine& jobs, const std::string& id, const Caller& caller) {
    // A script is not told which other experiments there are.
    if (caller.kind == Caller::Kind::job && id != caller.job.value)
        return Error{ErrorCode::forbidden, "experiment '" + printable(id, 64) + "' is not this script's own",
                     "its own is " + caller.job.value};
    LABHUB_TRY(const jobs::Job* const job, jobs.find(JobId{id}));
    const jobs::Actor actor{caller.principal(), caller.is_admin};
    return jobs::check_owner(*job, actor);
}

Error not_known(const Asking& asking) {
    if (asking.refusal) return *asking.refusal;
    return Error{ErrorCode::unauthenticated, "a token is needed",
                 "send 'Authorization: Bearer TOKEN' with a token of this hub"};
}

Task<Result<std::string>> next_while_standing(http::StreamBody body, std::shared_ptr<accounts::Standing> standing,
                                              const Clock& clock) {
    using namespace asio::experimental::awaitable_operators;
    Error over{ErrorCode::unauthenticated, "the token '" + standing->token() + "' does not count any more"};
    if (!standing->holds(clock.utc_now())) co_return over;
    auto first = co_await (labhub::impl::catching(body.next()) || standing->wait_for_end());
    if (first.index() != 0) {
        Error gone{ErrorCode::unavailable, "the client has gone"};
        co_return standing->holds(clock.utc_now()) ? gone : over;
    }
    auto& ended = std::get<0>(first);
    if (ended.failure) std::rethrow_exception(ended.failure);
    co_return std::move(*ended.value);
}

http::StreamBody guarded(http::StreamBody body, std::shared_ptr<accounts::Standing> standing, const Clock& clock) {
    http::StreamBody guard;
    guard.send_buffer = body.send_buffer;
    guard.next = [body = std::move(body), standing = std::move(standing), &clock] {
        return next_while_standing(body, standing, clock);
    };
    return guard;
}

}  // namespace

Asking who_asks(const http::Request& request, accounts::Accounts& accounts) {
    Asking asking;
    if (request.listener.starts_with(kJobListener)) {
        asking.caller.kind = Caller::Kind::job;
        asking.caller.name = request.listener.substr(kJobListener.size());
        asking.caller.job = JobId{asking.caller.name};
        return asking;
    }
    const auto header = request.header("Authorization");
    if (!header) return asking;
    const bool is_bearer = header->starts_with(kBearer);
    auto proven = accounts.check(is_bearer ? trim(header->substr(kBearer.size())) : std::string_view{});
    if (!proven) {
        asking.refusal = std::move(proven).error();
        return asking;
    }
    asking.caller.kind = Caller::Kind::user;
    asking.caller.name = std::move(proven->user);
    asking.caller.role = std::move(proven->role);
    asking.caller.is_admin = proven->is_admin;
    asking.caller.standing = std::move(proven->standing);
    return asking;
}

Result<void> check_access(const Operation& operation, const Asking& asking,
                          const std::map<std::string, std::string>& path, const jobs::Engine& jobs) {
    const Caller& caller = asking.caller;
    if (operation.access == Access::anyone) return {};
    if (caller.kind == Caller::Kind::anonymous) return not_known(asking);
    if (caller.kind == Caller::Kind::job && !is_open_to_jobs(operation.access))
        return Error{ErrorCode::forbidden, operation.verb + " " + operation.path + " is not open to scripts",
                     "a script may read and drive its own device"};
    switch (operation.access) {
        case Access::admin: return check_admin(operation, caller);
        case Access::self: return check_self(caller, path.at("name"));
        case Access::owner:
        case Access::owner_or_job: return check_job_owner(jobs, path.at("id"), caller);
        default: return {};
    }
}

http::Response while_standing(http::Response response, std::shared_ptr<accounts::Standing> standing,
                              const Clock& clock) {
    auto* const stream = std::get_if<http::StreamBody>(&response.body);
    if (!stream || !standing) return response;
    response.body = guarded(std::move(*stream), std::move(standing), clock);
    return response;
}

}  // namespace labhub::coordinator::api
