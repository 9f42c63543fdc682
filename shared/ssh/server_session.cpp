#include "shared/ssh/server_session.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "shared/base/text.hpp"
#include "shared/ssh/channel_core.hpp"
#include "shared/ssh/libssh_handles.hpp"

namespace labhub::ssh {
namespace {

constexpr int kUsageStatus = 2;
/// A reader that takes nothing for so long loses its channel.
constexpr std::chrono::seconds kStall{30};

/// Cuts a result to its bound and says so where the person reading it will look.
void bound_output(ExecResult& result, std::size_t limit) {
    if (result.out.size() + result.err.size() <= limit) return;
    result.out.resize(std::min(result.out.size(), limit));
    result.err.resize(std::min(result.err.size(), limit - result.out.size()));
    result.err += "\nthe output was cut after " + std::to_string(limit) + " bytes\n";
}

}  // namespace

ServerSession::ServerSession(asio::any_io_executor executor, std::shared_ptr<ServerShared> shared, std::string address)
    : shared_(std::move(shared)),
      address_(std::move(address)),
      transport_(std::make_shared<Transport>(executor)),
      last_busy_(Steady::now()),
      tasks_(executor) {}

void ServerSession::set_callbacks() {
    ssh_callbacks_init(&callbacks_);
    callbacks_.userdata = this;
    callbacks_.auth_none_function = none_offered;
    callbacks_.auth_pubkey_function = key_offered;
    callbacks_.channel_open_request_session_function = channel_wanted;
    ssh_set_server_callbacks(transport_->session(), &callbacks_);
    ssh_set_auth_methods(transport_->session(), SSH_AUTH_METHOD_PUBLICKEY);
}

Result<void> ServerSession::start(ssh_bind bind, int fd) {
    set_callbacks();
    if (ssh_bind_accept_fd(bind, transport_->session(), fd) != SSH_OK) {
        ::close(fd);
        return Error{ErrorCode::internal, std::string("accept a connection: ") + ssh_get_error(bind)};
    }
    if (ssh_handle_key_exchange(transport_->session()) == SSH_ERROR)
        return Error{ErrorCode::unavailable,
                     std::string("begin the key exchange: ") + ssh_get_error(transport_->session())};
    transport_->after_service = [this] { act_on_notes(); };
    transport_->on_end = [this] {
        tasks_.cancel();
        if (on_over) on_over();
    };
    tasks_.spawn("ssh login", expect_login(shared_from_this()));
    return transport_->watch();
}

void ServerSession::end(Error why) { transport_->end(std::move(why)); }

Task<void> ServerSession::stop() {
    const auto self = shared_from_this();
    Error stopped{ErrorCode::unavailable, "the server stops"};
    end(std::move(stopped));
    auto drained = tasks_.stop();
    co_await std::move(drained);
}

int ServerSession::none_offered(ssh_session, const char*, void*) { return SSH_AUTH_DENIED; }

int ServerSession::key_offered(ssh_session, const char* user, ssh_key key, char state, void* self) {
    const auto kind = static_cast<ssh_publickey_state_e>(static_cast<signed char>(state));
    return static_cast<ServerSession*>(self)->check_key(user == nullptr ? "" : user, key, kind);
}

/// libssh asks twice: for the offered key, and again with the signature checked. Only the second may log anybody in.
int ServerSession::check_key(const std::string& user, ssh_key key, ssh_publickey_state_e state) {
    if (is_authenticated() || refused_ >= shared_->options.limits.auth_attempts) return SSH_AUTH_DENIED;
    if (state != SSH_PUBLICKEY_STATE_NONE && state != SSH_PUBLICKEY_STATE_VALID) return refuse_login();
    const auto offered = public_half(key);
    if (!offered) return refuse_login();
    auto principal = shared_->handlers.authorize ? shared_->handlers.authorize(*offered, user) : std::nullopt;
    if (!principal) return refuse_login();
    if (state == SSH_PUBLICKEY_STATE_NONE) return SSH_AUTH_SUCCESS;
    principal->fingerprint = fingerprint_of(key);
    principal_ = std::move(principal);
    ++shared_->counters.logins;
    spdlog::debug("ssh: {} logged in from {} with {}", principal_->name, address_, principal_->fingerprint);
    return SSH_AUTH_SUCCESS;
}

int ServerSession::refuse_login() {
    ++refused_;
    ++shared_->counters.auth_failures;
    return SSH_AUTH_DENIED;
}

ssh_channel ServerSession::channel_wanted(ssh_session, void* self) {
    return static_cast<ServerSession*>(self)->open_channel();
}

ssh_channel ServerSession::open_channel() {
    // libssh has its own idea of who is logged in; it has been wrong before (CVE-2018-10933), so ours decides.
    if (!is_authenticated()) return nullptr;
    // A closed channel makes room at once, though its task may need a moment to notice. A client that keeps closing
    // channels whose commands go on is stopped by the second bound.
    const std::size_t limit = shared_->options.limits.channels_per_session;
    if (transport_->held_by_peer() >= limit || transport_->channel_count() >= 2 * limit) return nullptr;
    const ssh_channel handle = ssh_channel_new(transport_->session());
    if (handle == nullptr) return nullptr;
    const auto channel = transport_->add_channel(handle);
    channel->on_request = [this, weak = std::weak_ptr(channel)](ChannelRequest kind, std::string text) {
        return accept_request(weak, kind, std::move(text));
    };
    last_busy_ = Steady::now();
    return handle;
}

bool ServerSession::accept_request(const std::weak_ptr<ChannelCore>& weak, ChannelRequest kind, std::string text) {
    auto channel = weak.lock();
    if (!channel || !is_authenticated()) return false;
    for (const Start& start : starts_)
        if (start.channel == channel) return false;
    if (channel->is_started()) return false;
    const auto& offers = shared_->handlers.offers_subsystem;
    if (kind == ChannelRequest::subsystem && (!offers || !offers(*principal_, text))) return false;
    starts_.push_back(Start{kind, std::move(text), std::move(channel)});
    return true;
}

/// What the callbacks noted, now that no call into libssh is on the stack.
void ServerSession::act_on_notes() {
    if (!is_authenticated() && refused_ >= shared_->options.limits.auth_attempts) {
        spdlog::info("ssh: {} was disconnected after {} refused keys", address_, refused_);
        return end(Error{ErrorCode::unauthenticated, "too many refused keys"});
    }
    while (!starts_.empty() && !is_over()) {
        Start start = std::move(starts_.front());
        starts_.pop_front();
        start.channel->set_started();
        start_channel(std::move(start));
    }
}

void ServerSession::start_channel(Start start) {
    const auto& limits = shared_->options.limits;
    if (start.kind == ChannelRequest::subsystem) {
        start.channel->set_serving(true);
        tasks_.spawn("ssh subsystem",
                     run_subsystem(shared_from_this(), std::move(start.channel), std::move(start.text)));
        return;
    }
    start.channel->discard_input();
    if (start.kind == ChannelRequest::shell || !shared_->handlers.exec || trim(start.text).empty())
        return answer_at_once(*start.channel, shared_->options.usage + "\n");
    if (start.text.size() > limits.command_bytes)
        return answer_at_once(*start.channel, "the command is " + std::to_string(start.text.size()) +
                                                  " bytes long; at most " + std::to_string(limits.command_bytes) +
                                                  " are accepted\n");
    ++shared_->counters.commands;
    start.channel->set_serving(true);
    tasks_.spawn("ssh command", run_command(shared_from_this(), std::move(start.channel), std::move(start.text)));
}

void ServerSession::answer_at_once(ChannelCore& channel, std::string text) {
    if (channel.enqueue(std::move(text), true)) channel.close(kUsageStatus);
}

Task<void> ServerSession::run_command(std::shared_ptr<ServerSession> self, std::shared_ptr<ChannelCore> channel,
                                      std::string command) {
    auto running = self->shared_->handlers.exec(*self->principal_, std::move(command));
    ExecResult result = co_await std::move(running);
    channel->set_serving(false);
    bound_output(result, self->shared_->options.limits.output_bytes);
    const bool queued = channel->enqueue(std::move(result.out), false) && channel->enqueue(std::move(result.err), true);
    if (!queued) co_return channel->abandon();
    channel->close(result.exit_status);
    auto sending = channel->drained_unless_stalled(kStall);
    const bool sent = co_await std::move(sending);
    if (!sent) channel->abandon();
    self->last_busy_ = Steady::now();
}

Task<void> ServerSession::run_subsystem(std::shared_ptr<ServerSession> self, std::shared_ptr<ChannelCore> channel,
                                        std::string name) {
    auto stream = std::make_shared<Channel>(channel);
    auto serving = self->shared_->handlers.subsystem(*self->principal_, std::move(name), stream);
    co_await std::move(serving);
    channel->set_serving(false);
    stream->close();
    self->last_busy_ = Steady::now();
}

Task<void> ServerSession::expect_login(std::shared_ptr<ServerSession> self) {
    const auto& limits = self->shared_->options.limits;
    co_await sleep_for(limits.login_time);
    if (self->is_over()) co_return;
    if (!self->is_authenticated()) {
        ++self->shared_->counters.login_timeouts;
        Error late{ErrorCode::timed_out, "no login within " + format_duration(limits.login_time)};
        self->end(std::move(late));
        co_return;
    }
    std::function<void()> tick = [raw = self.get()] { raw->check_idle(); };
    auto watching = Transport::keep_alive(self->transport_, limits.keepalive_period, std::move(tick));
    co_await std::move(watching);
}

void ServerSession::check_idle() {
    if (transport_->open_channel_count() > 0) last_busy_ = Steady::now();
    if (Steady::now() - last_busy_ < shared_->options.limits.idle_time) return;
    end(Error{ErrorCode::timed_out, "nothing was asked for " + format_duration(shared_->options.limits.idle_time)});
}

}  // namespace labhub::ssh
