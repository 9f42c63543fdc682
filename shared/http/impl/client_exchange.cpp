#include "shared/http/impl/client_exchange.hpp"

#include <array>

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

namespace labhub::http::impl {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;
using Parser = beast::http::response_parser<beast::http::buffer_body>;

Error failure_of(const error_code& error, const Connection& connection, const ExchangeOptions& options) {
    if (connection.timed_out()) return no_answer(options);
    static const auto& http_category = beast::http::make_error_code(beast::http::error::end_of_stream).category();
    const bool cut_off = error == beast::http::error::end_of_stream || error == beast::http::error::partial_message ||
                         error == asio::error::eof;
    if (cut_off)
        return Error{ErrorCode::unavailable,
                     options.doing + ": the connection was closed before the answer was complete"};
    if (error.category() == http_category)
        return Error{ErrorCode::malformed, options.doing + ": the answer is not valid HTTP: " + error.message()};
    return Error{ErrorCode::unavailable, options.doing + ": " + error.message()};
}

/// Where one piece of the body goes.
Result<void> keep(ClientResponse& response, std::string_view piece, const Client::Sink& sink,
                  const ExchangeOptions& options) {
    if (sink && response.ok()) return sink(piece);
    if (response.body.size() + piece.size() > options.body_limit)
        return Error{ErrorCode::too_large, options.doing + ": the answer is too large",
                     "at most " + std::to_string(options.body_limit) + " bytes"};
    response.body += piece;
    return {};
}

ClientResponse begin_response(const Parser& parser) {
    ClientResponse response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get())
        response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    return response;
}

Task<Result<void>> read_body(std::shared_ptr<Connection> connection, Parser* parser, beast::flat_buffer* buffer,
                             ClientResponse* response, const ExchangeOptions* options, Client::Sink sink) {
    const auto piece = std::make_unique<std::array<char, 32 * 1024>>();
    while (!parser->is_done()) {
        if (options->timeout_of_each_wait) connection->limit_writing(options->timeout);
        auto& body = parser->get().body();
        body.data = piece->data();
        body.size = piece->size();
        auto [error, count] = co_await beast::http::async_read_some(connection->socket, *buffer, *parser, as_result);
        const std::size_t got = piece->size() - parser->get().body().size;
        if (error && error != beast::http::error::need_buffer) {
            Error failure = failure_of(error, *connection, *options);
            co_return failure;
        }
        const std::string_view text(piece->data(), got);
        auto kept = got > 0 ? keep(*response, text, sink, *options) : Result<void>();
        if (!kept) co_return kept;
    }
    co_return Result<void>();
}

}  // namespace

Error no_answer(const ExchangeOptions& options) {
    return Error{ErrorCode::timed_out, options.doing + ": no answer within " + format_duration(options.timeout)};
}

Task<ExchangeOutcome> exchange(std::shared_ptr<Connection> connection, ExchangeOptions options, Client::Sink sink) {
    ExchangeOutcome outcome;
    connection->limit_writing(options.time_left);
    const auto bytes = asio::buffer(options.bytes);
    auto [write_error, written] = co_await asio::async_write(connection->socket, bytes, as_result);
    // A server that refuses a large body answers and closes while it is still being sent: the answer is worth reading.
    if (write_error && write_error != asio::error::broken_pipe && write_error != asio::error::connection_reset) {
        outcome.response = failure_of(write_error, *connection, options);
        co_return outcome;
    }
    Parser parser;
    parser.body_limit(boost::none);
    parser.header_limit(64 * 1024);
    parser.skip(options.head_only);
    beast::flat_buffer buffer;
    auto [error, count] = co_await beast::http::async_read_header(connection->socket, buffer, parser, as_result);
    outcome.answered = parser.got_some();
    if (error) {
        outcome.response = failure_of(error, *connection, options);
        co_return outcome;
    }
    ClientResponse response = begin_response(parser);
    auto read = co_await read_body(connection, &parser, &buffer, &response, &options, std::move(sink));
    connection->lift_limit();
    outcome.reusable = read && !write_error && parser.keep_alive() && buffer.size() == 0;
    if (read)
        outcome.response = std::move(response);
    else
        outcome.response = std::move(read).error();
    co_return outcome;
}

}  // namespace labhub::http::impl
