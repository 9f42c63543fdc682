#include "shared/http/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <list>

#include <spdlog/spdlog.h>
#include <boost/asio/ip/tcp.hpp>

#include "shared/http/impl/response_writer.hpp"
#include "shared/http/impl/session.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::http {
namespace {

using boost::system::error_code;
using impl::Tcp;

struct Listener {
    Tcp::acceptor acceptor;
    std::string tag;
};

Error listen_error(const std::string& where, const error_code& error) {
    Error fault = system_error("listen on " + where, error.value());
    if (error == asio::error::address_in_use)
        fault = Error{ErrorCode::conflict, fault.message, "choose another port, or 0 for a free one"};
    return fault;
}

std::string name_of(const Tcp::endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

/// A program we start must not inherit our sockets: it would keep them open past our end.
void keep_private(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

bool is_shortage(const error_code& error) {
    return error.value() == EMFILE || error.value() == ENFILE || error.value() == ENOBUFS || error.value() == ENOMEM;
}

}  // namespace

/// The listeners, and the tasks that accept and serve. Tasks hold it, so that it outlives a destroyed Server until they
/// have ended.
class Server::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(asio::any_io_executor executor, ServerLimits limits, Handler handler)
        : state_(std::make_shared<impl::ServerState>(executor, limits, std::move(handler))),
          executor_(executor),
          tasks_(executor) {}

    Result<std::uint16_t> listen(const std::string& address, std::uint16_t port, std::string tag) {
        error_code error;
        const auto ip = asio::ip::make_address(address, error);
        if (error)
            return Error{ErrorCode::malformed, "can't listen on '" + address + "': not an IP address",
                         "as in 127.0.0.1 or ::1"};
        const Tcp::endpoint endpoint(ip, port);
        Tcp::acceptor acceptor(executor_);
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(kBacklog, error);
        if (error) return listen_error(name_of(endpoint), error);
        const std::uint16_t bound = acceptor.local_endpoint().port();
        start(std::move(acceptor), std::move(tag));
        return bound;
    }

    Result<void> adopt(UniqueFd socket, std::string tag) {
        int listening = 0;
        socklen_t length = sizeof listening;
        if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0)
            return system_error("adopt a listening socket", errno);
        sockaddr_storage address{};
        length = sizeof address;
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
        const bool is_ip = address.ss_family == AF_INET || address.ss_family == AF_INET6;
        if (!listening || !is_ip)
            return Error{ErrorCode::malformed, "can't adopt a socket that is not a listening TCP socket"};
        Tcp::acceptor acceptor(executor_);
        error_code error;
        acceptor.assign(address.ss_family == AF_INET ? Tcp::v4() : Tcp::v6(), socket.get(), error);
        if (error) return system_error("adopt a listening socket", error.value());
        (void)socket.release();
        start(std::move(acceptor), std::move(tag));
        return {};
    }

    void stream_bodies(IsStreamed is_streamed) { state_->is_streamed = std::move(is_streamed); }

    void close_listener(const std::string& tag) {
        listeners_.remove_if([&tag](const auto& listener) {
            if (listener->tag != tag) return false;
            close(*listener);
            return true;
        });
        state_->registry.close_group(tag);
    }

    void close_listeners() {
        for (const auto& listener : listeners_) close(*listener);
        listeners_.clear();
    }

    void close_all() {
        state_->stopping = true;
        close_listeners();
        state_->registry.close_all();
    }

    static Task<void> stop(std::shared_ptr<Impl> self) {
        auto& state = *self->state_;
        state.stopping = true;
        self->close_listeners();
        state.registry.close_waiting_and_streaming();
        const auto deadline = Steady::now() + state.limits.stop_grace;
        while (state.registry.size() > 0 && Steady::now() < deadline) {
            state.emptied.expires_at(deadline);
            co_await state.emptied.async_wait(as_result);
        }
        state.registry.close_all();
        co_await self->tasks_.stop();
    }

    ServerCounters counters() const {
        ServerCounters now = state_->counters;
        now.open = state_->registry.size();
        now.evicted = state_->registry.evicted();
        return now;
    }

  private:
    static constexpr int kBacklog = 4'096;

    static void close(Listener& listener) {
        error_code ignored;
        listener.acceptor.close(ignored);
    }

    void start(Tcp::acceptor acceptor, std::string tag) {
        keep_private(acceptor.native_handle());
        auto listener = std::make_shared<Listener>(Listener{std::move(acceptor), std::move(tag)});
        listeners_.push_back(listener);
        tasks_.spawn("http listener", accept_all(shared_from_this(), std::move(listener)));
    }

    static Task<void> accept_all(std::shared_ptr<Impl> self, std::shared_ptr<Listener> listener) {
        bool complained = false;
        while (listener->acceptor.is_open()) {
            auto [error, socket] = co_await listener->acceptor.async_accept(as_result);
            if (!error) {
                complained = false;
                self->admit(std::move(socket), listener->tag);
                continue;
            }
            if (error == asio::error::operation_aborted || error == asio::error::connection_aborted) continue;
            if (!complained) spdlog::warn("http: can't accept connections of {}: {}", listener->tag, error.message());
            complained = true;
            // A descriptor given back by a silent connection lets the next one in.
            if (is_shortage(error)) self->state_->registry.evict_one();
            constexpr std::chrono::milliseconds kPause{100};
            co_await sleep_for(kPause);
        }
    }

    void admit(Tcp::socket socket, const std::string& tag) {
        error_code error;
        const auto peer = socket.remote_endpoint(error);
        if (error) return;
        keep_private(socket.native_handle());
        socket.set_option(Tcp::no_delay(true), error);
        if (!state_->registry.make_room(tag)) return refuse(socket);
        ++state_->counters.accepted;
        auto connection = std::make_shared<impl::Connection>(std::move(socket), name_of(peer));
        state_->registry.add(connection, tag);
        tasks_.spawn("http connection", impl::serve(state_, connection, tag));
    }

    void refuse(Tcp::socket& socket) {
        ++state_->counters.refused;
        const auto response =
            error_response(Error{ErrorCode::unavailable, "the hub is busy with other requests", "try again shortly"});
        const auto& body = std::get<std::string>(response.body);
        const std::string bytes = impl::response_header(response, {}, body.size()) + body;
        // Whatever the empty send buffer takes; nobody waits for such a client.
        (void)::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    std::shared_ptr<impl::ServerState> state_;
    asio::any_io_executor executor_;
    std::list<std::shared_ptr<Listener>> listeners_;
    TaskGroup tasks_;
};

Server::Server(asio::any_io_executor executor, ServerLimits limits, Handler handler)
    : impl_(std::make_shared<Impl>(std::move(executor), limits, std::move(handler))) {}

Server::~Server() { impl_->close_all(); }

void Server::stream_bodies(IsStreamed is_streamed) { impl_->stream_bodies(std::move(is_streamed)); }

Result<std::uint16_t> Server::listen(const std::string& address, std::uint16_t port, std::string tag) {
    return impl_->listen(address, port, std::move(tag));
}

Result<void> Server::adopt(UniqueFd listening_socket, std::string tag) {
    return impl_->adopt(std::move(listening_socket), std::move(tag));
}

void Server::close_listener(const std::string& tag) { impl_->close_listener(tag); }
Task<void> Server::stop() { return Impl::stop(impl_); }
ServerCounters Server::counters() const { return impl_->counters(); }

}  // namespace labhub::http
