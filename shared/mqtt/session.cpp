#include "shared/mqtt/session.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/mqtt/packet.hpp"

namespace labhub::mqtt {
namespace {

constexpr std::chrono::milliseconds kHousekeepingPeriod{500};  // loop_misc: keepalive, retries
constexpr int kPacketsPerWake = 64;                            // then others on the executor get their turn
constexpr std::size_t kBytesPerWake = 64 * 1024;               // the same, where the library is passed by
/// The library takes for silence what it doesn't read itself: it would ping a broker that talks all the time, and give
/// it up where the answer stands behind more messages than are read in one keepalive. It counts in whole seconds.
constexpr std::chrono::seconds kLibraryReadsEvery{1};
constexpr int kRefused = 128;

Error to_error_of_connack(int code) {
    const std::string prefix = "the MQTT broker refuses the connection: ";
    switch (code) {
        case 1: return Error{ErrorCode::unsupported, prefix + "it does not speak MQTT 3.1.1"};
        case 2: return Error{ErrorCode::malformed, prefix + "client id not accepted"};
        case 4: return Error{ErrorCode::unauthenticated, prefix + "wrong user name or password"};
        case 5: return Error{ErrorCode::forbidden, prefix + "not authorised"};
        default: return Error{ErrorCode::unavailable, prefix + "it is not available"};
    }
}

/// libmosquitto 2.0 never reads past the packet it is at; one that reads ahead could not be passed by.
bool reads_packet_by_packet() {
    int major = 0, minor = 0, revision = 0;
    mosquitto_lib_version(&major, &minor, &revision);
    return major == 2 && minor == 0;
}

bool has_more(int socket) {
    int waiting = 0;
    return ::ioctl(socket, FIONREAD, &waiting) == 0 && waiting > 0;
}

}  // namespace

Connection::Session::Session(asio::any_io_executor executor, Client client, ConnectOptions options)
    : options_(std::move(options)),
      client_(std::move(client)),
      socket_(executor),
      housekeeping_(executor),
      changed_(executor),
      has_plain_stream_(!options_.tls && reads_packet_by_packet()) {
    changed_.expires_at(asio::steady_timer::time_point::max());
    mosquitto_user_data_set(client_.get(), this);
    mosquitto_connect_callback_set(client_.get(), &Session::on_connect);
    mosquitto_disconnect_callback_set(client_.get(), &Session::on_disconnect);
    mosquitto_message_callback_set(client_.get(), &Session::on_message);
    mosquitto_publish_callback_set(client_.get(), &Session::on_publish);
    mosquitto_subscribe_callback_set(client_.get(), &Session::on_subscribe);
}

Result<void> Connection::Session::start() {
    const int copy = ::dup(mosquitto_socket(client_.get()));
    if (copy < 0) return system_error("dup the MQTT socket", errno);
    boost::system::error_code failure;
    socket_.assign(copy, failure);
    if (failure) {
        ::close(copy);
        return system_error("watch the MQTT socket", failure.value());
    }
    arm();
    arm_housekeeping();
    return {};
}

void Connection::Session::arm() {
    arm_read();
    arm_write();
}

void Connection::Session::arm_read() {
    // Not reading while nobody takes messages is what bounds the queue: TCP then slows the broker down.
    if (reading_ || ended_) return;
    if (!has_room()) {
        reading_pauses_ += is_paused_ ? 0 : 1;
        is_paused_ = true;
        return;
    }
    is_paused_ = false;
    reading_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failure) {
                           self->reading_ = false;
                           if (!failure && !self->ended_) self->read_some();
                       });
}

void Connection::Session::arm_write() {
    if (writing_ || ended_ || !mosquitto_want_write(client_.get())) return;
    writing_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& failure) {
                           self->writing_ = false;
                           if (!failure && !self->ended_)
                               self->after_call(mosquitto_loop_write(self->client_.get(), 1));
                       });
}

void Connection::Session::arm_housekeeping() {
    housekeeping_.expires_after(kHousekeepingPeriod);
    housekeeping_.async_wait([self = shared_from_this()](const boost::system::error_code& failure) {
        if (failure || self->ended_) return;
        self->after_call(mosquitto_loop_misc(self->client_.get()));
        if (!self->ended_) self->arm_housekeeping();
    });
}

