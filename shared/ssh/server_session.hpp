#pragma once

// Inside shared/ssh only: one client's connection to a Server.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <libssh/callbacks.h>
#include <libssh/server.h>

#include "shared/runtime/task_group.hpp"
#include "shared/ssh/server.hpp"
#include "shared/ssh/transport.hpp"

namespace labhub::ssh {

enum class ChannelRequest;

/// What a server and all its sessions share.
struct ServerShared {
    ServerOptions options;
    Handlers handlers;
    ServerCounters counters;
};

/// One client's connection: its login, its channels and the tasks that answer on them. Runs on the server's executor.
/// Whatever goes wrong ends this session only; `on_over` is then called once, and the owner awaits stop().
class ServerSession : public std::enable_shared_from_this<ServerSession> {
  public:
    ServerSession(asio::any_io_executor executor, std::shared_ptr<ServerShared> shared, std::string address);

    /// Takes over the connected descriptor and begins the key exchange.
    Result<void> start(ssh_bind bind, int fd);
    void end(Error why);
    /// Ends the session and waits for its tasks.
    Task<void> stop();

    bool is_over() const { return transport_->ended(); }
    bool is_authenticated() const { return principal_.has_value(); }
    const std::string& address() const { return address_; }

    std::function<void()> on_over;

  private:
    struct Start {
        ChannelRequest kind;
        std::string text;
        std::shared_ptr<ChannelCore> channel;
    };

    static int none_offered(ssh_session, const char* user, void* self);
    static int key_offered(ssh_session, const char* user, ssh_key key, char state, void* self);
    static ssh_channel channel_wanted(ssh_session, void* self);
    void set_callbacks();
    int check_key(const std::string& user, ssh_key key, ssh_publickey_state_e state);
    int refuse_login();
    ssh_channel open_channel();
    bool accept_request(const std::weak_ptr<ChannelCore>& channel, ChannelRequest kind, std::string text);
    void act_on_notes();
    void start_channel(Start request);
    void answer_at_once(ChannelCore& channel, std::string text);
    static Task<void> run_command(std::shared_ptr<ServerSession> self, std::shared_ptr<ChannelCore> channel,
                                  std::string command);
    static Task<void> run_subsystem(std::shared_ptr<ServerSession> self, std::shared_ptr<ChannelCore> channel,
                                    std::string name);
    static Task<void> expect_login(std::shared_ptr<ServerSession> self);
    void check_idle();

    std::shared_ptr<ServerShared> shared_;
    std::string address_;
    ssh_server_callbacks_struct callbacks_{};
    std::shared_ptr<Transport> transport_;
    std::optional<Principal> principal_;
    unsigned refused_ = 0;
    std::deque<Start> starts_;  // noted in callbacks; bounded by the channels a session may have
    Steady::time_point last_busy_;
    TaskGroup tasks_;
};

}  // namespace labhub::ssh
