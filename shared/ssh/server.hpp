#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/ssh/channel.hpp"
#include "shared/ssh/keys.hpp"

namespace labhub::ssh {

/// Who has proved to be at the other end.
struct Principal {
    std::string name;         ///< as the key table calls the key's owner
    std::string role;         ///< what the owner may do; the words are the application's
    std::string fingerprint;  ///< of the key used, "SHA256:…"
};

/// Bounds on what strangers and clients can make the server hold.
struct ServerLimits {
    std::chrono::milliseconds login_time{10'000};      ///< from connect to authenticated
    std::chrono::milliseconds idle_time{15 * 60'000};  ///< without an open channel
    std::chrono::milliseconds keepalive_period{
        15'000};                             ///< a session whose peer is silent for three of these is closed
    unsigned auth_attempts = 3;              ///< refused keys (offers of unknown keys count too), then disconnected
    unsigned max_sessions = 32;              ///< when full, the oldest not yet authenticated one makes room
    unsigned max_sessions_per_address = 32;  ///< of one peer address; further connections are closed at once
    unsigned channels_per_session = 10;      ///< open ones; as many more may be closed while their commands still run
    std::size_t command_bytes = 16 * 1024;   ///< of an exec request; a longer one is refused
    std::size_t output_bytes = 16 * 1024 * 1024;  ///< of one command's result; a longer one is cut and says so
};

struct ServerOptions {
    asio::ip::tcp::endpoint endpoint{asio::ip::address_v4::loopback(), 0};  ///< port 0: any free one
    std::filesystem::path host_key_path;                                    ///< made by load_or_create_key when missing
    ServerLimits limits;
    std::string version_banner = "labhub";  ///< software name in the SSH version string, no blanks
    /// What `ssh host` without a command is told (exit status 2), and what a refused shell says.
    std::string usage = "this server offers: status, sensors, get, set, hold, logs, version";
};

/// What the application does. All called on the server's executor. The tasks belong to the server: they are cancelled
/// when the client goes or the server stops.
struct Handlers {
    /// Who owns the key, or nothing. Called for offers too, so it must have no effect beyond looking up.
    std::function<std::optional<Principal>(const PublicKey& key, const std::string& user)> authorize;
    /// Runs one command line. It is text from a stranger and never meets a shell.
    std::function<Task<ExecResult>(Principal who, std::string command)> exec;
    /// Whether the subsystem of that name exists; others are refused. Empty: none exists.
    std::function<bool(const Principal& who, const std::string& name)> offers_subsystem;
    /// Serves one subsystem channel; the channel is closed when the task ends.
    std::function<Task<void>(Principal who, std::string name, std::shared_ptr<Channel> channel)> subsystem;
};

struct ServerCounters {
    std::uint64_t accepted = 0;  ///< connections taken
    std::uint64_t refused = 0;   ///< closed at once: limit of sessions reached
    std::uint64_t evicted = 0;   ///< closed before login to make room
    std::uint64_t login_timeouts = 0;
    std::uint64_t auth_failures = 0;  ///< keys or methods refused
    std::uint64_t logins = 0;
    std::uint64_t commands = 0;
    unsigned sessions = 0;       ///< open now
    unsigned authenticated = 0;  ///< of those, logged in
};

/// An SSH server without a shell: `exec` commands and named subsystems, public keys only. No pty, forwarding, agent,
/// environment or SFTP. Single-threaded: everything happens on the executor, nothing blocks. Owns its sessions and
/// their tasks. stop() must have ended (or the io_context have run dry) before it is destroyed. A broken session fails
/// only the tasks on it.
class Server {
  public:
    /// Errors: those of load_or_create_key, and of bind(2) and listen(2), naming the endpoint.
    static Result<std::unique_ptr<Server>> listen(asio::any_io_executor executor, ServerOptions options,
                                                  Handlers handlers);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const;
    const PublicKey& host_key() const;
    ServerCounters counters() const;
    /// Closes the listener and every session, and waits for their tasks.
    Task<void> stop();

  private:
    class Impl;
    explicit Server(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace labhub::ssh
