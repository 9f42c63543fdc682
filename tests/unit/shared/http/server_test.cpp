#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"
#include "tests/unit/shared/http/support.hpp"

namespace labhub::http {
namespace {

using test::output_of;
using test::RawClient;
using test::ServerThread;

Task<Response> show_request(Request request) {
    std::string text = request.method + "|" + request.target + "|" + request.path + "|" + request.listener;
    for (const auto& [key, value] : request.query) text += "|" + key + "=" + value;
    text += "|" + std::string(request.header("x-test").value_or("none")) + "|" + request.body;
    co_return text_response(200, "text/plain", std::move(text));
}

TEST(Server, HandsOverTheDecodedRequest) {
    ServerThread server(show_request);
    const auto shown =
        output_of("curl -s -X PATCH -H 'X-Test: yes' -d hello '" + server.url() + "/nodes/a%20b?since=1%2B1&all'");
    EXPECT_EQ(shown, "PATCH|/nodes/a%20b?since=1%2B1&all|/nodes/a b|public|since=1+1|all=|yes|hello\n[0]");
}

TEST(Server, AnswersSeveralRequestsOnOneConnection) {
    ServerThread server(test::echo());
    const auto url = server.url();
    EXPECT_EQ(output_of("curl -s " + url + "/a " + url + "/b " + url + "/c"), "GET /a GET /b GET /c \n[0]");
    EXPECT_EQ(server.counters().accepted, 1u);
    EXPECT_EQ(server.counters().requests, 3u);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    ServerThread server(test::echo());
    RawClient client(server.port());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
        "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const auto all = client.read_all();
    const auto first = all.find("GET /1 "), second = all.find("POST /2 hi"), third = all.find("GET /3 ");
    EXPECT_LT(first, second);
    EXPECT_LT(second, third);
    EXPECT_NE(third, std::string::npos) << all;
}

TEST(Server, SendsTheHeaderOnlyForHead) {
    ServerThread server(test::echo());
    const auto shown = output_of("curl -sI " + server.url() + "/abc");
    EXPECT_NE(shown.find("Content-Length: 10"), std::string::npos) << shown;
    EXPECT_NE(shown.find("[0]"), std::string::npos);
    RawClient client(server.port());
    client.send("HEAD /abc HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.read_all().ends_with("\r\n\r\n"));
}

TEST(Server, ClosesAfterAnHttp10Request) {
    ServerThread server(test::echo());
    RawClient client(server.port());
    client.send("GET /old HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(client.read_all().ends_with("GET /old "));
}

TEST(Server, LetsALargeUploadGoOnAfterExpectContinue) {
    ServerThread server(test::echo());
    const auto shown =
        output_of("head -c 1500000 /dev/zero | tr '\\0' x | curl -s -H 'Expect: 100-continue' --data-binary @- " +
                  server.url() + "/up | wc -c");
    EXPECT_EQ(shown, "1500009\n\n[0]");
}

TEST(Server, TakesAChunkedBody) {
    ServerThread server(test::echo());
    EXPECT_EQ(output_of("curl -s -H 'Transfer-Encoding: chunked' -d some " + server.url() + "/up"),
              "POST /up some\n[0]");
}

std::filesystem::path temporary_file(std::size_t bytes) {
    const auto path = std::filesystem::temp_directory_path() / ("labhub-http-" + random_hex(6));
    std::ofstream(path) << std::string(bytes, 'z');
    return path;
}

TEST(Server, SendsAFileAndRemovesItAfterwards) {
    const auto path = temporary_file(3'000'001);
    auto send_file = [path](Request) -> Task<Response> {
        Response response;
        response.body = FileBody{path, true};
        co_return response;
    };
    {
        ServerThread server(send_file);
        EXPECT_EQ(output_of("curl -s " + server.url() + "/file | wc -c"), "3000001\n\n[0]");
        EXPECT_TRUE(server.wait_until([&](const auto&) { return !std::filesystem::exists(path); }));
        const auto again = output_of("curl -s " + server.url() + "/file");
        EXPECT_NE(again.find("\"not_found\""), std::string::npos) << again;
    }
}

TEST(Server, TellsWhenAFileWasSentToItsEnd) {
    const auto path = temporary_file(30'000'000);
    auto sent = std::make_shared<std::atomic<int>>(0);
    auto send_file = [path, sent](Request) -> Task<Response> {
        Response response;
        response.body = FileBody{path, false, [sent] { ++*sent; }};
        co_return response;
    };
    {
        ServerThread server(send_file);
        EXPECT_EQ(output_of("curl -s -I -o /dev/null " + server.url() + "/file"), "\n[0]");
        (void)output_of("curl -s " + server.url() + "/file | head -c 1000 > /dev/null");
        EXPECT_EQ(sent->load(), 0) << "a part of it was taken for all";
        EXPECT_EQ(output_of("curl -s " + server.url() + "/file | wc -c"), "30000000\n\n[0]");
        EXPECT_TRUE(server.wait_until([&](const auto&) { return sent->load() == 1; }));
    }
    std::filesystem::remove(path);
}

StreamBody counting_to(int last, bool fail_then) {
    auto count = std::make_shared<int>(0);
    auto next = [count, last, fail_then]() -> Task<Result<std::string>> {
        if (++*count <= last) co_return Result<std::string>("line " + std::to_string(*count) + "\n");
        Error broken{ErrorCode::unavailable, "source went away"};
        if (fail_then) co_return broken;
        co_return Result<std::string>(std::string());
    };
    return StreamBody{next};
}

TEST(Server, SendsAStreamPieceByPiece) {
    ServerThread server([](Request) -> Task<Response> {
        Response response;
        response.body = counting_to(3, false);
        co_return response;
    });
    const auto url = server.url();
    EXPECT_EQ(output_of("curl -s " + url + "/s " + url + "/s"),
              "line 1\nline 2\nline 3\nline 1\nline 2\nline 3\n\n[0]");
    EXPECT_EQ(output_of("curl -s --http1.0 " + url + "/s"), "line 1\nline 2\nline 3\n\n[0]");
    EXPECT_EQ(server.counters().accepted, 2u) << "a stream that ended leaves its connection usable";
}

TEST(Server, CutsABrokenStreamOffSoThatTheClientSees) {
    ServerThread server([](Request) -> Task<Response> {
        Response response;
        response.body = counting_to(2, true);
        co_return response;
    });
    EXPECT_EQ(output_of("curl -s " + server.url() + "/s"), "line 1\nline 2\n\n[18]") << "18: partial file";
}

TEST(Server, KeepsAHeaderFromBreakingTheFraming) {
    ServerThread server([](Request) -> Task<Response> {
        Response response = text_response(200, "text/plain", "ok");
        response.headers.emplace_back("X-Name", "a\r\nX-Injected: 1");
        response.headers.emplace_back("Content-Length", "99");
        co_return response;
    });
    const auto shown = output_of("curl -si " + server.url());
    EXPECT_EQ(shown.find("X-Injected"), std::string::npos) << shown;
    EXPECT_NE(shown.find("Content-Length: 2"), std::string::npos);
}

TEST(Server, ListensOnSeveralAddressesAndKnowsWhichWasUsed) {
    ServerThread server(show_request);
    std::uint16_t port = 0;
    server.on_loop([&](Server& s) { port = s.listen("127.0.0.1", 0, "job:7").value(); });
    EXPECT_NE(output_of("curl -s http://127.0.0.1:" + std::to_string(port)).find("|job:7|"), std::string::npos);
    server.on_loop([&](Server& s) {
        EXPECT_EQ(s.listen("127.0.0.1", port, "x").error().code, ErrorCode::conflict);
        EXPECT_EQ(s.listen("localhost", 0, "x").error().code, ErrorCode::malformed);
    });
}

TEST(Server, ClosesAListenerWithItsConnectionsOnly) {
    ServerThread server(test::echo());
    std::uint16_t port = 0;
    server.on_loop([&](Server& s) { port = s.listen("127.0.0.1", 0, "job:7").value(); });
    RawClient job(port), other(server.port());
    job.send("GET /a HTTP/1.1\r\n\r\n");
    other.send("GET /a HTTP/1.1\r\n\r\n");
    job.read_until("GET /a ");
    other.read_until("GET /a ");
    server.on_loop([](Server& s) { s.close_listener("job:7"); });
    EXPECT_TRUE(job.sees_close());
    EXPECT_EQ(output_of("curl -s http://127.0.0.1:" + std::to_string(port)), "\n[7]") << "7: connection refused";
    other.send("GET /b HTTP/1.1\r\n\r\n");
    EXPECT_NE(other.read_until("GET /b ").find("200 OK"), std::string::npos);
}

int listening_socket(std::uint16_t* port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd, 16) != 0) return -1;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    *port = ntohs(address.sin_port);
    return fd;
}

TEST(Server, AdoptsOnlyListeningSockets) {
    ServerThread server(show_request);
    std::uint16_t port = 0;
    UniqueFd listening(listening_socket(&port)), plain(::socket(AF_INET, SOCK_STREAM, 0)),
        local(::socket(AF_UNIX, SOCK_STREAM, 0));
    server.on_loop([&](Server& s) {
        EXPECT_TRUE(s.adopt(std::move(listening), "job:9"));
        EXPECT_EQ(s.adopt(std::move(plain), "x").error().code, ErrorCode::malformed);
        EXPECT_EQ(s.adopt(std::move(local), "x").error().code, ErrorCode::malformed);
    });
    EXPECT_NE(output_of("curl -s http://127.0.0.1:" + std::to_string(port)).find("|job:9|"), std::string::npos);
}

/// In a network namespace of its own: makes a listening socket, hands it over, then talks to it. Exits 0 when answered.
[[noreturn]] void live_in_another_namespace(int channel) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(77);
    if (std::system("ip link set lo up 2>/dev/null") != 0) ::_exit(78);
    std::uint16_t port = 0;
    const int listening = listening_socket(&port);
    char control[CMSG_SPACE(sizeof(int))] = {};
    char byte = 'x';
    iovec io{&byte, 1};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::copy_n(reinterpret_cast<const char*>(&listening), sizeof listening,
                reinterpret_cast<char*>(CMSG_DATA(header)));
    ::sendmsg(channel, &message, 0);
    ::close(listening);
    const auto answer = output_of("curl -s --max-time 10 http://127.0.0.1:" + std::to_string(port) + "/inside");
    ::_exit(answer.find("|job:ns|") != std::string::npos ? 0 : 1);
}

UniqueFd receive_descriptor(int channel) {
    char control[CMSG_SPACE(sizeof(int))] = {};
    char byte = 0;
    iovec io{&byte, 1};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(channel, &message, 0) <= 0 || !CMSG_FIRSTHDR(&message)) return {};
    int fd = -1;
    std::copy_n(reinterpret_cast<const char*>(CMSG_DATA(CMSG_FIRSTHDR(&message))), sizeof fd,
                reinterpret_cast<char*>(&fd));
    return UniqueFd(fd);
}

