#include "shared/ssh/server.hpp"

#include <list>

#include <spdlog/spdlog.h>

#include "shared/ssh/libssh_handles.hpp"
#include "shared/ssh/server_session.hpp"

namespace labhub::ssh {
namespace {

using asio::ip::tcp;

Error bind_error(const char* doing, const tcp::endpoint& endpoint, int number) {
    return system_error(
        std::string(doing) + " " + endpoint.address().to_string() + ":" + std::to_string(endpoint.port()), number);
}

/// Everything the sessions inherit: the host key, the algorithms, and no configuration files.
Result<BindHandle> make_bind(const ServerOptions& options, KeyHandle host_key) {
    BindHandle bind(ssh_bind_new());
    const bool process_config = false;
    const int rsa_bits = kMinimumRsaBits;
    const std::pair<ssh_bind_options_e, const void*> settings[] = {
        {SSH_BIND_OPTIONS_PROCESS_CONFIG, &process_config},
        {SSH_BIND_OPTIONS_BANNER, options.version_banner.c_str()},
        {SSH_BIND_OPTIONS_KEY_EXCHANGE, kKeyExchanges},
        {SSH_BIND_OPTIONS_CIPHERS_C_S, kCiphers},
        {SSH_BIND_OPTIONS_CIPHERS_S_C, kCiphers},
        {SSH_BIND_OPTIONS_HMAC_C_S, kMacs},
        {SSH_BIND_OPTIONS_HMAC_S_C, kMacs},
        {SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, kKeyAlgorithms},
        {SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, kKeyAlgorithms},
        {SSH_BIND_OPTIONS_RSA_MIN_SIZE, &rsa_bits},
    };
    for (const auto& [option, value] : settings)
        if (ssh_bind_options_set(bind.get(), option, value) != SSH_OK)
            return Error{ErrorCode::internal, "set up the SSH server: " + std::string(ssh_get_error(bind.get()))};
    if (ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, host_key.get()) != SSH_OK)
        return Error{ErrorCode::internal, "use the host key: " + std::string(ssh_get_error(bind.get()))};
    host_key.release();  // the bind owns it now
    return bind;
}

Result<tcp::acceptor> open_acceptor(asio::any_io_executor executor, const tcp::endpoint& endpoint) {
    tcp::acceptor acceptor(executor);
    boost::system::error_code failure;
    acceptor.open(endpoint.protocol(), failure);
    if (!failure) acceptor.set_option(asio::socket_base::reuse_address(true), failure);
    if (!failure) acceptor.bind(endpoint, failure);
    if (failure) return bind_error("bind", endpoint, failure.value());
    acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (failure) return bind_error("listen on", endpoint, failure.value());
    return acceptor;
}

}  // namespace

