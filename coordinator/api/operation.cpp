#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

std::string_view to_string(Access access) {
    switch (access) {
        case Access::anyone: return "anyone";
        case Access::user: return "user";
        case Access::user_or_job: return "user or job";
        case Access::owner: return "owner";
        case Access::owner_or_job: return "owner or job";
        case Access::self: return "self";
        case Access::admin: return "admin";
    }
    return "admin";
}

http::Response success(boost::json::value payload) {
    boost::json::object reply;
    auto& members = payload.as_object();
    if (!members.contains("status")) reply["status"] = "success";
    for (auto& member : members) reply[member.key()] = std::move(member.value());
    return http::text_response(200, "application/json", to_json(reply) + "\n");
}

namespace impl {

Result<boost::json::value> parse_body(const http::Request& request) {
    if (request.body.empty()) return boost::json::value(boost::json::object{});
    return parse_json(request.body);
}

}  // namespace impl
}  // namespace labhub::coordinator::api
