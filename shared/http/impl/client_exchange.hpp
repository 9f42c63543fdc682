#pragma once

#include <memory>
#include <string>

#include "shared/base/files.hpp"
#include "shared/http/client.hpp"
#include "shared/http/impl/connection.hpp"

namespace labhub::http::impl {

/// A file that is the body of a request.
struct SentFile {
    UniqueFd fd;
    std::uint64_t size = 0;
    /// Error malformed: no regular file, or as open(2) says.
    static Result<std::shared_ptr<const SentFile>> open(const std::filesystem::path& path);
};

/// One request on its way.
struct ExchangeOptions {
    std::string bytes;                     ///< the whole request as sent
    std::shared_ptr<const SentFile> file;  ///< its content follows `bytes`
    std::string doing;                     ///< "GET http://127.0.0.1:8000/nodes", for errors
    bool head_only = false;
    std::chrono::milliseconds timeout{};
    Steady::duration time_left{};       ///< until the first wait must end; less than `timeout` when repeated
    bool timeout_of_each_wait = false;  ///< else of the whole
    std::size_t body_limit = 0;         ///< of a body kept in memory
};

struct ExchangeOutcome {
    Result<ClientResponse> response;
    bool answered = false;  ///< at least one byte of an answer came
    bool reusable = false;  ///< the connection can carry another request
};

/// Sends a request and reads its answer. A successful body goes to `sink` if there is one.
Task<ExchangeOutcome> exchange(std::shared_ptr<Connection> connection, ExchangeOptions options, Client::Sink sink);

/// No answer before the deadline.
Error no_answer(const ExchangeOptions& options);

}  // namespace labhub::http::impl
