#include "shared/http/impl/session.hpp"

#include <spdlog/spdlog.h>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "shared/base/text.hpp"
#include "shared/http/impl/response_writer.hpp"
#include "shared/http/impl/streamed_body.hpp"

namespace labhub::http::impl {
namespace {

namespace beast = boost::beast;
using HeaderParser = StreamedBody::HeaderParser;
using BodyParser = beast::http::request_parser<beast::http::string_body>;
using boost::system::error_code;

/// What came in: a request, or the refusal to answer with, or neither when the client has gone.
struct Incoming {
    std::optional<Request> request;
    std::optional<Response> refusal;
    std::shared_ptr<StreamedBody> body;  ///< of a request whose body is still to come
    ResponseFrame frame;
};

/// Counts the connection out, however its session ends.
class Farewell {
  public:
    Farewell(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection)
        : server_(std::move(server)), connection_(std::move(connection)) {}
    Farewell(const Farewell&) = delete;
    Farewell& operator=(const Farewell&) = delete;
    ~Farewell() {
        server_->registry.remove(*connection_);
        if (server_->stopping && server_->registry.size() == 0) server_->emptied.cancel();
    }

  private:
    std::shared_ptr<ServerState> server_;
    std::shared_ptr<Connection> connection_;
};

bool means_gone(const error_code& error) {
    static const auto& http_category = beast::http::make_error_code(beast::http::error::end_of_stream).category();
    return error.category() != http_category || error == beast::http::error::end_of_stream ||
           error == beast::http::error::partial_message;
}

Response refusal_of(const error_code& error, const ServerLimits& limits) {
    using Code = beast::http::error;
    if (error == Code::body_limit) {
        const Error fault{ErrorCode::too_large, "the request's body is too large",
                          "at most " + std::to_string(limits.body_bytes) + " bytes"};
        return error_response(fault);
    }
    if (error == Code::header_limit || error == Code::buffer_overflow) {
        const Error fault{ErrorCode::too_large, "the request's header is too large",
                          "at most " + std::to_string(limits.header_bytes) + " bytes"};
        return error_response(431, fault);
    }
    const Error fault{ErrorCode::malformed, "the request is not valid HTTP: " + error.message(), "HTTP/1.1 (RFC 9112)"};
    return error_response(fault);
}

Response too_slow(std::string_view what, std::chrono::milliseconds limit) {
    const Error fault{ErrorCode::timed_out, "the request's " + std::string(what) + " did not arrive in time",
                      "within " + format_duration(limit)};
    return error_response(408, fault);
}

/// All but the body.
Result<Request> to_request(const HeaderParser::value_type& header, const Connection& connection,
                           const std::string& tag) {
    Request request;
    request.method = std::string(header.method_string());
    request.target = std::string(header.target());
    const std::string_view target = request.target;
    if (target.empty() || target.front() != '/')
        return Error{ErrorCode::malformed, "the request target '" + printable(target, 100) + "' is not a path",
                     "it begins with '/'"};
    const auto question = target.find('?');
    LABHUB_TRY(request.path, percent_decode(target.substr(0, question)));
    if (!is_utf8(request.path) || request.path.find('\0') != std::string::npos)
        return Error{ErrorCode::malformed, "the path '" + printable(request.path, 100) + "' is not UTF-8 text"};
    if (question != std::string_view::npos) {
        LABHUB_TRY(request.query, parse_query(target.substr(question + 1)));
    }
    for (const auto& field : header)
        request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    request.listener = tag;
    request.peer = connection.peer;
    return request;
}

/// A connection that has been served may stay silent for idle_time; true when its next request begins.
Task<bool> next_begins(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection) {
    connection->limit_writing(server->limits.idle_time);
    auto [error] = co_await connection->socket.async_wait(Tcp::socket::wait_read, as_result);
    co_return !error;
}

bool wants_go_ahead(const HeaderParser& parser) {
    return beast::iequals(parser.get()[beast::http::field::expect], "100-continue");
}

/// The whole body, within its limits. Nothing when the client has gone, unless there is a refusal.
Task<std::optional<std::string>> read_body(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                                           HeaderParser* header, beast::flat_buffer* buffer, Incoming* incoming) {
    const ServerLimits& limits = server->limits;
    const auto length = header->content_length();
    if (length && *length > limits.body_bytes) {
        incoming->refusal = refusal_of(beast::http::error::body_limit, limits);
        co_return std::nullopt;
    }
    if (wants_go_ahead(*header)) {
        std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const bool sent = co_await write_bytes(connection, std::move(go_on), limits.write_time);
        if (!sent) co_return std::nullopt;
    }
    BodyParser parser(std::move(*header));
    parser.body_limit(limits.body_bytes);
    connection->limit_reading(limits.body_time);
    auto [error, count] = co_await beast::http::async_read(connection->socket, *buffer, parser, as_result);
    connection->lift_limit();
    if (connection->read_timed_out())
        incoming->refusal = too_slow("body", limits.body_time);
    else if (error && !means_gone(error))
        incoming->refusal = refusal_of(error, limits);
    if (error || connection->read_timed_out()) co_return std::nullopt;
    co_return std::move(parser.get().body());
}

/// The header; false when there is none, with a refusal or because the client has gone.
Task<bool> read_header(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                       HeaderParser* parser, beast::flat_buffer* buffer, Incoming* incoming) {
    const ServerLimits& limits = server->limits;
    parser->header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    parser->body_limit(boost::none);
    connection->limit_reading(limits.header_time);
    auto [error, count] = co_await beast::http::async_read_header(connection->socket, *buffer, *parser, as_result);
    connection->lift_limit();
    if (connection->read_timed_out()) {
        if (parser->got_some()) incoming->refusal = too_slow("header", limits.header_time);
        co_return false;
    }
    if (error && !means_gone(error)) incoming->refusal = refusal_of(error, limits);
    co_return !error;
}

Task<Incoming> read_request(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                            std::string tag, beast::flat_buffer* buffer) {
    Incoming incoming;
    HeaderParser parser;
    const bool has_header = co_await read_header(server, connection, &parser, buffer, &incoming);
    if (!has_header) co_return incoming;
    incoming.frame.keep_alive = parser.get().keep_alive();
    incoming.frame.http_1_0 = parser.get().version() < 11;
    incoming.frame.head_only = parser.get().method() == beast::http::verb::head;
    incoming.frame.write_time = server->limits.write_time;
    auto request = to_request(parser.get(), *connection, tag);
    if (!request) {
        incoming.refusal = error_response(request.error());
        incoming.frame.keep_alive = false;
        co_return incoming;
    }
    if (server->is_streamed && server->is_streamed(request->method, request->path)) {
        const bool waits = wants_go_ahead(parser);
        incoming.body = std::make_shared<StreamedBody>(server, connection, buffer, std::move(parser), waits);
        request->stream = incoming.body->reader();
    } else if (!parser.is_done()) {
        auto body = co_await read_body(server, connection, &parser, buffer, &incoming);
        if (!body) co_return incoming;
        request->body = std::move(*body);
    }
    incoming.request = std::move(*request);
    co_return incoming;
}

/// The answer to a handler's exception; none if that is how a cancelled task ends.
std::optional<Response> answer_to(const std::exception_ptr& failure, const std::string& what,
                                  ServerCounters& counters) {
    std::string why = "unknown exception";
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) return std::nullopt;
        why = error.what();
    } catch (const std::exception& error) {
        why = error.what();
    } catch (...) {
    }
    ++counters.failed;
    spdlog::error("http: the handler of {} failed: {}", what, why);
    const Error fault{ErrorCode::internal, "the hub failed to answer this request", "its log says why"};
    return error_response(fault);
}