void Connection::Session::read_some() {
    int code = MOSQ_ERR_SUCCESS;
    if (!has_plain_stream_) {
        for (int packets = 0; packets < kPacketsPerWake; ++packets) {
            code = mosquitto_loop_read(client_.get(), 1);
            if (code != MOSQ_ERR_SUCCESS || ended_ || !has_room() || !has_more(socket_.native_handle())) break;
        }
    } else if (!may_pass_library_by() || !take_plain_messages()) {
        code = read_by_library();
    }
    after_call(code);
}

bool Connection::Session::may_pass_library_by() const {
    return is_between_packets_ && connack_ == 0 && Steady::now() - library_read_at_ < kLibraryReadsEvery;
}

bool Connection::Session::take_plain_messages() {
    std::array<char, kBytesPerWake> bytes;  // filled by recv
    const int socket = socket_.native_handle();
    const auto size = ::recv(socket, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return true;
    if (size <= 0) return false;
    std::string_view left(bytes.data(), static_cast<std::size_t>(size));
    PlainMessage message = plain_message_at(left);
    if (message.size == 0) return false;
    for (; message.size > 0 && has_room(); message = plain_message_at(left)) {
        keep({std::string(message.topic), std::string(message.payload), 0, message.retained});
        left.remove_prefix(message.size);
    }
    // Lets go of what was taken, without copying it (tcp(7)).
    const auto taken = size - static_cast<ssize_t>(left.size());
    if (::recv(socket, nullptr, static_cast<std::size_t>(taken), MSG_TRUNC | MSG_DONTWAIT) != taken)
        finish(Error{ErrorCode::unavailable, "MQTT connection lost: the socket gives less than it had"});
    changed_.cancel();
    return true;
}

/// The library says nothing of whether it is within a packet, but goes on to the next one, or returns, by errno: EAGAIN
/// (or EINTR) where it would have read more. A write that would block leaves the same trace; then it is only asked once
/// more than needed.
int Connection::Session::read_by_library() {
    errno = 0;
    const int code = mosquitto_loop_read(client_.get(), 1);
    is_between_packets_ = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    library_read_at_ = Steady::now();
    return code;
}

void Connection::Session::keep(Message message) {
    waiting_bytes_ += message.topic.size() + message.payload.size();
    received_.push_back(std::move(message));
}

void Connection::Session::after_call(int code) {
    if (!ended_ && code != MOSQ_ERR_SUCCESS) finish(to_error("MQTT connection lost", code, errno));
    if (ended_)
        client_.reset();
    else
        arm();
}

void Connection::Session::finish(Error reason) {
    if (ended_) return;
    ended_ = std::move(reason);
    boost::system::error_code ignored;
    socket_.close(ignored);
    housekeeping_.cancel();
    changed_.cancel();
}

void Connection::Session::close(Error reason) {
    finish(std::move(reason));
    client_.reset();
}

void Connection::Session::on_connect(mosquitto*, void* self, int code) {
    auto& session = *static_cast<Session*>(self);
    session.connack_ = code;
    session.changed_.cancel();
}

void Connection::Session::on_disconnect(mosquitto*, void* self, int code) {
    static_cast<Session*>(self)->finish(code == MOSQ_ERR_SUCCESS
                                            ? Error{ErrorCode::unavailable, "the MQTT connection has been closed"}
                                            : to_error("MQTT connection lost", code, errno));
}

void Connection::Session::on_message(mosquitto*, void* self, const mosquitto_message* message) {
    auto& session = *static_cast<Session*>(self);
    Message copy;
    copy.topic = message->topic;
    copy.payload.assign(static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen));
    copy.qos = message->qos;
    copy.retained = message->retain;
    session.keep(std::move(copy));
    session.changed_.cancel();
}

void Connection::Session::on_publish(mosquitto*, void* self, int message_id) {
    auto& session = *static_cast<Session*>(self);
    if (message_id == session.publishing_) {
        session.gone_at_once_ = true;
        return;
    }
    const auto found = session.in_flight_.find(message_id);
    if (found == session.in_flight_.end()) return;
    session.unsent_ -= found->second;
    session.in_flight_.erase(found);
    session.changed_.cancel();
}

