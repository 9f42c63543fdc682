#include "shared/http/impl/streamed_body.hpp"

#include <boost/beast/http/read.hpp>

#include "shared/http/impl/response_writer.hpp"

namespace labhub::http::impl {
namespace {

namespace beast = boost::beast;

constexpr std::size_t kPiece = 64 * 1024;

}  // namespace

StreamedBody::StreamedBody(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                           beast::flat_buffer* buffer, HeaderParser&& header, bool wants_go_ahead)
    : server_(std::move(server)),
      connection_(std::move(connection)),
      buffer_(buffer),
      parser_(std::move(header)),
      wants_go_ahead_(wants_go_ahead) {}

BodyReader StreamedBody::reader() {
    BodyReader reader;
    if (const auto length = parser_.content_length()) reader.length = *length;
    reader.next = [self = shared_from_this()] { return next_of(self); };
    return reader;
}

bool StreamedBody::close() {
    is_closed_ = true;
    return parser_.is_done();
}

Error StreamedBody::failure_of(const boost::system::error_code& error) const {
    if (connection_->read_timed_out())
        return Error{ErrorCode::timed_out, "the request's body did not arrive in time",
                     "64 KiB of it within " + format_duration(server_->limits.body_time)};
    return Error{ErrorCode::unavailable, "the request's body was cut off: " + error.message()};
}

Task<Result<std::string>> StreamedBody::next_of(std::shared_ptr<StreamedBody> self) { co_return co_await self->next(); }

Task<Result<std::string>> StreamedBody::next() {
    if (is_closed_) co_return Error{ErrorCode::internal, "the body of a request that has been answered was read"};
    if (parser_.is_done()) co_return std::string();
    if (std::exchange(wants_go_ahead_, false)) {
        std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const bool sent = co_await write_bytes(connection_, std::move(go_on), server_->limits.write_time);
        if (!sent) {
            Error gone{ErrorCode::unavailable, "the client has gone"};
            co_return gone;
        }
    }
    std::string piece(kPiece, '\0');
    auto& body = parser_.get().body();
    body.data = piece.data();
    body.size = piece.size();
    connection_->limit_reading(server_->limits.body_time);
    auto [error, count] = co_await beast::http::async_read(connection_->socket, *buffer_, parser_, as_result);
    connection_->lift_limit();
    if (error && error != beast::http::error::need_buffer) co_return failure_of(error);
    piece.resize(piece.size() - parser_.get().body().size);
    co_return piece;
}

}  // namespace labhub::http::impl
