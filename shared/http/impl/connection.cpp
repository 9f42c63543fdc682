#include "shared/http/impl/connection.hpp"

#include <array>
#include <cerrno>

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>

namespace labhub::http::impl {

void Connection::limit(Steady::duration time, bool reading) {
    reading_ = reading;
    deadline_.expires_after(time);
    deadline_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        // A wait that ended just before the limit was moved still gets here without an error.
        if (!error && self->deadline_.expiry() <= Steady::now()) self->expire();
    });
}

void Connection::expire() {
    timed_out_ = true;
    if (!reading_) return close();
    read_timed_out_ = true;
    // Not cancel(): a read made of several steps may have none under way at this moment, and would go on with the next.
    boost::system::error_code ignored;
    socket.shutdown(Tcp::socket::shutdown_receive, ignored);
}

void Connection::close() {
    boost::system::error_code ignored;
    socket.close(ignored);
    lift_limit();
}

Task<void> client_gone(std::shared_ptr<Connection> connection) {
    auto [error] = co_await connection->socket.async_wait(Tcp::socket::wait_read, as_result);
    if (error) co_return;
    char byte = 0;
    const ssize_t got = ::recv(connection->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool silent = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (got <= 0 && !silent) co_return;
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer never(executor, Steady::time_point::max());
    co_await never.async_wait(as_result);
}

Task<void> drain(std::shared_ptr<Connection> connection) {
    constexpr std::size_t kMostBytes = 1u << 20;
    boost::system::error_code ignored;
    connection->socket.shutdown(Tcp::socket::shutdown_send, ignored);
    connection->limit_reading(std::chrono::seconds{1});
    auto scratch = std::make_unique<std::array<char, 16384>>();
    for (std::size_t total = 0; total < kMostBytes && !connection->read_timed_out();) {
        auto [error, count] = co_await connection->socket.async_read_some(asio::buffer(*scratch), as_result);
        if (error) break;
        total += count;
    }
}

}  // namespace labhub::http::impl
