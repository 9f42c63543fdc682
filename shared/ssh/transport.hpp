#pragma once

// Inside shared/ssh only: one libssh session on the Asio loop, for server and client alike.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include <libssh/libssh.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shared/base/error.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::ssh {

class ChannelCore;

/// Owns a libssh session and everything of libssh in it, and drives it from socket readiness. Executor's thread only.
///
/// libssh calls back from inside almost any of its calls, writes included. So there is one rule: a callback only notes
/// what happened and wakes waiters; it never calls service() or end(), and nothing of libssh is freed while a call into
/// it is on the stack. What callbacks noted is acted upon in `after_service`, or in tasks.
///
/// Ends once, for one reason: the peer's, the network's, or ours through end(). Ending frees the libssh session at
/// once; channels stay as broken shells for those who hold them.
class Transport : public std::enable_shared_from_this<Transport> {
  public:
    explicit Transport(asio::any_io_executor executor);
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Makes a connected socket fit for a session (no delay, keepalive, non-blocking) and gives its descriptor away.
    static Result<int> release_socket(asio::ip::tcp::socket socket);

    /// Begins to follow the session's socket. The session must have its descriptor and have been called once.
    Result<void> watch();
    /// Handles what has arrived, sends what is queued. Safe to call from anywhere but a libssh callback.
    void service();
    void end(Error why);
    /// Calls `step` now and after each arrival until it returns something other than SSH_AGAIN. SSH_ERROR when the
    /// session ends or the task is cancelled.
    Task<int> until_done(std::function<int()> step);
    static Task<Error> wait_ended(std::shared_ptr<Transport> self);
    /// Waits until nothing is queued on any channel or the socket, at most `limit`.
    Task<void> drain(Steady::duration limit);

    std::shared_ptr<ChannelCore> add_channel(ssh_channel handle);
    /// Channels the peer holds open.
    std::size_t held_by_peer() const;
    /// Those, and the ones it has closed while something of ours still works for them.
    std::size_t channel_count() const { return channels_.size(); }
    /// Channels somebody uses: those not closed by us.
    std::size_t open_channel_count() const;
    /// Asks the peer for a sign of life, unless one is being waited for.
    void send_keepalive();
    /// Sends keepalives every `period` and ends the session when nothing at all came for three periods. `tick` runs
    /// each period.
    static Task<void> keep_alive(std::shared_ptr<Transport> self, Steady::duration period, std::function<void()> tick);

    ssh_session session() const { return session_; }
    bool ended() const { return ended_; }
    const Error& reason() const { return reason_; }
    bool write_pending() const { return (ssh_get_status(session_) & SSH_WRITE_PENDING) != 0; }
    asio::any_io_executor executor() const { return executor_; }

    std::function<void()> after_service;  ///< outside of any libssh call; may call end()
    std::function<void()> on_end;         ///< once, when the session is gone

  private:
    void wait_readable();
    void wait_writable();
    bool poll_once();
    bool flush_channels();
    void wake_if_heard();
    void sweep();
    void finish_end();

    asio::any_io_executor executor_;
    ssh_session session_;
    ssh_event event_ = nullptr;
    ssh_counter_struct socket_bytes_{};
    ssh_counter_struct packet_bytes_{};
    asio::posix::stream_descriptor descriptor_;
    asio::steady_timer activity_;  // cancelled to wake until_done, drain and wait_ended
    std::uint64_t heard_ = 0;      // bytes from the peer when waiters were last woken
    std::list<std::shared_ptr<ChannelCore>> channels_;
    bool servicing_ = false;
    bool again_ = false;
    bool waiting_writable_ = false;
    bool ended_ = false;
    std::optional<Error> ending_;
    Error reason_;
};

}  // namespace labhub::ssh
