#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"
#include "shared/ssh/channel.hpp"

namespace labhub::ssh {

struct ClientOptions {
    std::string host;  ///< name or address
    std::uint16_t port = 22;
    std::string user;
    std::filesystem::path private_key_path;             ///< unencrypted, readable by its owner only
    std::string pinned_host_fingerprint;                ///< "SHA256:…"; no other host key is accepted
    std::chrono::milliseconds connect_timeout{5'000};   ///< for name, TCP, key exchange and login together
    std::chrono::milliseconds keepalive_period{5'000};  ///< a peer silent for three of these counts as gone
    std::size_t output_bytes = 16 * 1024 * 1024;        ///< of one exec result; past that it fails with too_large
};

/// One authenticated connection to a server, on which any number of commands and subsystems run side by side. Used from
/// the executor of the task that made it; never blocks. When the connection breaks everything on it fails with
/// `unavailable` and the Session can only be dropped; it doesn't reconnect.
class Session {
  public:
    /// Errors: unavailable (no such host, refused, broken), timed_out, forbidden (host key isn't the pinned one; names
    /// both fingerprints), unauthenticated (the server doesn't accept the key), and those of load_or_create_key for our
    /// own key, except that a missing one is not_found.
    static Task<Result<std::unique_ptr<Session>>> connect(ClientOptions options);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Runs one command. Exit status 255 with Error-free result is the server's own; a server that closes without an
    /// exit status gives Error unavailable. Cancelling it closes the command's channel.
    Task<Result<ExecResult>> exec(std::string command);
    /// Error unsupported when the server doesn't offer it.
    Task<Result<std::shared_ptr<Channel>>> open_subsystem(std::string name);
    bool is_open() const;
    /// Ends when the session is over, with the reason ("closed by us" included).
    Task<Error> closed();
    /// Says goodbye, sends what is queued within a second, and closes.
    Task<void> close();

  private:
    class Impl;
    explicit Session(std::shared_ptr<Impl> impl);
    static Task<Result<std::unique_ptr<Session>>> connect_now(ClientOptions options);
    std::shared_ptr<Impl> impl_;
};

}  // namespace labhub::ssh
