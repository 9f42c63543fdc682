#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include "shared/base/result.hpp"
#include "shared/http/message.hpp"
#include "shared/http/url.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::http {

struct ClientRequest {
    std::string method = "GET";
    std::string target = "/";  ///< path and query, encoded; the base URL's path is put before it
    std::string body;
    std::filesystem::path body_file;  ///< in place of `body`: this file, sent as it is read
    std::string content_type;         ///< of the body: "application/json"
    Headers headers;
    std::chrono::milliseconds timeout{30'000};  ///< for the whole exchange; with a body_file for each wait of it
    std::size_t body_limit = 64u << 20;         ///< of the response held in memory; more is Error too_large
};

struct ClientResponse {
    int status = 0;
    Headers headers;
    std::string body;

    std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
    bool ok() const { return status >= 200 && status < 300; }
};

/// The Error an unsuccessful response stands for: the hub's error shape if it has it, else from its status.
Error error_of(const ClientResponse& response);

/// Talks to one hub over HTTP/1.1, on one executor (one thread or a strand). Connections are kept and used again;
/// several requests may be under way at once. A response of any status is a success of send(); Errors: unavailable
/// ("can't reach http://…", or cut off), timed_out, too_large, malformed (the answer is not HTTP).
class Client {
  public:
    /// `base_url`: "http://host:port". Errors as Url::parse.
    static Result<Client> make(asio::any_io_executor executor, std::string_view base_url);

    /// Sent with every later request; empty sends none.
    void set_bearer_token(std::string token);
    const Url& base_url() const;

    Task<Result<ClientResponse>> send(ClientRequest request);

    /// Gets each piece of a body; an error ends the exchange and becomes its result.
    using Sink = std::function<Result<void>(std::string_view)>;
    /// The same for bodies of any length: a successful one goes to `sink` as it arrives and is empty in the response;
    /// the body of any other status is in the response. `timeout` holds for each wait, not for the whole.
    Task<Result<ClientResponse>> receive(ClientRequest request, Sink sink);
    /// GETs into a file, which appears only when complete. A status other than 2xx is error_of it. `timeout` as
    /// receive.
    Task<Result<void>> download(std::string target, std::filesystem::path to,
                                std::chrono::milliseconds timeout = std::chrono::minutes{1});

  private:
    class Impl;
    explicit Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<Impl> impl_;
};

}  // namespace labhub::http
