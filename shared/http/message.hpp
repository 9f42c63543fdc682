#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shared/base/error.hpp"
#include "shared/base/result.hpp"
#include "shared/http/url.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of that name, compared without case.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

/// A request's body of any length, read while it comes.
struct BodyReader {
    /// The next piece, at most 64 KiB; an empty one ends it. Errors unavailable (cut off), timed_out, malformed.
    std::function<Task<Result<std::string>>()> next;
    std::optional<std::uint64_t> length;  ///< bytes, where the client said it beforehand
};

/// One complete request as a handler gets it: valid HTTP, body within its limit.
struct Request {
    std::string method;  ///< as sent: "GET", "POST"
    std::string target;  ///< as sent: "/nodes/a%20b?since=1"
    std::string path;    ///< percent-decoded, no query: "/nodes/a b"; valid UTF-8, begins with '/'
    Query query;         ///< decoded, in order
    Headers headers;     ///< in order
    std::string body;
    std::optional<BodyReader> stream;  ///< in place of `body`, where the server was told to (Server::stream_bodies)
    std::string listener;              ///< tag of the listener it came in by: "public" or "job:<id>"
    std::string peer;                  ///< "127.0.0.1:51234"

    std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
    std::optional<std::string_view> query_value(std::string_view name) const;
};

/// A file sent as the body, without holding it in memory.
struct FileBody {
    std::filesystem::path path;
    bool delete_after = false;           ///< removed when the response has ended, however it ended
    std::function<void()> on_sent = {};  ///< called when its last byte was handed to the kernel; not for HEAD
};

/// A body made while it is sent. `next` gives the next piece; an empty one ends it, an error cuts the connection off so
/// that the client sees it is incomplete. Not called for HEAD. Cancelled when the client goes away.
struct StreamBody {
    std::function<Task<Result<std::string>>()> next;
    /// Bytes the kernel may hold for a client that doesn't read; 0: as many as it likes. Little, where a reader that is
    /// too slow shall be noticed soon.
    std::size_t send_buffer = 0;
};

struct Response {
    int status = 200;
    Headers headers;  ///< Content-Length, Transfer-Encoding, Connection and Date are the server's
    std::variant<std::string, FileBody, StreamBody> body;
};

/// A body of that type: "application/json", "text/plain; charset=utf-8".
Response text_response(int status, std::string content_type, std::string body);
/// The hub's error shape: {"status":"error","error":{"code","message","detail"},"detail":message}, with the status the
/// error's code stands for.
Response error_response(const Error& error);
/// The same with another status (405, 408, 431).
Response error_response(int status, const Error& error);

}  // namespace labhub::http
