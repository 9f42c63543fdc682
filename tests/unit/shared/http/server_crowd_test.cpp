#include <sys/resource.h>

#include <atomic>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/shared/http/support.hpp"

namespace labhub::http {
namespace {

using test::output_of;
using test::RawClient;
using test::ServerThread;

TEST(ServerCrowd, KeepsAnsweringAmongTenThousandSilentConnections) {
    constexpr std::size_t kCrowd = 10'000;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < kCrowd + 3'000) {
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kCrowd + 3'000);
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < kCrowd + 3'000) GTEST_SKIP() << "only " << limit.rlim_cur << " open files are permitted here";
    ServerThread server(test::echo());
    std::vector<std::unique_ptr<RawClient>> crowd;
    for (std::size_t i = 0; i < kCrowd; ++i) {
        crowd.push_back(std::make_unique<RawClient>(server.port()));
        if (i % 1'000 == 0) {
            const auto answer = output_of("curl -s --max-time 10 " + server.url() + "/during");
            EXPECT_EQ(answer, "GET /during \n[0]");
        }
    }
    EXPECT_EQ(output_of("curl -s --max-time 10 " + server.url() + "/after"), "GET /after \n[0]");
    const auto counters = server.counters();
    EXPECT_LE(counters.open, ServerLimits{}.max_connections_per_listener);
    EXPECT_GE(counters.evicted, kCrowd - ServerLimits{}.max_connections_per_listener - 20);
    EXPECT_TRUE(crowd.front()->sees_close()) << "the longest silent goes first";
}

TEST(ServerCrowd, LeavesOtherListenersAlone) {
    ServerLimits limits;
    limits.max_connections = 20;
    limits.max_connections_per_listener = 15;
    ServerThread server(test::echo(), limits);
    std::uint16_t port = 0;
    server.on_loop([&](Server& s) { port = s.listen("127.0.0.1", 0, "job:1").value(); });
    RawClient job(port);
    job.send("GET /kept HTTP/1.1\r\n\r\n");
    job.read_until("GET /kept ");
    std::vector<std::unique_ptr<RawClient>> crowd;
    for (int i = 0; i < 100; ++i) crowd.push_back(std::make_unique<RawClient>(server.port()));
    ASSERT_TRUE(server.wait_until([](const auto& now) { return now.accepted == 101; }));
    job.send("GET /still HTTP/1.1\r\n\r\n");
    EXPECT_NE(job.read_until("GET /still ").find("200 OK"), std::string::npos);
    EXPECT_EQ(server.counters().open, 16u);
}

TEST(ServerCrowd, RefusesPolitelyWhenAllAreBusy) {
    ServerLimits limits;
    limits.max_connections = 3;
    ServerThread server(
        [](Request) -> Task<Response> {
            co_await sleep_for(std::chrono::hours{1});
            co_return text_response(200, "text/plain", "late");
        },
        limits);
    std::vector<std::unique_ptr<RawClient>> busy;
    for (int i = 0; i < 3; ++i) {
        busy.push_back(std::make_unique<RawClient>(server.port()));
        busy.back()->send("GET /wait HTTP/1.1\r\n\r\n");
    }
    ASSERT_TRUE(server.wait_until([](const auto& now) { return now.requests == 3; }));
    RawClient extra(server.port());
    EXPECT_TRUE(extra.read_all().starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(server.counters().refused, 1u);
    busy.pop_back();
    ASSERT_TRUE(server.wait_until([](const auto& now) { return now.open == 2; }));
    RawClient again(server.port());
    again.send("GET /wait HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(server.wait_until([](const auto& now) { return now.requests == 4; }));
}

TEST(ServerCrowd, GoesOnAfterDescriptorsRunOut) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the undefined-behaviour sanitizer opens a pipe for its checks, and takes having none for a fault";
#endif
    ServerThread server(test::echo());
    RawClient silent(server.port());
    ASSERT_TRUE(server.wait_until([](const auto& now) { return now.open == 1; }));
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const UniqueFd probe(::dup(0));
    rlimit tight = before;
    tight.rlim_cur = static_cast<rlim_t>(probe.get()) + 16;
    ::setrlimit(RLIMIT_NOFILE, &tight);
    std::vector<UniqueFd> filler;
    for (UniqueFd more(::dup(0)); more; more = UniqueFd(::dup(0))) filler.push_back(std::move(more));
    // One left: the client takes it, and accept(2) finds none.
    filler.pop_back();
    RawClient late(server.port());
    late.send("GET /late HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(late.read_until("GET /late ").find("200 OK") != std::string::npos) << "a silent one made room";
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(server.counters().evicted, 1u);
}

}  // namespace
}  // namespace labhub::http