Task<std::optional<Response>> run_handler(std::shared_ptr<ServerState> server, Request request) {
    const std::string what = request.method + " " + printable(request.path);
    std::optional<Response> response;
    std::exception_ptr failure;
    try {
        auto task = server->handler(std::move(request));
        Response made = co_await std::move(task);
        response = std::move(made);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) response = answer_to(failure, what, server->counters);
    co_return response;
}

Task<std::optional<Response>> handle(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                                     Request request) {
    using namespace asio::experimental::awaitable_operators;
    const bool changes_nothing = request.method == "GET" || request.method == "HEAD";
    if (!changes_nothing) co_return co_await run_handler(std::move(server), std::move(request));
    auto first = co_await (run_handler(server, std::move(request)) || client_gone(std::move(connection)));
    if (first.index() == 0) co_return std::move(std::get<0>(first));
    ++server->counters.abandoned;
    co_return std::nullopt;
}

/// True: the connection may carry another request.
Task<bool> answer(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection, Incoming incoming) {
    server->registry.mark_busy(*connection);
    ++server->counters.requests;
    ResponseFrame frame = incoming.frame;
    auto response = co_await handle(server, connection, std::move(*incoming.request));
    if (incoming.body && !incoming.body->close()) frame.keep_alive = false;
    if (!response) co_return false;
    frame.keep_alive = frame.keep_alive && !server->stopping;
    const bool sent = co_await write_response(connection, std::move(*response), frame);
    server->registry.mark_waiting(*connection);
    co_return sent ? frame.keep_alive : false;
}

Task<void> serve_requests(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                          std::string tag) {
    beast::flat_buffer buffer(server->limits.header_bytes + 64 * 1024);
    bool again = true;
    for (bool first = true; again; first = false) {
        if (!first && buffer.size() == 0) {
            const bool begins = co_await next_begins(server, connection);
            if (!begins) co_return;
        }
        auto incoming = co_await read_request(server, connection, tag, &buffer);
        if (!incoming.refusal && !incoming.request) co_return;
        if (incoming.refusal) {
            ++server->counters.rejected;
            co_await write_response(connection, std::move(*incoming.refusal), incoming.frame);
            again = false;
        } else {
            again = co_await answer(server, connection, std::move(incoming));
        }
    }
    co_await drain(connection);
}

}  // namespace

Task<void> serve(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection, std::string tag) {
    const Farewell farewell(server, connection);
    try {
        co_await serve_requests(server, connection, std::move(tag));
    } catch (const boost::system::system_error& error) {
        if (error.code() != asio::error::operation_aborted)
            spdlog::error("http: a connection failed: {}", error.what());
    } catch (const std::exception& error) {
        spdlog::error("http: a connection failed: {}", error.what());
    }
}

}  // namespace labhub::http::impl
