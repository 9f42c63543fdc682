#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "shared/http/impl/session.hpp"

namespace labhub::http::impl {

/// The body of a request whose handler reads it while it comes. Shared by the session and the request it gave to the
/// handler; a handler that keeps the request for longer than it runs reads an error.
class StreamedBody : public std::enable_shared_from_this<StreamedBody> {
  public:
    using HeaderParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;

    /// `buffer` is the connection's, and outlives the session's use of this.
    StreamedBody(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection,
                 boost::beast::flat_buffer* buffer, HeaderParser&& header, bool wants_go_ahead);

    BodyReader reader();
    /// The session goes on without it. True: the body was read to its end, and another request may follow.
    bool close();

  private:
    Task<Result<std::string>> next();
    static Task<Result<std::string>> next_of(std::shared_ptr<StreamedBody> self);
    Error failure_of(const boost::system::error_code& error) const;

    std::shared_ptr<ServerState> server_;
    std::shared_ptr<Connection> connection_;
    boost::beast::flat_buffer* buffer_;
    boost::beast::http::request_parser<boost::beast::http::buffer_body> parser_;
    bool wants_go_ahead_;  ///< the client waits for "100 Continue"
    bool is_closed_ = false;
};

}  // namespace labhub::http::impl
