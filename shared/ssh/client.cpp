#include "shared/ssh/client.hpp"

#include <boost/asio/connect.hpp>

#include "shared/runtime/task_group.hpp"
#include "shared/ssh/channel_core.hpp"
#include "shared/ssh/libssh_handles.hpp"
#include "shared/ssh/transport.hpp"

namespace labhub::ssh {
namespace {

using asio::ip::tcp;

std::string place_of(const ClientOptions& options) { return options.host + ":" + std::to_string(options.port); }

/// Nothing from files or the environment, no host key files (the pin decides), our algorithms only.
Result<void> set_options(ssh_session session, const ClientOptions& options, int fd) {
    const bool process_config = false;
    const int strict = 0, rsa_bits = kMinimumRsaBits;
    const unsigned port = options.port;
    const std::pair<ssh_options_e, const void*> settings[] = {
        {SSH_OPTIONS_PROCESS_CONFIG, &process_config},
        {SSH_OPTIONS_SSH_DIR, "/nonexistent"},
        {SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
        {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
        {SSH_OPTIONS_STRICTHOSTKEYCHECK, &strict},
        {SSH_OPTIONS_HOST, options.host.c_str()},
        {SSH_OPTIONS_PORT, &port},
        {SSH_OPTIONS_USER, options.user.c_str()},
        {SSH_OPTIONS_KEY_EXCHANGE, kKeyExchanges},
        {SSH_OPTIONS_CIPHERS_C_S, kCiphers},
        {SSH_OPTIONS_CIPHERS_S_C, kCiphers},
        {SSH_OPTIONS_HMAC_C_S, kMacs},
        {SSH_OPTIONS_HMAC_S_C, kMacs},
        {SSH_OPTIONS_HOSTKEYS, kKeyAlgorithms},
        {SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, kKeyAlgorithms},
        {SSH_OPTIONS_RSA_MIN_SIZE, &rsa_bits},
        {SSH_OPTIONS_FD, &fd},
    };
    for (const auto& [option, value] : settings)
        if (ssh_options_set(session, option, value) != SSH_OK)
            return Error{ErrorCode::internal, "set up the SSH client: " + std::string(ssh_get_error(session))};
    return {};
}

Task<Result<tcp::socket>> connect_tcp(std::string host, std::uint16_t port) {
    const auto executor = co_await asio::this_coro::executor;
    tcp::socket socket(executor);
    boost::system::error_code failure;
    const auto address = asio::ip::make_address(host, failure);
    if (!failure) {
        const tcp::endpoint endpoint(address, port);
        const auto [refused] = co_await socket.async_connect(endpoint, as_result);
        failure = refused;
    } else {
        tcp::resolver resolver(executor);
        const std::string service = std::to_string(port);
        auto [unknown, endpoints] = co_await resolver.async_resolve(host, service, as_result);
        failure = unknown;
        if (!failure) {
            const auto [refused, endpoint] = co_await asio::async_connect(socket, endpoints, as_result);
            failure = refused;
        }
    }
    if (!failure) co_return Result<tcp::socket>(std::move(socket));
    Error error{ErrorCode::unavailable, "connect to " + host + ":" + std::to_string(port) + ": " + failure.message()};
    co_return Result<tcp::socket>(std::move(error));
}

/// Closes a command's channel however the task that uses it ends.
struct CloseAtEnd {
    std::shared_ptr<ChannelCore> channel;
    ~CloseAtEnd() { channel->abandon(); }
};

}  // namespace

class Session::Impl : public std::enable_shared_from_this<Session::Impl> {
  public:
    Impl(asio::any_io_executor executor, ClientOptions options_in)
        : options(std::move(options_in)), transport(std::make_shared<Transport>(executor)), tasks(executor) {}
    ~Impl() {
        Error ours{ErrorCode::unavailable, "closed by us"};
        transport->end(std::move(ours));
    }

    /// The session's own words for why a step failed.
    std::string libssh_error() const {
        return transport->ended() ? transport->reason().message : std::string(ssh_get_error(transport->session()));
    }

    Result<void> begin(tcp::socket socket) {
        LABHUB_TRY(const int fd, Transport::release_socket(std::move(socket)));
        const ssh_session session = transport->session();
        LABHUB_CHECK(set_options(session, options, fd));
        if (ssh_connect(session) == SSH_ERROR)
            return Error{ErrorCode::unavailable, "connect to " + place_of(options) + ": " + libssh_error()};
        return transport->watch();
    }

    Result<void> check_host_key() const {
        ssh_key key = nullptr;
        if (ssh_get_server_publickey(transport->session(), &key) != SSH_OK)
            return Error{ErrorCode::unavailable, place_of(options) + " showed no host key"};
        const KeyHandle owned(key);
        const std::string shown = fingerprint_of(key);
        if (shown == options.pinned_host_fingerprint) return {};
        return Error{ErrorCode::forbidden,
                     "the host key of " + place_of(options) + " is " + shown + ", not the pinned " +
                         options.pinned_host_fingerprint,
                     "if the key was replaced on purpose, enrol the node again; if not, something else answers there"};
    }

    static Task<Result<void>> handshake(std::shared_ptr<Impl> self) {
        std::function<int()> connect = [raw = self.get()] { return ssh_connect(raw->transport->session()); };
        auto connecting = self->transport->until_done(std::move(connect));
        const int connected = co_await std::move(connecting);
        if (connected != SSH_OK) {
            Error error{ErrorCode::unavailable, "connect to " + place_of(self->options) + ": " + self->libssh_error()};
            co_return Result<void>(std::move(error));
        }
        co_return self->check_host_key();
    }

    static Task<Result<void>> login(std::shared_ptr<Impl> self, std::shared_ptr<ssh_key_struct> key) {
        std::function<int()> step = [raw = self.get(), key] {
            const int rc = ssh_userauth_publickey(raw->transport->session(), nullptr, key.get());
            return rc == SSH_AUTH_AGAIN ? SSH_AGAIN : rc;
        };
        auto asking = self->transport->until_done(std::move(step));
        const int rc = co_await std::move(asking);
        if (rc == SSH_AUTH_SUCCESS) co_return Result<void>();
        const std::string who = self->options.user + " at " + place_of(self->options);
        Error error{ErrorCode::unavailable, "log in as " + who + ": " + self->libssh_error()};
        if (rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL)
            error = Error{ErrorCode::unauthenticated,
                          "the key " + fingerprint_of(key.get()) + " is not accepted for " + who,
                          "add its public half to the authorised keys there"};
        co_return Result<void>(std::move(error));
    }

    static Task<Result<std::shared_ptr<ChannelCore>>> open_channel(std::shared_ptr<Impl> self) {
        if (self->transport->ended()) co_return Result<std::shared_ptr<ChannelCore>>(self->transport->reason());
        const ssh_channel handle = ssh_channel_new(self->transport->session());
        auto channel = self->transport->add_channel(handle);
        channel->set_opening(true);
        std::function<int()> open = [channel] {
            return channel->handle() == nullptr ? SSH_ERROR : ssh_channel_open_session(channel->handle());
        };
        auto opening = self->transport->until_done(std::move(open));
        const int rc = co_await std::move(opening);
        if (rc == SSH_OK) {
            channel->set_opening(false);
            channel->set_requesting(true);
            co_return Result<std::shared_ptr<ChannelCore>>(std::move(channel));
        }
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none)
            channel->abandon();
        else
            channel->set_open_failed();
        Error error{self->transport->ended() ? ErrorCode::unavailable : ErrorCode::too_many,
                    place_of(self->options) + " opens no further channel: " + self->libssh_error()};
        co_return Result<std::shared_ptr<ChannelCore>>(std::move(error));
    }

    static Task<Result<std::shared_ptr<ChannelCore>>> open_with(std::shared_ptr<Impl> self, bool subsystem,
                                                                std::string text) {
        auto opening = open_channel(self);
        auto opened = co_await std::move(opening);
        if (!opened) co_return opened;
        const auto channel = *opened;
        if (!subsystem) channel->keep_errors();
        std::function<int()> request = [channel, subsystem, text] {
            if (channel->handle() == nullptr) return SSH_ERROR;
            return subsystem ? ssh_channel_request_subsystem(channel->handle(), text.c_str())
                             : ssh_channel_request_exec(channel->handle(), text.c_str());
        };
        auto asking = self->transport->until_done(std::move(request));
        const int rc = co_await std::move(asking);
        channel->set_requesting(false);
        if (rc == SSH_OK) co_return opened;
        channel->abandon();
        const std::string what = subsystem ? "the subsystem " + text : std::string("commands");
        Error error{self->transport->ended() ? ErrorCode::unavailable : ErrorCode::unsupported,
                    place_of(self->options) + " doesn't offer " + what + ": " + self->libssh_error()};
        co_return Result<std::shared_ptr<ChannelCore>>(std::move(error));
    }

    /// Gathers a command's output until the server closes its channel.
    static Task<Result<ExecResult>> gather(std::shared_ptr<ChannelCore> channel, std::size_t limit) {
        using Outcome = Result<ExecResult>;
        ExecResult result;
        for (;;) {
            result.out += channel->take_input();
            result.err += channel->take_errors();
            if (result.out.size() + result.err.size() > limit) {
                Error large{ErrorCode::too_large,
                            "the command's output is larger than " + std::to_string(limit) + " bytes"};
                co_return Outcome(std::move(large));
            }
            if (channel->has_input()) continue;
            if (channel->is_remote_closed()) break;
            if (channel->broken()) co_return Outcome(*channel->broken());
            auto waiting = channel->wait_input();
            const bool more = co_await std::move(waiting);
            if (!more) {
                Error stopped{ErrorCode::timed_out, "waiting for the command was cancelled"};
                co_return Outcome(std::move(stopped));
            }
        }
        if (!channel->exit_status()) {
            Error error{ErrorCode::unavailable, "the command's channel was closed without an exit status"};
            co_return Outcome(std::move(error));
        }
        result.exit_status = *channel->exit_status();
        co_return Outcome(std::move(result));
    }

    static Task<Result<ExecResult>> exec(std::shared_ptr<Impl> self, std::string command) {
        auto opening = open_with(self, false, std::move(command));
        auto opened = co_await std::move(opening);
        if (!opened) co_return Result<ExecResult>(opened.error());
        const CloseAtEnd closer{*opened};
        (*opened)->finish();
        auto gathering = gather(*opened, self->options.output_bytes);
        auto result = co_await std::move(gathering);
        co_return result;
    }

    static Task<Result<std::shared_ptr<Channel>>> open_subsystem(std::shared_ptr<Impl> self, std::string name) {
        auto opening = open_with(self, true, std::move(name));
        auto opened = co_await std::move(opening);
        if (!opened) co_return Result<std::shared_ptr<Channel>>(opened.error());
        co_return Result<std::shared_ptr<Channel>>(std::make_shared<Channel>(*opened));
    }

    static Task<void> close(std::shared_ptr<Impl> self) {
        auto draining = self->transport->drain(std::chrono::seconds{1});
        co_await std::move(draining);
        Error ours{ErrorCode::unavailable, "closed by us"};
        self->transport->end(std::move(ours));
        auto stopping = self->tasks.stop();
        co_await std::move(stopping);
    }

    ClientOptions options;
    std::shared_ptr<Transport> transport;
    TaskGroup tasks;
};

Task<Result<std::unique_ptr<Session>>> Session::connect(ClientOptions options) {
    const auto limit = options.connect_timeout;
    std::string doing = "ssh to " + place_of(options);
    auto connecting = connect_now(std::move(options));
    auto bounded = within<std::unique_ptr<Session>>(limit, std::move(doing), std::move(connecting));
    auto outcome = co_await std::move(bounded);
    co_return outcome;
}

Task<Result<std::unique_ptr<Session>>> Session::connect_now(ClientOptions options) {
    using Outcome = Result<std::unique_ptr<Session>>;
    auto loaded = load_private_key(options.private_key_path);
    if (!loaded) co_return Outcome(loaded.error());
    const std::shared_ptr<ssh_key_struct> key = std::move(*loaded);
    auto dialling = connect_tcp(options.host, options.port);
    auto socket = co_await std::move(dialling);
    if (!socket) co_return Outcome(socket.error());
    const auto executor = co_await asio::this_coro::executor;
    const auto period = options.keepalive_period;
    const auto impl = std::make_shared<Impl>(executor, std::move(options));
    std::unique_ptr<Session> session(new Session(impl));
    auto begun = impl->begin(std::move(*socket));
    if (!begun) co_return Outcome(begun.error());
    auto shaking = Impl::handshake(impl);
    auto shaken = co_await std::move(shaking);
    if (!shaken) co_return Outcome(shaken.error());
    auto asking = Impl::login(impl, key);
    auto asked = co_await std::move(asking);
    if (!asked) co_return Outcome(asked.error());
    impl->tasks.spawn("ssh keepalive", Transport::keep_alive(impl->transport, period, nullptr));
    co_return Outcome(std::move(session));
}

Session::Session(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Session::~Session() {
    Error ours{ErrorCode::unavailable, "closed by us"};
    impl_->transport->end(std::move(ours));
    impl_->tasks.cancel();
}

Task<Result<ExecResult>> Session::exec(std::string command) { return Impl::exec(impl_, std::move(command)); }

Task<Result<std::shared_ptr<Channel>>> Session::open_subsystem(std::string name) {
    return Impl::open_subsystem(impl_, std::move(name));
}

bool Session::is_open() const { return !impl_->transport->ended(); }

Task<Error> Session::closed() { return Transport::wait_ended(impl_->transport); }

Task<void> Session::close() { return Impl::close(impl_); }

}  // namespace labhub::ssh
