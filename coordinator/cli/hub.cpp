#include "coordinator/cli/hub.hpp"

#include "shared/base/ids.hpp"
#include "shared/base/json.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

Error refusal_of(const http::ClientResponse& response, bool has_token) {
    Error error = http::error_of(response);
    if (error.code == ErrorCode::unauthenticated)
        error.detail = has_token ? "the token is not one of this hub's: set LABHUB_TOKEN or LABHUB_TOKEN_FILE"
                                 : "set LABHUB_TOKEN or LABHUB_TOKEN_FILE; `labhub up` keeps it in <data>/admin-token";
    return error;
}

Result<boost::json::object> object_of(const http::ClientResponse& response, bool has_token) {
    if (!response.ok()) return refusal_of(response, has_token);
    LABHUB_TRY(boost::json::value json, parse_json(response.body));
    if (!json.is_object())
        return Error{ErrorCode::malformed, "the answer is not a JSON object", "is this a labhub hub?"};
    return std::move(json.as_object());
}

}  // namespace

Hub::Hub(http::Client client, Access access)
    : client_(std::move(client)), url_(client_.base_url().to_string()), has_token_(!access.token.empty()) {
    client_.set_bearer_token(std::move(access.token));
}

Result<Hub> Hub::open(asio::any_io_executor executor, Access access) {
    LABHUB_TRY(http::Client client, http::Client::make(std::move(executor), access.url));
    return Hub(std::move(client), std::move(access));
}

Task<Result<boost::json::object>> Hub::call(http::ClientRequest request) {
    auto response = co_await client_.send(std::move(request));
    reached_ = response.has_value();
    if (!response) {
        Error error = response.error();
        co_return error;
    }
    co_return object_of(*response, has_token_);
}

Task<Result<boost::json::object>> Hub::get(std::string target) {
    http::ClientRequest request;
    request.target = std::move(target);
    return call(std::move(request));
}

Task<Result<boost::json::object>> Hub::post(std::string target, boost::json::object body) {
    http::ClientRequest request;
    request.method = "POST";
    request.target = std::move(target);
    request.body = to_json(body);
    request.content_type = "application/json";
    return call(std::move(request));
}

Task<Result<boost::json::object>> Hub::patch(std::string target, boost::json::object body) {
    http::ClientRequest request;
    request.method = "PATCH";
    request.target = std::move(target);
    request.body = to_json(body);
    request.content_type = "application/json";
    return call(std::move(request));
}

Task<Result<boost::json::object>> Hub::send_file(std::string target, std::filesystem::path file) {
    http::ClientRequest request;
    request.method = "POST";
    request.target = std::move(target);
    request.body_file = std::move(file);
    request.content_type = "application/octet-stream";
    request.timeout = std::chrono::minutes{2};
    return call(std::move(request));
}

Task<Result<void>> Hub::receive(http::ClientRequest request, http::Client::Sink sink) {
    auto response = co_await client_.receive(std::move(request), std::move(sink));
    reached_ = response.has_value();
    if (!response) co_return std::move(response).error();
    if (!response->ok()) co_return refusal_of(*response, has_token_);
    co_return Result<void>();
}

Task<Result<boost::json::object>> Hub::remove(std::string target) {
    http::ClientRequest request;
    request.method = "DELETE";
    request.target = std::move(target);
    return call(std::move(request));
}

Task<Result<void>> Hub::download(std::string target, std::filesystem::path to, std::chrono::milliseconds patience) {
    auto done = co_await client_.download(std::move(target), std::move(to), patience);
    // A refusal of the hub and a broken connection are told apart by the code only where no answer can have it.
    reached_ = done || done.error().code != ErrorCode::unavailable;
    co_return done;
}

Result<std::string> device_path(const std::string& device) {
    LABHUB_TRY(const DeviceAddress address, DeviceAddress::parse(device));
    return "/api/devices/" + http::percent_encode(address.node.value) + "/" + http::percent_encode(address.device);
}

std::string experiment_path(const std::string& id) { return "/api/experiments/" + http::percent_encode(id); }

}  // namespace labhub::cli