/// Shared with its tasks. The list holds sessions that are over until their tasks have ended.
class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
  public:
    Impl(ServerOptions options, Handlers handlers, PublicKey host_key, BindHandle bind, tcp::acceptor acceptor)
        : shared_(std::make_shared<ServerShared>(ServerShared{std::move(options), std::move(handlers), {}})),
          host_key_(std::move(host_key)),
          bind_(std::move(bind)),
          acceptor_(std::move(acceptor)),
          tasks_(acceptor_.get_executor()) {}

    void start() { tasks_.spawn("ssh accept", accept_all(shared_from_this())); }

    Task<void> stop() {
        const auto self = shared_from_this();
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        const auto sessions = sessions_;
        for (const auto& session : sessions) {
            auto ending = session->stop();
            co_await std::move(ending);
        }
        auto draining = tasks_.stop();
        co_await std::move(draining);
        sessions_.clear();
    }

    void drop() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        const auto sessions = sessions_;
        for (const auto& session : sessions) session->end(Error{ErrorCode::unavailable, "the server was dropped"});
        tasks_.cancel();
    }

    ServerCounters counters() const {
        ServerCounters now = shared_->counters;
        for (const auto& session : sessions_) {
            now.sessions += session->is_over() ? 0 : 1;
            now.authenticated += !session->is_over() && session->is_authenticated() ? 1 : 0;
        }
        return now;
    }

    std::uint16_t port() const {
        boost::system::error_code ignored;
        return acceptor_.local_endpoint(ignored).port();
    }

    const PublicKey& host_key() const { return host_key_; }

  private:
    static Task<void> accept_all(std::shared_ptr<Impl> self) {
        while (self->acceptor_.is_open()) {
            auto [failure, socket] = co_await self->acceptor_.async_accept(as_result);
            if (failure == asio::error::operation_aborted) co_return;
            if (failure) {
                // Out of descriptors, most likely: sessions that end give some back.
                spdlog::warn("ssh: accept a connection: {}", failure.message());
                co_await sleep_for(std::chrono::milliseconds{100});
                continue;
            }
            self->admit(std::move(socket));
        }
    }

    void admit(tcp::socket socket) {
        ++shared_->counters.accepted;
        boost::system::error_code failure;
        const std::string address = socket.remote_endpoint(failure).address().to_string();
        if (failure) return;
        if (!make_room(address)) {
            ++shared_->counters.refused;
            spdlog::debug("ssh: {} was turned away: as many sessions as are allowed", address);
            return;
        }
        auto fd = Transport::release_socket(std::move(socket));
        if (!fd) return spdlog::warn("ssh: {}: {}", address, fd.error().to_string());
        auto session = std::make_shared<ServerSession>(tasks_executor(), shared_, address);
        sessions_.push_back(session);
        session->on_over = [this, weak = std::weak_ptr(session)] {
            if (auto over = weak.lock()) tasks_.spawn("ssh session end", forget(shared_from_this(), std::move(over)));
        };
        if (auto started = session->start(bind_.get(), *fd); !started) {
            spdlog::debug("ssh: {}: {}", address, started.error().to_string());
            session->end(started.error());
            sessions_.remove(session);
        }
    }

    asio::any_io_executor tasks_executor() { return acceptor_.get_executor(); }

    /// Silent strangers may hold every place, so the one who was silent longest makes room for the next. Logged-in
    /// sessions are never closed for that.
    bool make_room(const std::string& address) {
        unsigned all = 0, of_address = 0;
        std::shared_ptr<ServerSession> oldest, oldest_of_address;
        for (const auto& session : sessions_) {
            if (session->is_over()) continue;
            const bool same = session->address() == address;
            ++all, of_address += same ? 1 : 0;
            if (session->is_authenticated()) continue;
            if (!oldest) oldest = session;
            if (same && !oldest_of_address) oldest_of_address = session;
        }
        if (of_address >= shared_->options.limits.max_sessions_per_address) return evict(oldest_of_address);
        return all < shared_->options.limits.max_sessions || evict(oldest);
    }

    bool evict(const std::shared_ptr<ServerSession>& session) {
        if (!session) return false;
        ++shared_->counters.evicted;
        session->end(Error{ErrorCode::too_many, "another connection took the place before login"});
        return true;
    }

    static Task<void> forget(std::shared_ptr<Impl> self, std::shared_ptr<ServerSession> session) {
        auto ending = session->stop();
        co_await std::move(ending);
        self->sessions_.remove(session);
    }

    std::shared_ptr<ServerShared> shared_;
    PublicKey host_key_;
    BindHandle bind_;
    tcp::acceptor acceptor_;
    std::list<std::shared_ptr<ServerSession>> sessions_;  // oldest first
    TaskGroup tasks_;
};

Result<std::unique_ptr<Server>> Server::listen(asio::any_io_executor executor, ServerOptions options,
                                               Handlers handlers) {
    LABHUB_TRY(PublicKey public_key, load_or_create_key(options.host_key_path));
    LABHUB_TRY(KeyHandle key, load_private_key(options.host_key_path));
    LABHUB_TRY(BindHandle bind, make_bind(options, std::move(key)));
    LABHUB_TRY(tcp::acceptor acceptor, open_acceptor(executor, options.endpoint));
    auto impl = std::make_shared<Impl>(std::move(options), std::move(handlers), std::move(public_key), std::move(bind),
                                       std::move(acceptor));
    impl->start();
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { impl_->drop(); }
std::uint16_t Server::port() const { return impl_->port(); }
const PublicKey& Server::host_key() const { return impl_->host_key(); }
ServerCounters Server::counters() const { return impl_->counters(); }
Task<void> Server::stop() { return impl_->stop(); }

}  // namespace labhub::ssh
