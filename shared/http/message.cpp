#include "shared/http/message.hpp"

#include <strings.h>

#include "shared/base/json.hpp"

namespace labhub::http {

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
    for (const auto& [key, value] : headers)
        if (key.size() == name.size() && ::strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
    return std::nullopt;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    for (const auto& [key, value] : query)
        if (key == name) return value;
    return std::nullopt;
}

Response text_response(int status, std::string content_type, std::string body) {
    Response response;
    response.status = status;
    response.headers.emplace_back("Content-Type", std::move(content_type));
    response.body = std::move(body);
    return response;
}

Response error_response(const Error& error) { return error_response(http_status(error.code), error); }

Response error_response(int status, const Error& error) {
    boost::json::object inner;
    inner["code"] = code_name(error.code);
    inner["message"] = error.message;
    inner["detail"] = error.detail;
    boost::json::object body;
    body["status"] = "error";
    body["error"] = std::move(inner);
    body["detail"] = error.message;
    return text_response(status, "application/json", to_json(body) + "\n");
}

}  // namespace labhub::http
