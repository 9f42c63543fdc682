// Where messages are taken past the library: only after the broker has let us in, without the library thinking that
// nothing comes, without TLS, and never more than there is room for.
#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include <cstdlib>
#include <filesystem>

#include "shared/base/clock.hpp"
#include "shared/mqtt/connection.hpp"
#include "tests/support/mosquitto/private_broker.hpp"

namespace labhub::mqtt {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using asio::ip::tcp;

constexpr auto kTestLimit = 30s;
const std::string kWelcome = "\x20\x02\x00\x00"s;

ConnectOptions to(std::uint16_t port) {
    ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.keepalive = 5s;
    return options;
}

/// A QoS 0 message on topic "t" of up to 2 MB.
std::string packet(const std::string& payload) {
    const std::size_t length = payload.size() + 3;
    std::string bytes = "\x30"s;
    bytes += static_cast<char>(length % 128 + 128);
    bytes += static_cast<char>(length / 128 % 128 + 128);
    bytes += static_cast<char>(length / 16'384);
    return bytes + "\x00\x01t"s + payload;
}

/// Runs the body, with a server that `serve` makes of the acceptor beside it, until the body ends.
Task<void> both(tcp::acceptor acceptor, Task<void> (*serve)(tcp::acceptor*), Task<void> (*body)(std::uint16_t)) {
    using namespace asio::experimental::awaitable_operators;
    auto serving = serve(&acceptor);
    auto doing = body(acceptor.local_endpoint().port());
    co_await (std::move(doing) || std::move(serving));
}

void run(Task<void> (*serve)(tcp::acceptor*), Task<void> (*body)(std::uint16_t)) {
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    bool ended = false;
    asio::co_spawn(io, both(std::move(acceptor), serve, body), [&](std::exception_ptr failure) {
        ended = true;
        if (failure) std::rethrow_exception(failure);
    });
    io.run_for(kTestLimit);
    EXPECT_TRUE(ended);
}

Task<void> speak_before_the_welcome(tcp::acceptor* acceptor) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    const std::string words = packet("too early") + kWelcome;
    co_await asio::async_write(socket, asio::buffer(words), as_result);
    co_await sleep_for(1h);
}

Task<void> expect_refusal(std::uint16_t port) {
    auto connecting = Connection::connect(to(port));
    const auto connection = co_await std::move(connecting);
    EXPECT_FALSE(connection);
    if (connection) co_return;
    EXPECT_EQ(connection.error().code, ErrorCode::corrupt) << connection.error().to_string();
}

TEST(PassingTheLibraryBy, TakesNothingBeforeTheBrokerHasLetUsIn) { run(speak_before_the_welcome, expect_refusal); }

std::string heard_by_the_talker;

Task<void> talk(tcp::socket* socket) {
    const std::string word = packet("word");
    while (true) {
        co_await asio::async_write(*socket, asio::buffer(word), as_result);
        co_await sleep_for(20ms);
    }
}

Task<void> listen(tcp::socket* socket) {
    co_await asio::async_read_until(*socket, asio::dynamic_buffer(heard_by_the_talker), "the last", as_result);
    co_await sleep_for(1h);
}

Task<void> talk_all_the_time(tcp::acceptor* acceptor) {
    using namespace asio::experimental::awaitable_operators;
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(kWelcome), as_result);
    auto talking = talk(&socket);
    auto listening = listen(&socket);
    co_await (std::move(talking) || std::move(listening));
}

Task<void> hear_for_longer_than_the_keepalive(std::uint16_t port) {
    auto connecting = Connection::connect(to(port));
    auto connection = co_await std::move(connecting);
    if (!connection) ADD_FAILURE() << connection.error().to_string();
    if (!connection) co_return;
    const auto begun = Steady::now();
    auto spoken = begun;
    while (Steady::now() - begun < 6'500ms) {
        const auto message = co_await (*connection)->receive();
        EXPECT_TRUE(message);
        if (!message) co_return;
        if (Steady::now() - spoken < 300ms) continue;
        spoken = Steady::now();
        EXPECT_TRUE((*connection)->publish("t", "so we are alive"));
    }
    EXPECT_TRUE((*connection)->publish("t", "x"));
    EXPECT_EQ(heard_by_the_talker.find("\xC0\x00"s), std::string::npos) << "a broker that talks was pinged";
}

