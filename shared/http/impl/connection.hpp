#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shared/runtime/task.hpp"

namespace labhub::http::impl {

using Tcp = asio::ip::tcp;
struct Group;

/// One accepted connection: its socket, the one deadline that holds at a time, and its place in the registry. Owned by
/// the session that serves it; the registry may close it at any time, after which every operation fails at once.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Tcp::socket socket_in, std::string peer_in)
        : socket(std::move(socket_in)), peer(std::move(peer_in)), deadline_(socket.get_executor()) {}

    Tcp::socket socket;
    const std::string peer;
    bool streaming = false;  ///< sends a body that has no foreseeable end

    /// When the time is up, reading ends as if the client had closed, and read_timed_out is true; an answer can still
    /// be sent.
    void limit_reading(Steady::duration time) { limit(time, true); }
    /// When the time is up, the connection is closed.
    void limit_writing(Steady::duration time) { limit(time, false); }
    void lift_limit() { deadline_.expires_at(Steady::time_point::max()); }
    bool read_timed_out() const { return read_timed_out_; }
    bool timed_out() const { return timed_out_; }
    void close();

  private:
    friend class Registry;
    void limit(Steady::duration time, bool reading);
    void expire();

    asio::steady_timer deadline_;
    bool reading_ = false;
    bool read_timed_out_ = false;
    bool timed_out_ = false;
    std::shared_ptr<Group> group_;
    std::list<std::shared_ptr<Connection>>::iterator place_;
    bool listed_ = false;
    bool busy_ = false;
};

/// Ends when the client has closed its side or is unreachable, or the connection was closed here. While bytes of a next
/// request wait unread it can't be told, and the task waits to be cancelled.
Task<void> client_gone(std::shared_ptr<Connection> connection);

/// Reads and forgets what the client still sends, for a moment: closing with bytes unread would make the kernel reset
/// the connection, and the client lose the answer it has not read yet.
Task<void> drain(std::shared_ptr<Connection> connection);

}  // namespace labhub::http::impl
