#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include <mosquitto.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "shared/base/clock.hpp"
#include "shared/mqtt/connection.hpp"

namespace labhub::mqtt {

struct ClientDeleter {
    void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};
using Client = std::unique_ptr<mosquitto, ClientDeleter>;

/// A client with everything set that must be set before CONNECT. Error malformed for an option libmosquitto refuses.
Result<Client> make_client(const ConnectOptions& options);
/// Resolves and connects in a thread of its own, at most for the options' timeout, and sends CONNECT. The thread ends
/// by itself at the kernel's own limit (about two minutes) where it is given up; it touches nothing of the caller's
/// then.
Task<Result<Client>> dial(Client client, ConnectOptions options);
/// What a return code of libmosquitto means to us. `error_number` is errno where the code says so.
Error to_error(std::string_view doing, int code, int error_number);

/// What Connection hides: libmosquitto's client and its socket in Asio. Handlers hold it, so it outlives a Connection
/// by as long as Asio needs; close() makes it inert at once.
class Connection::Session : public std::enable_shared_from_this<Session> {
  public:
    Session(asio::any_io_executor executor, Client client, ConnectOptions options);

    /// Gives a dup() of the socket to Asio: libmosquitto closes its own descriptor itself.
    Result<void> start();
    Task<Result<void>> wait_for_connack();
    /// The message id of the SUBSCRIBE.
    Result<int> subscribe(const Subscription& subscription);
    /// The granted QoS; 128 or more: refused.
    Task<Result<int>> wait_for_suback(int message_id);
    /// The message id of the PUBLISH.
    Result<int> publish(const std::string& topic, const std::string& payload, int qos, bool retain);
    Task<Result<void>> wait_for_puback(int message_id);
    Task<Result<Message>> receive();
    Task<Result<std::deque<Message>>> receive_all();
    void send_disconnect();
    Task<bool> wait_for_end();

    /// Drops the TCP connection now; everything waiting returns. Never from inside a callback of the library.
    void close(Error reason);
    bool is_open() const { return !ended_; }
    std::size_t unsent_bytes() const { return unsent_; }
    std::size_t unconfirmed_bytes();
    std::size_t waiting_bytes() const { return waiting_bytes_; }
    std::uint64_t reading_pauses() const { return reading_pauses_; }
    const ConnectOptions& options() const { return options_; }

  private:
    static void on_connect(mosquitto*, void* self, int code);
    static void on_disconnect(mosquitto*, void* self, int code);
    static void on_message(mosquitto*, void* self, const mosquitto_message* message);
    static void on_publish(mosquitto*, void* self, int message_id);
    static void on_subscribe(mosquitto*, void* self, int message_id, int count, const int* granted);

    void arm();
    void arm_read();
    void arm_write();
    void arm_housekeeping();
    void read_some();
    /// Whether what comes next may be taken without the library: it speaks MQTT 3.1.1 with a broker that has let us in,
    /// has read no part of what comes, and has read something itself of late.
    bool may_pass_library_by() const;
    /// Takes the QoS 0 messages at the head of what has come, all at once: libmosquitto needs four system calls for
    /// each. False: what comes first now is for the library to read.
    bool take_plain_messages();
    int read_by_library();
    void keep(Message message);
    bool has_room() const {
        return received_.size() < options_.max_waiting_messages && waiting_bytes_ < options_.max_waiting_bytes;
    }
    /// After each call into the library: ends the session on an error, else arms what it wants next.
    void after_call(int code);
    void finish(Error reason);
    Task<void> wait_for_change();

    ConnectOptions options_;
    Client client_;  // null once the session has ended and no call of the library is on the stack
    asio::posix::stream_descriptor socket_;
    asio::steady_timer housekeeping_;
    asio::steady_timer changed_;   // never expires; cancelled whenever something happened that a waiting task may want
    const bool has_plain_stream_;  // the bytes in the socket are MQTT's own, and nobody has read any of them ahead
    bool reading_ = false, writing_ = false;
    bool is_between_packets_ = true;  // the library has read no part of a packet of which more is to come
    Steady::time_point library_read_at_{};

    std::optional<Error> ended_;
    std::optional<int> connack_;
    std::deque<Message> received_;
    std::size_t waiting_bytes_ = 0;  // of received_
    bool is_paused_ = false;
    std::uint64_t reading_pauses_ = 0;
    std::map<int, int> granted_;            // SUBSCRIBE's message id → granted QoS
    std::map<int, std::size_t> in_flight_;  // PUBLISH's message id → bytes
    std::size_t unsent_ = 0;
    int publishing_ = 0;  // the id mosquitto_publish is just giving: a QoS 0 message may be gone before it returns
    bool gone_at_once_ = false;
};

}  // namespace labhub::mqtt