TEST(PassingTheLibraryBy, LetsTheLibraryKnowThatTheBrokerIsAlive) {
    heard_by_the_talker.clear();
    run(talk_all_the_time, hear_for_longer_than_the_keepalive);
}

constexpr int kLarge = 60;

Task<void> send_large_messages(tcp::acceptor* acceptor) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(kWelcome), as_result);
    for (int i = 0; i < kLarge; ++i) {
        const std::string large = packet(std::string(i % 2 == 0 ? 30'000 : 100'000, 'x'));
        co_await asio::async_write(socket, asio::buffer(large), as_result);
    }
    co_await sleep_for(1h);
}

Task<void> take_them_slowly(std::uint16_t port) {
    ConnectOptions options = to(port);
    options.max_waiting_bytes = 200'000;
    auto connecting = Connection::connect(std::move(options));
    auto connection = co_await std::move(connecting);
    if (!connection) ADD_FAILURE() << connection.error().to_string();
    if (!connection) co_return;
    for (int i = 0; i < kLarge; ++i) {
        while ((*connection)->reading_pauses() == 0) co_await sleep_for(1ms);
        EXPECT_LE((*connection)->waiting_bytes(), 200'000u + 100'001u);
        const auto message = co_await (*connection)->receive();
        EXPECT_TRUE(message);
        if (!message) co_return;
        EXPECT_EQ(message->payload.size(), i % 2 == 0 ? 30'000u : 100'000u);
    }
    EXPECT_EQ((*connection)->waiting_bytes(), 0u);
}

TEST(Connection, StopsReadingWhereTooManyBytesWait) { run(send_large_messages, take_them_slowly); }

/// A certificate for 127.0.0.1 that is its own authority.
struct Certificate {
    std::filesystem::path folder;
    bool is_made = false;

    Certificate() {
        std::string pattern = (std::filesystem::temp_directory_path() / "labhub-tls-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        const std::string command =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 "
            "-addext subjectAltName=IP:127.0.0.1 -keyout " +
            key().string() + " -out " + file().string() + " 2>/dev/null";
        is_made = std::system(command.c_str()) == 0;
    }
    ~Certificate() { std::filesystem::remove_all(folder); }
    std::filesystem::path file() const { return folder / "certificate.pem"; }
    std::filesystem::path key() const { return folder / "key.pem"; }
};

Task<void> burst(ConnectOptions options) {
    auto connecting = Connection::connect(std::move(options));
    auto connection = co_await std::move(connecting);
    if (!connection) ADD_FAILURE() << connection.error().to_string();
    if (!connection) co_return;
    std::vector<Subscription> filters(1);
    filters[0].filter = "t", filters[0].qos = 1;
    auto subscribing = (*connection)->subscribe(std::move(filters));
    const auto subscribed = co_await std::move(subscribing);
    EXPECT_TRUE(subscribed);
    for (int i = 0; i < 500; ++i) EXPECT_TRUE((*connection)->publish("t", std::to_string(i)));
    for (int i = 0; i < 500; ++i) {
        const auto message = co_await (*connection)->receive();
        EXPECT_TRUE(message);
        if (!message) co_return;
        EXPECT_EQ(message->payload, std::to_string(i));
    }
}

TEST(Connection, TakesABurstOverTls) {
    const Certificate certificate;
    if (!certificate.is_made) GTEST_SKIP() << "openssl is not there to make a certificate";
    test::PrivateBroker broker("certfile " + certificate.file().string() + "\nkeyfile " + certificate.key().string() +
                               "\n");
    ConnectOptions options = to(broker.port());
    options.tls = TlsFiles{certificate.file(), {}, {}};
    asio::io_context io;
    bool ended = false;
    asio::co_spawn(io, burst(std::move(options)), [&](std::exception_ptr failure) {
        ended = true;
        if (failure) std::rethrow_exception(failure);
    });
    io.run_for(kTestLimit);
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace labhub::mqtt
