#include <sys/socket.h>

#include <atomic>

#include <gtest/gtest.h>

#include "shared/base/json.hpp"
#include "tests/unit/shared/http/support.hpp"

namespace labhub::http {
namespace {

using test::RawClient;
using test::ServerThread;

ServerLimits impatient() {
    ServerLimits limits;
    limits.header_time = std::chrono::milliseconds{150};
    limits.body_time = std::chrono::milliseconds{150};
    limits.idle_time = std::chrono::milliseconds{150};
    limits.write_time = std::chrono::milliseconds{150};
    limits.body_bytes = 1000;
    limits.header_bytes = 2000;
    return limits;
}

/// The status of a response whose body has the hub's error shape, and its code: "400 malformed".
std::string refusal_in(const std::string& response) {
    if (!response.starts_with("HTTP/1.1 ")) return "no response: " + response;
    const auto body = response.substr(response.find("\r\n\r\n") + 4);
    const auto json = parse_json(body);
    if (!json || !json->as_object().contains("error")) return "no error in: " + body;
    return response.substr(9, 3) + " " + std::string(json->at("error").at("code").as_string());
}

TEST(ServerFaults, RefusesWhatIsNotHttp) {
    ServerThread server(test::echo(), impatient());
    for (const std::string nonsense :
         {"hello there\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01 tls\r\n\r\n",
          "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET example HTTP/1.1\r\n\r\n", "GET /%zz HTTP/1.1\r\n\r\n",
          "GET /%ff HTTP/1.1\r\n\r\n", "GET /a%00b HTTP/1.1\r\n\r\n", "GET /?a=%g HTTP/1.1\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
        RawClient client(server.port());
        client.send(nonsense);
        EXPECT_EQ(refusal_in(client.read_all()), "400 malformed") << nonsense;
    }
    EXPECT_EQ(server.counters().requests, 0u);
    EXPECT_EQ(server.counters().rejected, 11u);
}

TEST(ServerFaults, RefusesAHeaderThatIsTooLong) {
    ServerThread server(test::echo(), impatient());
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nX-Long: " + std::string(100'000, 'x') + "\r\n\r\n");
    EXPECT_EQ(refusal_in(client.read_all()), "431 too_large");
}

TEST(ServerFaults, RefusesATooLongBodyBeforeReadingIt) {
    auto limits = impatient();
    limits.body_time = std::chrono::hours{1};
    ServerThread server(test::echo(), limits);
    RawClient client(server.port());
    client.send("POST / HTTP/1.1\r\nContent-Length: 10000000000\r\n\r\n");
    EXPECT_EQ(refusal_in(client.read_all()), "413 too_large");
}

TEST(ServerFaults, RefusesAChunkedBodyThatNeverEnds) {
    ServerThread server(test::echo(), impatient());
    RawClient client(server.port());
    client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; ++i) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
    EXPECT_EQ(refusal_in(client.read_all()), "413 too_large");
}

TEST(ServerFaults, ClosesASilentConnection) {
    ServerThread server(test::echo(), impatient());
    RawClient client(server.port());
    EXPECT_TRUE(client.sees_close());
}

TEST(ServerFaults, ClosesAHeaderThatTrickles) {
    ServerThread server(test::echo(), impatient());
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\n");
    std::string got;
    for (int i = 0; i < 200 && got.empty(); ++i) {
        client.send("X-" + std::to_string(i) + ": 1\r\n");
        char chunk[4096];
        timeval little{0, 20'000};
        ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &little, sizeof little);
        const ssize_t count = ::recv(client.fd(), chunk, sizeof chunk, 0);
        if (count > 0) got.assign(chunk, static_cast<std::size_t>(count));
    }
    EXPECT_EQ(refusal_in(got), "408 timed_out");
}

TEST(ServerFaults, ClosesABodyThatTrickles) {
    ServerThread server(test::echo(), impatient());
    RawClient client(server.port());
    client.send("POST / HTTP/1.1\r\nContent-Length: 500\r\n\r\nonly this");
    EXPECT_EQ(refusal_in(client.read_all()), "408 timed_out");
}

TEST(ServerFaults, ClosesAKeptConnectionThatStaysIdle) {
    ServerThread server(test::echo(), impatient());
    RawClient client(server.port());
    client.send("GET /a HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(client.read_all().ends_with("GET /a ")) << "answered, then closed without a word";
}

TEST(ServerFaults, GivesUpOnAClientThatDoesNotRead) {
    ServerThread server(
        [](Request) -> Task<Response> {
            std::string large(50'000'000, 'x');
            co_return text_response(200, "text/plain", std::move(large));
        },
        impatient());
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(server.wait_until([](const auto& now) { return now.requests == 1 && now.open == 0; }));
}

TEST(ServerFaults, AnswersAFailedHandlerWith500AndGoesOn) {
    ServerThread server([](Request request) -> Task<Response> {
        if (request.path == "/bad") throw std::runtime_error("secret detail");
        co_return text_response(200, "text/plain", "fine");
    });
    RawClient client(server.port());
    client.send("GET /bad HTTP/1.1\r\n\r\nGET /good HTTP/1.1\r\nConnection: close\r\n\r\n");
    const auto all = client.read_all();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 500 ")) << all;
    EXPECT_EQ(all.find("secret"), std::string::npos) << "what failed is for the log";
    EXPECT_TRUE(all.ends_with("fine"));
    EXPECT_EQ(server.counters().failed, 1u);
}

struct Watched {
    std::atomic<int> entered{0}, cancelled{0}, finished{0};
};

/// Waits long, and counts how it ended.
Server::Handler long_poll(std::shared_ptr<Watched> watched, std::chrono::milliseconds time) {
    return [watched, time](Request) -> Task<Response> {
        struct Count {
            Watched& watched;
            bool done = false;
            ~Count() { ++(done ? watched.finished : watched.cancelled); }
        } count{*watched};
        ++watched->entered;
        co_await sleep_for(time);
        co_await asio::post(asio::use_awaitable);
        count.done = true;
        co_return text_response(200, "text/plain", "late");
    };
}

TEST(ServerFaults, CancelsALongPollWhoseClientLeft) {
    auto watched = std::make_shared<Watched>();
    ServerThread server(long_poll(watched, std::chrono::hours{1}));
    RawClient client(server.port());
    client.send("GET /wait HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(server.wait_until([&](const auto&) { return watched->entered == 1; }));
    client.close();
    EXPECT_TRUE(server.wait_until([&](const auto& now) { return watched->cancelled == 1 && now.open == 0; }));
    EXPECT_EQ(server.counters().abandoned, 1u);
}

TEST(ServerFaults, FinishesAChangeWhoseClientLeft) {
    auto watched = std::make_shared<Watched>();
    ServerThread server(long_poll(watched, std::chrono::milliseconds{50}));
    RawClient client(server.port());
    client.send("POST /change HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(server.wait_until([&](const auto&) { return watched->entered == 1; }));
    client.close();
    EXPECT_TRUE(server.wait_until([&](const auto& now) { return watched->finished == 1 && now.open == 0; }));
    EXPECT_EQ(watched->cancelled, 0);
}

TEST(ServerFaults, CancelsAHandlerWhoseListenerIsClosed) {
    auto watched = std::make_shared<Watched>();
    ServerThread server(long_poll(watched, std::chrono::hours{1}));
    RawClient client(server.port());
    client.send("GET /wait HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(server.wait_until([&](const auto&) { return watched->entered == 1; }));
    server.on_loop([](Server& s) { s.close_listener("public"); });
    EXPECT_TRUE(server.wait_until([&](const auto&) { return watched->cancelled == 1; }));
}

TEST(ServerFaults, EndsAStreamWhoseClientLeft) {
    auto asked = std::make_shared<std::atomic<int>>(0);
    ServerThread server([asked](Request) -> Task<Response> {
        Response response;
        auto next = [asked]() -> Task<Result<std::string>> {
            if (++*asked == 2) co_await sleep_for(std::chrono::hours{1});
            co_return Result<std::string>(std::string("tick\n"));
        };
        response.body = StreamBody{next};
        co_return response;
    });
    RawClient client(server.port());
    client.send("GET /stream HTTP/1.1\r\n\r\n");
    client.read_until("tick\n");
    client.close();
    EXPECT_TRUE(server.wait_until([](const auto& now) { return now.open == 0; }));
    EXPECT_EQ(*asked, 2);
}

}  // namespace
}  // namespace labhub::http
