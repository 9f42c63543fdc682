#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::mqtt {

/// What the broker publishes for us when the connection ends in any way but disconnect().
struct Will {
    std::string topic;
    std::string payload;
    int qos = 1;
    bool retain = false;
};

/// PEM files. The certificate must name `ConnectOptions::host`.
struct TlsFiles {
    std::filesystem::path authority;    ///< CA certificates the broker's is checked against
    std::filesystem::path certificate;  ///< ours; empty: none
    std::filesystem::path key;          ///< its key
};

struct ConnectOptions {
    std::string host = "localhost";
    std::uint16_t port = 1883;
    std::string client_id;               ///< empty: the broker makes one up
    std::string username, password;      ///< empty: anonymous
    std::chrono::seconds keepalive{10};  ///< at least 5 s; a dead broker is noticed after up to twice this
    std::optional<Will> will;
    std::optional<TlsFiles> tls;
    std::chrono::milliseconds timeout{10'000};  ///< for connecting, and for each acknowledgement waited for
    std::size_t max_unsent_bytes = 1u << 20;    ///< publish() is refused (too_many) above this
    std::size_t max_waiting_messages = 4096;    ///< received and not taken; above this we stop reading the socket
    /// The same in bytes of topics and payloads. The message that passes it is still taken, so that one larger than all
    /// of it comes through.
    std::size_t max_waiting_bytes = 16u << 20;
};

struct Message {
    std::string topic;
    std::string payload;
    int qos = 0;
    bool retained = false;  ///< the broker's stored copy, not a fresh publication
};

struct Subscription {
    std::string filter;
    int qos = 0;
};

/// One MQTT 3.1.1 connection with a clean session, from CONNECT to its end. It never reconnects: a new attempt is a new
/// object, so that its Will and bdSeq are new too. Reconnecting, with Backoff, is the caller's.
///
/// Thread: every call on the executor it was connected on. DNS and TCP connect block a helper thread of their own.
/// Ownership: destroying it without disconnect() drops the TCP connection, so that the broker publishes the Will.
/// Failure: once the connection has ended, every call returns Error unavailable with the reason.
/// libmosquitto sets SIGPIPE to ignored in the whole process.
class Connection {
  public:
    /// Resolves, connects and waits for CONNACK. Errors: unavailable (nobody listens, name unknown), unauthenticated
    /// and forbidden (refused by the broker), timed_out, malformed (an option), corrupt (the peer doesn't speak MQTT).
    static Task<Result<std::unique_ptr<Connection>>> connect(ConnectOptions options);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Subscribes and waits for every SUBACK. Error forbidden names the filter the broker refused.
    Task<Result<void>> subscribe(std::vector<Subscription> subscriptions);
    /// Hands the message to the library and as far as it goes to the socket. It says nothing of arrival. Error too_many
    /// above max_unsent_bytes (nothing was sent: the caller's seq need not advance).
    Result<void> publish(std::string topic, std::string payload, int qos = 0, bool retain = false);
    /// QoS 1, and waits until the broker has acknowledged.
    Task<Result<void>> publish_acknowledged(std::string topic, std::string payload, bool retain = false);
    /// The next message. After the end those still waiting come first, then the error.
    Task<Result<Message>> receive();
    /// As receive(), but all that wait, at least one: for who is sent very many.
    Task<Result<std::deque<Message>>> receive_all();
    /// Bytes handed over that the socket (QoS 0) has not taken or the broker (QoS 1) has not acknowledged.
    std::size_t unsent_bytes() const;
    /// Bytes the kernel holds of what it took: the broker's machine has not confirmed them (TCP). They come before
    /// whatever is published next.
    std::size_t unconfirmed_bytes() const;
    /// Bytes of topics and payloads received and not taken.
    std::size_t waiting_bytes() const;
    /// How often reading was put off because too much had been received and not taken.
    std::uint64_t reading_pauses() const;
    bool is_open() const;
    /// Sends what is waiting and DISCONNECT (no Will), for at most 2 s; the connection is ended afterwards.
    Task<void> disconnect();

  private:
    class Session;
    explicit Connection(std::shared_ptr<Session> session);
    std::shared_ptr<Session> session_;
};

}  // namespace labhub::mqtt
