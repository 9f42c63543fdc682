#include "shared/ssh/transport.hpp"

#include <cerrno>

#include <libssh/server.h>
#include <unistd.h>

#include "shared/ssh/channel_core.hpp"

namespace labhub::ssh {
namespace {

/// After so many rounds without rest the loop's other work gets its turn.
constexpr int kRoundsInARow = 64;
constexpr unsigned kSilentPeriods = 3;

}  // namespace

Transport::Transport(asio::any_io_executor executor)
    : executor_(executor), session_(ssh_new()), descriptor_(executor), activity_(executor) {
    activity_.expires_at(asio::steady_timer::time_point::max());
    ssh_set_blocking(session_, 0);
    ssh_set_counters(session_, &socket_bytes_, &packet_bytes_);
}

Transport::~Transport() {
    on_end = nullptr;
    end(Error{ErrorCode::unavailable, "the session was dropped"});
}

Result<int> Transport::release_socket(asio::ip::tcp::socket socket) {
    boost::system::error_code failure;
    socket.set_option(asio::ip::tcp::no_delay(true), failure);
    if (!failure) socket.set_option(asio::socket_base::keep_alive(true), failure);
    if (!failure) socket.native_non_blocking(true, failure);
    if (failure) return Error{ErrorCode::unavailable, "prepare the socket: " + failure.message()};
    const int fd = socket.release(failure);
    if (failure) return Error{ErrorCode::internal, "take over the socket: " + failure.message()};
    return fd;
}

Result<void> Transport::watch() {
    // Asio needs a descriptor of its own: libssh closes its one whenever it sees fit.
    const int copy = ::dup(ssh_get_fd(session_));
    if (copy < 0) return system_error("duplicate the session's socket", errno);
    descriptor_.assign(copy);
    event_ = ssh_event_new();
    if (event_ == nullptr || ssh_event_add_session(event_, session_) != SSH_OK)
        return Error{ErrorCode::internal, "follow the session's socket: libssh refused"};
    wait_readable();
    service();
    return {};
}

void Transport::wait_readable() {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](boost::system::error_code failure) {
                               if (failure || self->ended_) return;
                               self->service();
                               if (!self->ended_) self->wait_readable();
                           });
}

void Transport::wait_writable() {
    if (waiting_writable_) return;
    waiting_writable_ = true;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_write,
                           [self = shared_from_this()](boost::system::error_code failure) {
                               self->waiting_writable_ = false;
                               if (!failure) self->service();
                           });
}

bool Transport::poll_once() {
    const int rc = ssh_event_dopoll(event_, 0);
    // Requests no callback took (forwarding, X11, …) wait in a list until asked for; this refuses them.
    if (rc != SSH_ERROR && ssh_is_connected(session_)) ssh_execute_message_callbacks(session_);
    const bool broken = rc == SSH_ERROR || !ssh_is_connected(session_) || ssh_get_error_code(session_) == SSH_FATAL;
    if (broken && !ending_) {
        const std::string text = ssh_get_error(session_);
        ending_ = Error{ErrorCode::unavailable, text.empty() ? "the connection was closed" : text};
    }
    return rc == SSH_OK;
}

bool Transport::flush_channels() {
    bool progress = false;
    for (const auto& channel : channels_) progress |= channel->flush();
    // Another channel goes first next time, so that one with much to say doesn't silence the rest.
    if (channels_.size() > 1) channels_.splice(channels_.end(), channels_, channels_.begin());
    return progress;
}

