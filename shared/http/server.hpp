#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"
#include "shared/http/message.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::http {

struct ServerLimits {
    std::size_t header_bytes = 16 * 1024;
    std::size_t body_bytes = 2 * 1024 * 1024;
    std::chrono::milliseconds header_time{
        10'000};                                  ///< from accept, or a later request's first byte, to the header's end
    std::chrono::milliseconds body_time{30'000};  ///< for a whole request body
    std::chrono::milliseconds idle_time{60'000};  ///< between two requests of one connection
    std::chrono::milliseconds write_time{30'000};  ///< for a client to take 64 KiB
    std::chrono::milliseconds stop_grace{5'000};   ///< for requests in progress when stop() is called
    std::size_t max_connections = 2'048;
    std::size_t max_connections_per_listener = 1'024;  ///< for all listeners of one tag together
};

/// Since the server was made, but for `open`.
struct ServerCounters {
    std::uint64_t open = 0;       ///< connections now
    std::uint64_t accepted = 0;   ///< connections
    std::uint64_t evicted = 0;    ///< silent connections closed to make room for newer ones
    std::uint64_t refused = 0;    ///< connections answered 503 because all others were busy
    std::uint64_t requests = 0;   ///< complete requests handed to the handler
    std::uint64_t rejected = 0;   ///< requests answered without the handler: malformed, too large, too slow
    std::uint64_t failed = 0;     ///< handlers that ended by an exception
    std::uint64_t abandoned = 0;  ///< handlers cancelled because their client went away
};

/// HTTP/1.1 with keep-alive over any number of listening sockets, on one executor (one thread or a strand).
///
/// The handler is called once for each complete request and may await. When a client of a GET or HEAD goes away, its
/// handler is cancelled; those of other methods run to their end, as half a change is worse than an unseen answer. An
/// exception that leaves the handler is logged and answered 500.
///
/// Hostile clients cost a bounded amount: header, body and writes have deadlines, and when a limit on connections is
/// reached the connection that has been silent longest is closed in favour of the new one. What can't be parsed is
/// answered in the hub's error shape and the connection closed.
///
/// stop() before the end of the io_context; a destroyed server closes its sockets at once.
class Server {
  public:
    using Handler = std::function<Task<Response>(Request)>;

    Server(asio::any_io_executor executor, ServerLimits limits, Handler handler);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// The bodies of requests for which `is_streamed` says so (method and decoded path) are not held in memory: the
    /// handler gets a BodyReader, on which neither body_bytes nor body_time holds but body_time for each piece. Once,
    /// before any listener.
    using IsStreamed = std::function<bool(std::string_view method, std::string_view path)>;
    void stream_bodies(IsStreamed is_streamed);

    /// Listens on a numeric address ("127.0.0.1", "::1"); port 0 takes a free one. Returns the port. Errors: malformed
    /// (not an address), conflict (address in use), forbidden.
    Result<std::uint16_t> listen(const std::string& address, std::uint16_t port, std::string tag);
    /// Takes over a socket on which listen(2) has been called already, from whatever network namespace. Error malformed
    /// when it isn't one.
    Result<void> adopt(UniqueFd listening_socket, std::string tag);
    /// Closes the listeners of that tag and their connections.
    void close_listener(const std::string& tag);
    /// Closes all listeners and silent connections, lets requests in progress end within stop_grace, then cuts them
    /// off.
    Task<void> stop();

    ServerCounters counters() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace labhub::http
