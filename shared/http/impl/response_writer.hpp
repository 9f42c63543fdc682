#pragma once

#include <memory>

#include "shared/http/impl/connection.hpp"
#include "shared/http/message.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::http::impl {

/// What the request decides about its answer.
struct ResponseFrame {
    bool head_only = false;  ///< HEAD: all headers, no body
    bool keep_alive = false;
    bool http_1_0 = false;  ///< knows no chunked coding: a stream ends by closing
    std::chrono::milliseconds write_time{30'000};
};

/// Sends a whole response. False: the connection can't be used again, and is to be closed.
Task<bool> write_response(std::shared_ptr<Connection> connection, Response response, ResponseFrame frame);

/// Sends the bytes in pieces of at most 64 KiB, each within `time`. False: the client is gone or too slow.
Task<bool> write_bytes(std::shared_ptr<Connection> connection, std::string bytes, std::chrono::milliseconds time);

/// The status line and headers, with the blank line after them. `length`: of the body, or nullopt for chunked.
std::string response_header(const Response& response, const ResponseFrame& frame, std::optional<std::uint64_t> length);

}  // namespace labhub::http::impl
