#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/files.hpp"
#include "shared/mqtt/session.hpp"

namespace labhub::mqtt {
namespace {

constexpr std::chrono::seconds kShortestKeepalive{5};  // libmosquitto refuses less

Result<void> check(std::string_view what, int code) {
    if (code == MOSQ_ERR_SUCCESS) return {};
    return Error{ErrorCode::malformed, "MQTT " + std::string(what) + ": " + mosquitto_strerror(code)};
}

const char* text_or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

Result<void> set_tls(mosquitto* client, const TlsFiles& files) {
    const std::string authority = files.authority.string(), certificate = files.certificate.string(),
                      key = files.key.string();
    return check("TLS files", mosquitto_tls_set(client, text_or_null(authority), nullptr, text_or_null(certificate),
                                                text_or_null(key), nullptr));
}

Result<void> set_will(mosquitto* client, const Will& will) {
    return check("Will", mosquitto_will_set(client, will.topic.c_str(), static_cast<int>(will.payload.size()),
                                            will.payload.data(), will.qos, will.retain));
}

/// One blocking connect, shared by the thread that makes it and the task that waits for it. Whoever leaves last frees
/// it, so that a task that has given up leaves the thread nothing dangling.
struct Attempt {
    Client client;
    std::string host;
    int port = 0, keepalive = 0;
    UniqueFd finished;  // eventfd: readable once the thread is done
    std::atomic<bool> is_done{
        false};  // orders what the thread wrote before what the task reads; an eventfd alone doesn't
    int code = MOSQ_ERR_UNKNOWN, error_number = 0;
};

void make_attempt(const std::shared_ptr<Attempt>& attempt) {
    attempt->code = mosquitto_connect(attempt->client.get(), attempt->host.c_str(), attempt->port, attempt->keepalive);
    attempt->error_number = errno;
    attempt->is_done.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // Can't fail: the counter of a fresh eventfd has room for it.
    [[maybe_unused]] const auto written = ::write(attempt->finished.get(), &one, sizeof one);
}

}  // namespace

Error to_error(std::string_view doing, int code, int error_number) {
    const std::string prefix = std::string(doing) + ": ";
    switch (code) {
        case MOSQ_ERR_ERRNO: return Error{ErrorCode::unavailable, prefix + std::strerror(error_number)};
        case MOSQ_ERR_EAI: return Error{ErrorCode::unavailable, prefix + "the host name can't be resolved"};
        case MOSQ_ERR_KEEPALIVE: return Error{ErrorCode::unavailable, prefix + "the broker does not answer any more"};
        case MOSQ_ERR_TLS:
            return Error{ErrorCode::unauthenticated, prefix + "TLS failed",
                         "check the CA file, the broker's name and its dates"};
        case MOSQ_ERR_PROTOCOL:
        case MOSQ_ERR_MALFORMED_PACKET:
        case MOSQ_ERR_MALFORMED_UTF8: return Error{ErrorCode::corrupt, prefix + "the peer does not speak MQTT"};
        case MOSQ_ERR_INVAL: return Error{ErrorCode::malformed, prefix + "an argument is invalid"};
        case MOSQ_ERR_PAYLOAD_SIZE:
        case MOSQ_ERR_OVERSIZE_PACKET: return Error{ErrorCode::too_large, prefix + "the message is too large"};
        default: return Error{ErrorCode::unavailable, prefix + mosquitto_strerror(code)};
    }
}

Result<Client> make_client(const ConnectOptions& options) {
    static const int library = mosquitto_lib_init();  // once a process; thread-safe as a static
    if (library != MOSQ_ERR_SUCCESS) return Error{ErrorCode::internal, "libmosquitto does not start"};
    if (options.keepalive < kShortestKeepalive)
        return Error{ErrorCode::out_of_range, "MQTT keepalive is too short", "at least 5 seconds"};
    Client client{mosquitto_new(text_or_null(options.client_id), true, nullptr)};
    if (!client) return Error{ErrorCode::malformed, "MQTT client id '" + options.client_id + "' is not valid"};
    LABHUB_CHECK(
        check("protocol version", mosquitto_int_option(client.get(), MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311)));
    LABHUB_CHECK(check("no-delay", mosquitto_int_option(client.get(), MOSQ_OPT_TCP_NODELAY, 1)));
    if (!options.username.empty())
        LABHUB_CHECK(check("user name", mosquitto_username_pw_set(client.get(), options.username.c_str(),
                                                                  text_or_null(options.password))));
    if (options.tls) LABHUB_CHECK(set_tls(client.get(), *options.tls));
    if (options.will) LABHUB_CHECK(set_will(client.get(), *options.will));
    return client;
}

Task<Result<Client>> dial(Client client, ConnectOptions options) {
    const std::string doing = "connect to MQTT broker " + options.host + ":" + std::to_string(options.port);
    auto attempt = std::make_shared<Attempt>();
    attempt->client = std::move(client);
    attempt->host = options.host;
    attempt->port = options.port;
    attempt->keepalive = static_cast<int>(options.keepalive.count());
    attempt->finished = UniqueFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!attempt->finished) {
        Error failed = system_error(doing, errno);
        co_return failed;
    }
    const auto executor = co_await asio::this_coro::executor;
    asio::posix::stream_descriptor finished(executor, ::dup(attempt->finished.get()));
    // Detached, as nothing can interrupt getaddrinfo and connect; the attempt is all it holds.
    std::thread([attempt] { make_attempt(attempt); }).detach();
    auto waiting = finished.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    const auto woken = co_await within(options.timeout, std::move(waiting));
    if (!woken || !attempt->is_done.load(std::memory_order_acquire)) {
        Error late{ErrorCode::timed_out, doing + ": no connection within " + format_duration(options.timeout)};
        co_return late;
    }
    if (attempt->code != MOSQ_ERR_SUCCESS) {
        Error failed = to_error(doing, attempt->code, attempt->error_number);
        co_return failed;
    }
    co_return std::move(attempt->client);
}

}  // namespace labhub::mqtt
