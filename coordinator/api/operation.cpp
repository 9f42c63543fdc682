#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

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
