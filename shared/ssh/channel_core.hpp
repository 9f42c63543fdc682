#pragma once

// Inside shared/ssh only: one libssh channel, its queues and its waiters.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::ssh {

class Transport;

enum class ChannelRequest { exec, shell, subsystem };

/// A channel of a Transport, which owns the libssh handle in it; shared with whoever reads or writes. Its callbacks
/// only note and wake. Output waits in a queue of its own, so that no call into libssh ever waits for the peer's
/// window. The handle is freed only once both ends have closed: until then packets for it may arrive.
class ChannelCore : public std::enable_shared_from_this<ChannelCore> {
  public:
    ChannelCore(std::weak_ptr<Transport> transport, asio::any_io_executor executor, ssh_channel handle);
    ChannelCore(const ChannelCore&) = delete;
    ChannelCore& operator=(const ChannelCore&) = delete;

    /// Null once the channel or its session is gone.
    ssh_channel handle() const { return handle_; }
    bool is_open() const { return handle_ != nullptr && !close_wanted_ && !remote_closed_ && !broken_; }
    std::size_t queued_bytes() const { return queued_; }
    const std::optional<Error>& broken() const { return broken_; }
    std::optional<int> exit_status() const { return exit_status_; }

    static Task<Result<std::string>> read(std::shared_ptr<ChannelCore> self);
    /// What has arrived, without waiting; may be empty.
    std::string take_input();
    bool has_input() const { return !in_.empty() || !errors_.empty() || left_behind_; }
    /// What came on stderr since the last call.
    std::string take_errors();
    /// Waits until the peer has closed, or more arrived; false when cancelled.
    Task<bool> wait_input();
    bool is_remote_closed() const { return remote_closed_; }

    /// Queues without waiting. Error unavailable when closed.
    Result<void> enqueue(std::string bytes, bool is_stderr);
    /// Waits until all queued bytes were handed to the session.
    static Task<Result<void>> drained(std::shared_ptr<ChannelCore> self);
    /// The same, giving up (false) when nothing at all moves for `stall`.
    Task<bool> drained_unless_stalled(Steady::duration stall);
    void finish();
    /// After the queue: exit status (where given), EOF, close. Further input is thrown away.
    void close(std::optional<int> exit_status = std::nullopt);
    /// Closes without sending what is queued.
    void abandon();
    void discard_input();
    /// Keeps what comes on stderr; otherwise it is thrown away.
    void keep_errors() { keep_errors_ = true; }
    /// Client side: the open request is under way; until `opened` the channel can't be closed.
    void set_opening(bool opening) { opening_ = opening; }
    /// Client side: a request is under way whose answer libssh keeps in the handle, which must stay until then even if
    /// the peer has answered and closed in one go.
    void set_requesting(bool requesting) { requesting_ = requesting; }
    void set_open_failed() { opening_ = false, open_failed_ = true; }

    /// Server side: decides at once on a request of the peer; true accepts. Runs inside a libssh callback.
    std::function<bool(ChannelRequest kind, std::string text)> on_request;

    /// Server side: one request has been accepted; SSH allows no second one (RFC 4254, 6.5).
    void set_started() { started_ = true; }
    bool is_started() const { return started_; }
    /// Server side: a task of ours works for this channel, whether or not the peer still wants the answer.
    void set_serving(bool serving) { serving_ = serving; }

    // For the Transport.
    bool flush();
    bool free_if_done();
    void break_off(const Error& why);

  private:
    struct Piece {
        std::string bytes;
        std::size_t sent = 0;
        bool is_stderr = false;
    };

    static int data_arrived(ssh_session, ssh_channel, void* data, std::uint32_t length, int is_stderr, void* self);
    static void eof_arrived(ssh_session, ssh_channel, void* self);
    static void close_arrived(ssh_session, ssh_channel, void* self);
    static void exit_status_arrived(ssh_session, ssh_channel, int status, void* self);
    static int request_arrived(void* self, ChannelRequest kind, const char* text);
    void set_callbacks();
    void refill();
    bool flush_queue();
    bool flush_ending();
    void drop_queue();
    void service();

    std::weak_ptr<Transport> transport_;
    ssh_channel handle_;
    ssh_channel_callbacks_struct callbacks_{};
    asio::steady_timer input_changed_;
    asio::steady_timer output_changed_;
    std::string in_;
    std::string errors_;
    std::deque<Piece> queue_;
    std::size_t queued_ = 0;
    std::uint64_t moved_ = 0;  // bytes handed to the session so far
    std::optional<int> exit_status_;
    std::optional<Error> broken_;
    bool left_behind_ = false;  // libssh still holds input we had no room for
    bool keep_errors_ = false;
    bool discard_ = false;
    bool eof_ = false;
    bool remote_closed_ = false;
    bool started_ = false;
    bool serving_ = false;
    bool opening_ = false;
    bool requesting_ = false;
    bool open_failed_ = false;
    bool eof_wanted_ = false;
    bool eof_sent_ = false;
    bool close_wanted_ = false;
    bool close_sent_ = false;
};

}  // namespace labhub::ssh