TEST(Server, AnswersASocketBornInAnotherNetworkNamespace) {
    if (::geteuid() != 0) GTEST_SKIP() << "a new network namespace needs root";
    int channel[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
    const pid_t child = ::fork();
    if (child == 0) live_in_another_namespace(channel[1]);
    ::close(channel[1]);
    auto socket = receive_descriptor(channel[0]);
    int status = 0;
    if (socket) {
        ServerThread server(show_request);
        server.on_loop([&](Server& s) { EXPECT_TRUE(s.adopt(std::move(socket), "job:ns")); });
        ::waitpid(child, &status, 0);
    } else {
        ::waitpid(child, &status, 0);
    }
    ::close(channel[0]);
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "unshare(CLONE_NEWNET) is not permitted here";
    if (WEXITSTATUS(status) == 78) GTEST_SKIP() << "the program ip is missing";
    EXPECT_EQ(status, 0);
}

TEST(Server, LetsARequestInProgressEndWhenItStops) {
    auto entered = std::make_shared<std::atomic<bool>>(false);
    ServerThread server([entered](Request) -> Task<Response> {
        *entered = true;
        co_await sleep_for(std::chrono::milliseconds{100});
        co_return text_response(200, "text/plain", "finished");
    });
    RawClient silent(server.port()), busy(server.port());
    busy.send("POST /work HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(server.wait_until([&](const auto& now) { return *entered && now.open == 2; }));
    server.stop();
    EXPECT_TRUE(busy.read_all().ends_with("finished"));
    EXPECT_TRUE(silent.sees_close());
    EXPECT_EQ(server.counters().open, 0u);
}

TEST(Server, CutsOffWhatDoesNotEndWhenItStops) {
    ServerLimits limits;
    limits.stop_grace = std::chrono::milliseconds{50};
    ServerThread server(
        [](Request) -> Task<Response> {
            co_await sleep_for(std::chrono::hours{1});
            co_return text_response(200, "text/plain", "never");
        },
        limits);
    RawClient client(server.port());
    client.send("POST /work HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(server.wait_until([](const auto& now) { return now.requests == 1; }));
    server.stop();
    EXPECT_EQ(client.read_all(), "");
}

}  // namespace
}  // namespace labhub::http