void Connection::Session::on_subscribe(mosquitto*, void* self, int message_id, int count, const int* granted) {
    auto& session = *static_cast<Session*>(self);
    session.granted_[message_id] = count > 0 ? granted[0] : kRefused;
    session.changed_.cancel();
}

Task<void> Connection::Session::wait_for_change() { co_await changed_.async_wait(as_result); }

Task<Result<void>> Connection::Session::wait_for_connack() {
    while (!connack_ && !ended_) co_await wait_for_change();
    if (connack_ && *connack_ != 0) {
        Error refused = to_error_of_connack(*connack_);
        co_return refused;
    }
    if (ended_) {
        Error ended = *ended_;
        co_return ended;
    }
    co_return Result<void>();
}

Result<int> Connection::Session::subscribe(const Subscription& subscription) {
    if (ended_) return *ended_;
    int message_id = 0;
    const int code = mosquitto_subscribe(client_.get(), &message_id, subscription.filter.c_str(), subscription.qos);
    if (code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8)
        return Error{ErrorCode::malformed, "'" + subscription.filter + "' is not an MQTT topic filter"};
    after_call(code);
    if (ended_) return *ended_;
    return message_id;
}

Task<Result<int>> Connection::Session::wait_for_suback(int message_id) {
    while (!granted_.contains(message_id) && !ended_) co_await wait_for_change();
    const auto found = granted_.find(message_id);
    if (found == granted_.end()) {
        Error ended = *ended_;
        co_return ended;
    }
    const int granted = found->second;
    granted_.erase(found);
    co_return granted;
}

Result<int> Connection::Session::publish(const std::string& topic, const std::string& payload, int qos, bool retain) {
    if (ended_) return *ended_;
    const std::size_t size = topic.size() + payload.size();
    if (unsent_ + size > options_.max_unsent_bytes)
        return Error{ErrorCode::too_many, "the MQTT connection has " + std::to_string(unsent_) + " unsent bytes",
                     "at most " + std::to_string(options_.max_unsent_bytes)};
    gone_at_once_ = false;
    const int code = mosquitto_publish(client_.get(), &publishing_, topic.c_str(), static_cast<int>(payload.size()),
                                       payload.data(), qos, retain);
    const int message_id = std::exchange(publishing_, 0);
    if (code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8)
        return Error{ErrorCode::malformed,
                     "'" + topic + "' is not an MQTT topic to publish to, or the QoS is not 0, 1 or 2"};
    if (code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_OVERSIZE_PACKET) return to_error("publish " + topic, code, 0);
    if (code == MOSQ_ERR_SUCCESS && !gone_at_once_) {
        in_flight_[message_id] = size;
        unsent_ += size;
    }
    after_call(code);
    if (ended_) return *ended_;
    return message_id;
}

std::size_t Connection::Session::unconfirmed_bytes() {
    int waiting = 0;
    if (!socket_.is_open() || ::ioctl(socket_.native_handle(), SIOCOUTQ, &waiting) != 0 || waiting < 0) return 0;
    return static_cast<std::size_t>(waiting);
}

Task<Result<void>> Connection::Session::wait_for_puback(int message_id) {
    while (in_flight_.contains(message_id) && !ended_) co_await wait_for_change();
    if (in_flight_.contains(message_id)) {
        Error ended = *ended_;
        co_return ended;
    }
    co_return Result<void>();
}

Task<Result<Message>> Connection::Session::receive() {
    while (received_.empty() && !ended_) co_await wait_for_change();
    if (received_.empty()) {
        Error ended = *ended_;
        co_return ended;
    }
    Message first = std::move(received_.front());
    received_.pop_front();
    waiting_bytes_ -= first.topic.size() + first.payload.size();
    arm_read();
    co_return std::move(first);
}

Task<Result<std::deque<Message>>> Connection::Session::receive_all() {
    while (received_.empty() && !ended_) co_await wait_for_change();
    if (received_.empty()) {
        Error ended = *ended_;
        co_return ended;
    }
    auto all = std::exchange(received_, {});
    waiting_bytes_ = 0;
    arm_read();
    co_return std::move(all);
}

void Connection::Session::send_disconnect() {
    if (!ended_) after_call(mosquitto_disconnect(client_.get()));
}

Task<bool> Connection::Session::wait_for_end() {
    while (!ended_) co_await wait_for_change();
    co_return true;
}

}  // namespace labhub::mqtt
