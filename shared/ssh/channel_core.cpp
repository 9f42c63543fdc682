#include "shared/ssh/channel_core.hpp"

#include <algorithm>
#include <array>

#include <libssh/server.h>

#include "shared/ssh/transport.hpp"

namespace labhub::ssh {
namespace {

/// Input kept for a reader; past that it stays in libssh, whose window makes the peer wait.
constexpr std::size_t kInputBytes = 256 * 1024;
constexpr std::size_t kPieceBytes = 32 * 1024;

}  // namespace

ChannelCore::ChannelCore(std::weak_ptr<Transport> transport, asio::any_io_executor executor, ssh_channel handle)
    : transport_(std::move(transport)), handle_(handle), input_changed_(executor), output_changed_(executor) {
    input_changed_.expires_at(asio::steady_timer::time_point::max());
    output_changed_.expires_at(asio::steady_timer::time_point::max());
    set_callbacks();
}

void ChannelCore::set_callbacks() {
    ssh_callbacks_init(&callbacks_);
    callbacks_.userdata = this;
    callbacks_.channel_data_function = data_arrived;
    callbacks_.channel_eof_function = eof_arrived;
    callbacks_.channel_close_function = close_arrived;
    callbacks_.channel_exit_status_function = exit_status_arrived;
    callbacks_.channel_pty_request_function = [](ssh_session, ssh_channel, const char*, int, int, int, int, void*) {
        return 1;
    };
    callbacks_.channel_env_request_function = [](ssh_session, ssh_channel, const char*, const char*, void*) {
        return 1;
    };
    callbacks_.channel_shell_request_function = [](ssh_session, ssh_channel, void* self) {
        return request_arrived(self, ChannelRequest::shell, "");
    };
    callbacks_.channel_exec_request_function = [](ssh_session, ssh_channel, const char* command, void* self) {
        return request_arrived(self, ChannelRequest::exec, command);
    };
    callbacks_.channel_subsystem_request_function = [](ssh_session, ssh_channel, const char* name, void* self) {
        return request_arrived(self, ChannelRequest::subsystem, name);
    };
    ssh_set_channel_callbacks(handle_, &callbacks_);
}

int ChannelCore::request_arrived(void* self, ChannelRequest kind, const char* text) {
    auto& core = *static_cast<ChannelCore*>(self);
    return core.on_request && core.on_request(kind, text == nullptr ? "" : text) ? 0 : 1;
}

int ChannelCore::data_arrived(ssh_session, ssh_channel, void* data, std::uint32_t length, int is_stderr, void* self) {
    auto& core = *static_cast<ChannelCore*>(self);
    if (core.discard_ || (is_stderr != 0 && !core.keep_errors_)) return static_cast<int>(length);
    std::string& buffer = is_stderr != 0 ? core.errors_ : core.in_;
    if (is_stderr == 0 && buffer.size() >= kInputBytes) {
        core.left_behind_ = true;
        return 0;
    }
    buffer.append(static_cast<const char*>(data), length);
    core.input_changed_.cancel();
    return static_cast<int>(length);
}

void ChannelCore::eof_arrived(ssh_session, ssh_channel, void* self) {
    auto& core = *static_cast<ChannelCore*>(self);
    core.eof_ = true;
    core.input_changed_.cancel();
}

void ChannelCore::close_arrived(ssh_session, ssh_channel, void* self) {
    auto& core = *static_cast<ChannelCore*>(self);
    core.remote_closed_ = core.eof_ = true;
    core.input_changed_.cancel();
    core.output_changed_.cancel();
}

void ChannelCore::exit_status_arrived(ssh_session, ssh_channel, int status, void* self) {
    static_cast<ChannelCore*>(self)->exit_status_ = status;
}

void ChannelCore::service() {
    if (const auto transport = transport_.lock()) transport->service();
}

void ChannelCore::refill() {
    left_behind_ = false;
    std::array<char, 16 * 1024> bytes;
    while (handle_ != nullptr && in_.size() < kInputBytes) {
        const int got = ssh_channel_read_nonblocking(handle_, bytes.data(), bytes.size(), 0);
        if (got <= 0) return service();
        in_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    left_behind_ = handle_ != nullptr;
    service();
}

Task<Result<std::string>> ChannelCore::read(std::shared_ptr<ChannelCore> self) {
    for (;;) {
        std::string bytes = self->take_input();
        if (!bytes.empty()) co_return Result<std::string>(std::move(bytes));
        if (self->broken_) co_return Result<std::string>(*self->broken_);
        if (self->eof_) co_return Result<std::string>(std::string());
        auto waiting = self->wait_input();
        const bool more = co_await std::move(waiting);
        if (!more) {
            Error stopped{ErrorCode::timed_out, "reading from the channel was cancelled"};
            co_return Result<std::string>(std::move(stopped));
        }
    }
}

std::string ChannelCore::take_input() {
    if (in_.empty() && left_behind_) refill();
    std::string taken;
    taken.swap(in_);
    return taken;
}

std::string ChannelCore::take_errors() {
    std::string taken;
    taken.swap(errors_);
    return taken;
}

Task<bool> ChannelCore::wait_input() {
    const auto self = shared_from_this();
    co_await input_changed_.async_wait(as_result);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    co_return cancellation.cancelled() == asio::cancellation_type::none;
}

Result<void> ChannelCore::enqueue(std::string bytes, bool is_stderr) {
    if (broken_) return *broken_;
    if (!is_open() || eof_wanted_) return Error{ErrorCode::unavailable, "the channel is closed"};
    if (bytes.empty()) return {};
    queued_ += bytes.size();
    queue_.push_back(Piece{std::move(bytes), 0, is_stderr});
    service();
    return {};
}

Task<Result<void>> ChannelCore::drained(std::shared_ptr<ChannelCore> self) {
    for (;;) {
        if (self->broken_) co_return Result<void>(*self->broken_);
        if (self->queued_ == 0 && !self->remote_closed_) co_return Result<void>();
        if (self->remote_closed_) {
            Error closed{ErrorCode::unavailable, "the peer closed the channel"};
            co_return Result<void>(std::move(closed));
        }
        co_await self->output_changed_.async_wait(as_result);
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) {
            Error stopped{ErrorCode::timed_out, "writing to the channel was cancelled"};
            co_return Result<void>(std::move(stopped));
        }
    }
}

Task<bool> ChannelCore::drained_unless_stalled(Steady::duration stall) {
    const auto self = shared_from_this();
    while (queued_ > 0 && !broken_ && !remote_closed_) {
        const auto before = moved_;
        auto waiting = within<Result<void>>(stall, drained(self));
        const auto outcome = co_await std::move(waiting);
        if (!outcome && moved_ == before) co_return false;
    }
    co_return true;
}

void ChannelCore::finish() {
    eof_wanted_ = true;
    service();
}

void ChannelCore::close(std::optional<int> exit_status) {
    if (exit_status && !close_wanted_) exit_status_ = exit_status;
    discard_input();
    close_wanted_ = true;
    service();
}

void ChannelCore::abandon() {
    drop_queue();
    close();
}

void ChannelCore::discard_input() {
    discard_ = true;
    in_.clear();
    left_behind_ = false;
}

void ChannelCore::drop_queue() {
    queue_.clear();
    queued_ = 0;
    output_changed_.cancel();
}

bool ChannelCore::flush() {
    if (handle_ == nullptr || open_failed_) return false;
    if (opening_) {
        if (!close_wanted_) return false;
        const int rc = ssh_channel_open_session(handle_);
        if (rc == SSH_AGAIN) return false;
        opening_ = false;
        open_failed_ = rc != SSH_OK;
        return true;
    }
    if (remote_closed_) {
        if (!queue_.empty()) drop_queue();
        // Closing our end makes libssh refuse to give out what it still holds.
        if (!left_behind_) close_wanted_ = true;
    }
    const bool progress = flush_queue();
    return queue_.empty() ? flush_ending() || progress : progress;
}

bool ChannelCore::flush_queue() {
    const auto transport = transport_.lock();
    bool progress = false;
    while (transport && !queue_.empty() && !transport->write_pending()) {
        Piece& piece = queue_.front();
        const auto room = std::size_t{ssh_channel_window_size(handle_)};
        const auto length = std::min({piece.bytes.size() - piece.sent, room, kPieceBytes});
        if (length == 0) break;
        const char* from = piece.bytes.data() + piece.sent;
        const auto size = static_cast<std::uint32_t>(length);
        const int sent =
            piece.is_stderr ? ssh_channel_write_stderr(handle_, from, size) : ssh_channel_write(handle_, from, size);
        if (sent < 0) {
            drop_queue();
            close_wanted_ = true;
            break;
        }
        if (sent == 0) break;
        progress = true;
        piece.sent += static_cast<std::size_t>(sent);
        queued_ -= static_cast<std::size_t>(sent);
        moved_ += static_cast<std::uint64_t>(sent);
        if (piece.sent == piece.bytes.size()) queue_.pop_front();
    }
    if (progress) output_changed_.cancel();
    return progress;
}

bool ChannelCore::flush_ending() {
    if (close_sent_ || (!eof_wanted_ && !close_wanted_)) return false;
    if (!eof_sent_ && !remote_closed_) {
        if (close_wanted_ && exit_status_ && on_request) ssh_channel_request_send_exit_status(handle_, *exit_status_);
        ssh_channel_send_eof(handle_);
        eof_sent_ = true;
    }
    if (!close_wanted_) return false;
    // Without blocking it answers "again" after each of its packets that could not leave at once: EOF, then close.
    for (int call = 0; call < 3 && !close_sent_; ++call) close_sent_ = ssh_channel_close(handle_) != SSH_AGAIN;
    return close_sent_;
}

bool ChannelCore::free_if_done() {
    if (handle_ == nullptr) return true;
    const bool closed = close_sent_ && remote_closed_ && !left_behind_ && !requesting_ && !serving_;
    if (!closed && !open_failed_) return false;
    ssh_remove_channel_callbacks(handle_, &callbacks_);
    ssh_channel_free(handle_);
    handle_ = nullptr;
    on_request = nullptr;
    return true;
}

void ChannelCore::break_off(const Error& why) {
    if (handle_ != nullptr) ssh_remove_channel_callbacks(handle_, &callbacks_);
    handle_ = nullptr;
    on_request = nullptr;
    if (!remote_closed_) broken_ = why;
    drop_queue();
    input_changed_.cancel();
    left_behind_ = false;
}

}  // namespace labhub::ssh
