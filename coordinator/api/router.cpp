#include "coordinator/api/router.hpp"

#include "coordinator/api/metrics.hpp"
#include "shared/base/secret.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::string_view kJobListener = "job:";

bool match_path(const std::string& pattern, std::string_view path, std::map<std::string, std::string>& parameters) {
    const auto wanted = split(pattern, '/');
    const auto given = split(path, '/');
    if (wanted.size() != given.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const bool is_parameter = wanted[i].size() > 2 && wanted[i].front() == '{';
        if (is_parameter && !given[i].empty())
            parameters[std::string(wanted[i].substr(1, wanted[i].size() - 2))] = given[i];
        else if (wanted[i] != given[i])
            return false;
    }
    return true;
}

Result<void> check_query(const Operation& operation, const http::Request& request) {
    for (const auto& [name, value] : request.query) {
        std::string known;
        bool is_known = false;
        for (const auto& parameter : operation.query) {
            is_known |= parameter.name == name;
            known += (known.empty() ? "" : ", ") + parameter.name;
        }
        if (!is_known)
            return Error{ErrorCode::malformed, "unknown parameter '?" + printable(name, 40) + "'",
                         known.empty() ? "there are no parameters" : "the parameters are: " + known};
    }
    return {};
}

}  // namespace

Router::Match Router::match(const http::Request& request) const {
    Match found;
    for (const auto& operation : operations_) {
        std::map<std::string, std::string> parameters;
        if (!match_path(operation.path, request.path, parameters)) continue;
        if (operation.verb == request.method || (request.method == "HEAD" && operation.verb == "GET"))
            return Match{&operation, std::move(parameters), {}};
        found.allowed += (found.allowed.empty() ? "" : ", ") + operation.verb;
    }
    return found;
}

bool Router::streams_body(std::string_view method, std::string_view path) const {
    std::map<std::string, std::string> ignored;
    for (const auto& operation : operations_)
        if (operation.streams_body && operation.verb == method && match_path(operation.path, path, ignored))
            return true;
    return false;
}

Caller Router::caller_of(const http::Request& request) const {
    if (request.listener.starts_with(kJobListener)) {
        std::string id = request.listener.substr(kJobListener.size());
        return Caller{Caller::Kind::job, id, JobId{id}};
    }
    const auto header = request.header("Authorization");
    constexpr std::string_view kBearer = "Bearer ";
    if (header && header->starts_with(kBearer) && same_secret(trim(header->substr(kBearer.size())), token_))
        return Caller{Caller::Kind::user, "admin", {}};
    return {};
}

Result<void> Router::check_access(const Operation& operation, const Caller& caller,
                                  const http::Request& request) const {
    if (operation.access == Access::anyone || caller.kind == Caller::Kind::user) return {};
    if (caller.kind == Caller::Kind::job) {
        if (operation.access == Access::user_or_job) return {};
        return Error{ErrorCode::forbidden, operation.verb + " " + operation.path + " is not open to scripts",
                     "a script may read and drive its own device"};
    }
    if (request.header("Authorization"))
        return Error{ErrorCode::unauthenticated, "the token is not valid",
                     "send 'Authorization: Bearer TOKEN' with the hub's token"};
    return Error{ErrorCode::unauthenticated, "a token is needed",
                 "send 'Authorization: Bearer TOKEN' with the hub's token"};
}

Task<http::Response> Router::handle(http::Request request) {
    const auto began = services_.clock.steady_now();
    const Match found = match(request);
    std::optional<http::Response> refused;
    if (Caller caller = caller_of(request); caller.kind == Caller::Kind::job)
        refused = co_await keep_pace(std::move(caller.job));
    auto response = refused ? std::move(*refused) : http::Response{};
    if (!refused) response = co_await dispatch(std::move(request), found);
    const double seconds = std::chrono::duration<double>(services_.clock.steady_now() - began).count();
    services_.metrics.observe_http(found.operation ? found.operation->id : "none", response.status, seconds);
    co_return response;
}

Task<std::optional<http::Response>> Router::keep_pace(JobId job) {
    const auto wait = pace_.ask(job, services_.clock.steady_now());
    if (!wait) {
        auto refused = http::error_response(wait.error());
        refused.headers.emplace_back("Retry-After", "1");
        co_return refused;
    }
    if (wait->count() > 0) co_await sleep_for(*wait);
    co_return std::nullopt;
}

Task<http::Response> Router::dispatch(http::Request request, const Match& found) {
    if (!found.operation) {
        const std::string what = request.method + " " + printable(request.path, 120);
        if (found.allowed.empty()) {
            const Error unknown{ErrorCode::not_found, "there is no " + what, "GET /openapi.json lists what there is"};
            co_return http::error_response(unknown);
        }
        const Error wrong_verb{ErrorCode::malformed, "there is no " + what, "this path takes " + found.allowed};
        auto refused = http::error_response(405, wrong_verb);
        refused.headers.emplace_back("Allow", found.allowed);
        co_return refused;
    }
    Caller caller = caller_of(request);
    if (auto allowed = check_access(*found.operation, caller, request); !allowed) {
        auto refused = http::error_response(allowed.error());
        if (refused.status == 401) refused.headers.emplace_back("WWW-Authenticate", "Bearer");
        co_return refused;
    }
    if (auto checked = check_query(*found.operation, request); !checked)
        co_return http::error_response(checked.error());
    Call call{std::move(caller), found.path, std::move(request)};
    co_return co_await found.operation->run(services_, std::move(call));
}

}  // namespace labhub::coordinator::api
