#include "shared/http/impl/client_exchange.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

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

/// Sends the file; a server that refuses it ends it early, with an error of the connection.
Task<error_code> send_file(std::shared_ptr<Connection> connection, const ExchangeOptions* options) {
    std::string piece(64 * 1024, '\0');
    const SentFile& file = *options->file;
    for (std::uint64_t at = 0; at < file.size;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), file.size - at));
        const ssize_t got = ::pread(file.fd.get(), piece.data(), wanted, static_cast<off_t>(at));
        // What was promised can't be sent any more: the server sees a body that is cut off.
        if (got <= 0) co_return error_code(got < 0 ? errno : EIO, boost::system::system_category());
        connection->limit_writing(options->timeout);
        const auto bytes = asio::buffer(piece.data(), static_cast<std::size_t>(got));
        auto [error, count] = co_await asio::async_write(connection->socket, bytes, as_result);
        if (error) co_return error;
        at += static_cast<std::uint64_t>(got);
    }
    connection->limit_writing(options->timeout);
    co_return error_code();
}

/// Header and body. A server that refuses a large body answers and closes while it is still being sent: the answer is
/// worth reading, and that is no error here.
Task<error_code> send_request(std::shared_ptr<Connection> connection, const ExchangeOptions* options, bool* was_cut) {
    const auto bytes = asio::buffer(options->bytes);
    auto [failure, written] = co_await asio::async_write(connection->socket, bytes, as_result);
    error_code error = failure;
    if (!error && options->file) error = co_await send_file(connection, options);
    *was_cut = error == asio::error::broken_pipe || error == asio::error::connection_reset;
    co_return *was_cut ? error_code() : error;
}

}  // namespace

Result<std::shared_ptr<const SentFile>> SentFile::open(const std::filesystem::path& path) {
    auto file = std::make_shared<SentFile>();
    file->fd = UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file->fd) return system_error("open " + path.string(), errno);
    struct stat facts {};
    if (::fstat(file->fd.get(), &facts) != 0) return system_error("look at " + path.string(), errno);
    if (!S_ISREG(facts.st_mode)) return Error{ErrorCode::malformed, path.string() + " is no file"};
    file->size = static_cast<std::uint64_t>(facts.st_size);
    return std::shared_ptr<const SentFile>(std::move(file));
}

Error no_answer(const ExchangeOptions& options) {
    return Error{ErrorCode::timed_out, options.doing + ": no answer within " + format_duration(options.timeout)};
}

Task<ExchangeOutcome> exchange(std::shared_ptr<Connection> connection, ExchangeOptions options, Client::Sink sink) {
    ExchangeOutcome outcome;
    connection->limit_writing(options.time_left);
    bool was_cut = false;
    const error_code write_error = co_await send_request(connection, &options, &was_cut);
    if (write_error) {
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
    outcome.reusable = read && !was_cut && parser.keep_alive() && buffer.size() == 0;
    if (read)
        outcome.response = std::move(response);
    else
        outcome.response = std::move(read).error();
    co_return outcome;
}

}  // namespace labhub::http::impl
