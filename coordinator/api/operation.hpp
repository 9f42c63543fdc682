#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "coordinator/api/call.hpp"
#include "coordinator/api/schema.hpp"

namespace labhub::coordinator::api {

/// Who may use an operation. There is no other rule on routes; rules on devices are the domain's. Whoever is no user is
/// told no more than that.
enum class Access {
    anyone,        ///< also without a token
    user,          ///< a person or program with a token
    user_or_job,   ///< also a script, from inside its sandbox
    owner,         ///< of the experiment {id} in the path, and administrators
    owner_or_job,  ///< also that experiment's own script
    self,          ///< the user {name} in the path, and administrators
    admin,         ///< users whose role is one of administrators
};
/// "user or job", as the OpenAPI document has it.
std::string_view to_string(Access access);

/// A parameter of the query. One that isn't listed is refused.
struct QueryParameter {
    std::string name;
    std::string description;
};

/// One thing the hub can do: the row from which come the router, the check of who may, and the OpenAPI document.
/// A route that is not in the list (operations.hpp) does not exist.
struct Operation {
    std::string verb;
    std::string path;  ///< "/api/experiments/{id}/status"
    std::string id;    ///< operationId: "getExperimentStatus"
    std::string tag;   ///< the resource
    std::string summary;
    Access access = Access::user;
    std::vector<QueryParameter> query;
    boost::json::object request_schema;   ///< empty: no body
    boost::json::object response_schema;  ///< of the payload beside "status"; empty: not JSON
    std::string response_type = "application/json";
    std::function<Task<http::Response>(Services&, Call)> run;
    bool streams_body = false;  ///< the body is any bytes of any length, which the handler reads from request.stream
};

/// A request without a body, or a reply with nothing but its status.
struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

/// `payload` with "status":"success" before it, unless it has a status of its own.
http::Response success(boost::json::value payload);

namespace impl {

/// The body as JSON; an absent one as {}, so that what is missing is named.
Result<boost::json::value> parse_body(const http::Request& request);

template <class Request>
Result<Request> read_request(const http::Request& request) {
    LABHUB_TRY(const auto body, parse_body(request));
    return decode<Request>(body);
}

template <class Request, class Reply>
Task<http::Response> run_typed(Task<Result<Reply>> (*handler)(Services&, Call, Request), Services& services,
                               Call call) {
    auto request = read_request<Request>(call.request);
    if (!request) co_return http::error_response(request.error());
    auto reply = co_await handler(services, std::move(call), std::move(*request));
    if (!reply) co_return http::error_response(reply.error());
    if constexpr (std::is_same_v<Reply, http::Response>)
        co_return std::move(*reply);
    else
        co_return success(encode(*reply));
}

}  // namespace impl

/// Completes a row with its handler; the schemas come from the handler's own types.
template <class Request, class Reply>
Operation with_handler(Operation row, Task<Result<Reply>> (*handler)(Services&, Call, Request)) {
    if constexpr (!std::is_same_v<Request, Nothing>) row.request_schema = schema<Request>();
    if constexpr (!std::is_same_v<Reply, http::Response>) row.response_schema = schema<Reply>();
    row.run = [handler](Services& services, Call call) { return impl::run_typed(handler, services, std::move(call)); };
    return row;
}

}  // namespace labhub::coordinator::api
