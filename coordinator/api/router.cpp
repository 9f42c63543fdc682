#include "coordinator/api/router.hpp"

#include "coordinator/api/metrics.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

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

Task<http::Response> Router::handle(http::Request request) {
    const auto began = services_.clock.steady_now();
    const Match found = match(request);
    std::optional<http::Response> refused;
    Asking asking = who_asks(request, services_.accounts);
    if (asking.caller.kind == Caller::Kind::job) refused = co_await keep_pace(asking.caller.job);
    auto response = refused ? std::move(*refused) : http::Response{};
    if (!refused) response = co_await dispatch(std::move(request), std::move(asking), found);
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

Task<http::Response> Router::dispatch(http::Request request, Asking asking, const Match& found) {
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
    if (auto allowed = check_access(*found.operation, asking, found.path, services_.jobs); !allowed) {
        auto refused = http::error_response(allowed.error());
        if (refused.status == 401) refused.headers.emplace_back("WWW-Authenticate", "Bearer");
        co_return refused;
    }
    if (auto checked = check_query(*found.operation, request); !checked)
        co_return http::error_response(checked.error());
    auto standing = asking.caller.standing;
    Call call{std::move(asking.caller), found.path, std::move(request)};
    auto response = co_await found.operation->run(services_, std::move(call));
    co_return while_standing(std::move(response), std::move(standing), services_.clock);
}

}  // namespace labhub::coordinator::api