void Transport::service() {
    if (ended_ || event_ == nullptr) return;
    if (servicing_) {
        again_ = true;
        return;
    }
    const auto self = shared_from_this();
    servicing_ = true;
    bool busy = true;
    for (int round = 0; busy && !ending_ && round < kRoundsInARow; ++round) {
        again_ = false;
        busy = poll_once();
        if (!ending_) busy |= flush_channels();
        busy |= again_;
    }
    servicing_ = false;
    if (ending_) return finish_end();
    if (busy) asio::post(executor_, [self] { self->service(); });
    if ((ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0) wait_writable();
    wake_if_heard();
    sweep();
    if (after_service) after_service();
}

void Transport::wake_if_heard() {
    // Any call into libssh may have read the answer another task waits for, so bytes count, not polls.
    if (std::exchange(heard_, socket_bytes_.in_bytes) != socket_bytes_.in_bytes) activity_.cancel();
}

void Transport::sweep() {
    channels_.remove_if([](const std::shared_ptr<ChannelCore>& channel) { return channel->free_if_done(); });
}

void Transport::end(Error why) {
    if (ended_ || ending_) return;
    ending_ = std::move(why);
    if (!servicing_) finish_end();
}

void Transport::finish_end() {
    ended_ = true;
    reason_ = *ending_;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    for (const auto& channel : channels_) channel->break_off(reason_);
    channels_.clear();
    if (event_ != nullptr) {
        ssh_event_remove_session(event_, session_);
        ssh_event_free(event_);
        event_ = nullptr;
    }
    ssh_disconnect(session_);
    ssh_free(session_);
    session_ = nullptr;
    activity_.cancel();
    after_service = nullptr;
    if (const auto hook = std::exchange(on_end, nullptr)) hook();
}

Task<int> Transport::until_done(std::function<int()> step) {
    const auto self = shared_from_this();
    for (;;) {
        if (ended_) co_return SSH_ERROR;
        const int rc = step();
        const auto seen = socket_bytes_.in_bytes;
        service();
        if (rc != SSH_AGAIN) co_return rc;
        if (ended_ || socket_bytes_.in_bytes != seen) continue;
        co_await activity_.async_wait(as_result);
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) co_return SSH_ERROR;
    }
}

Task<Error> Transport::wait_ended(std::shared_ptr<Transport> self) {
    while (!self->ended_) co_await self->activity_.async_wait(as_result);
    co_return self->reason_;
}

Task<void> Transport::drain(Steady::duration limit) {
    const auto self = shared_from_this();
    const auto deadline = Steady::now() + limit;
    asio::steady_timer pause(executor_);
    while (!ended_ && Steady::now() < deadline) {
        service();
        bool queued = !ended_ && write_pending();
        for (const auto& channel : channels_) queued |= channel->queued_bytes() > 0;
        if (!queued) co_return;
        pause.expires_after(std::chrono::milliseconds{5});
        co_await pause.async_wait(as_result);
    }
}

std::shared_ptr<ChannelCore> Transport::add_channel(ssh_channel handle) {
    auto core = std::make_shared<ChannelCore>(weak_from_this(), executor_, handle);
    channels_.push_back(core);
    return core;
}

std::size_t Transport::held_by_peer() const {
    std::size_t count = 0;
    for (const auto& channel : channels_) count += channel->is_remote_closed() ? 0 : 1;
    return count;
}

std::size_t Transport::open_channel_count() const {
    std::size_t count = 0;
    for (const auto& channel : channels_) count += channel->is_open() ? 1 : 0;
    return count;
}

void Transport::send_keepalive() {
    if (ended_) return;
    // Without blocking, a call sends the request, or collects the answer to the last one, never both: so two calls.
    ssh_send_keepalive(session_);
    ssh_send_keepalive(session_);
    service();
}

Task<void> Transport::keep_alive(std::shared_ptr<Transport> self, Steady::duration period, std::function<void()> tick) {
    unsigned silent = 0;
    std::uint64_t heard = 0;
    while (!self->ended_) {
        co_await sleep_for(period);
        if (self->ended_) co_return;
        silent = self->socket_bytes_.in_bytes == heard ? silent + 1 : 0;
        heard = self->socket_bytes_.in_bytes;
        if (silent >= kSilentPeriods) {
            Error gone{ErrorCode::unavailable, "the peer has been silent for too long, keepalives included"};
            self->end(std::move(gone));
            co_return;
        }
        self->send_keepalive();
        if (tick) tick();
    }
}

}  // namespace labhub::ssh
