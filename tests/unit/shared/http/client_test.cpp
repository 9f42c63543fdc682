#include "shared/http/client.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"
#include "tests/unit/shared/http/support.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::http {
namespace {

using labhub::test::run_task;
using test::ServerThread;

Task<Response> show(Request request) {
    if (request.path == "/slow") co_await sleep_for(std::chrono::hours{1});
    if (request.path == "/missing") {
        const Error error{ErrorCode::not_found, "no such node", "there are: a, b"};
        co_return error_response(error);
    }
    std::string text = request.method + "|" + request.target + "|" +
                       std::string(request.header("authorization").value_or("-")) + "|" +
                       std::string(request.header("content-type").value_or("-")) + "|" + request.body;
    co_return text_response(200, "text/plain", std::move(text));
}

class ClientTest : public ::testing::Test {
  protected:
    ClientTest() : server(show), client(std::move(*Client::make(io.get_executor(), server.url()))) {}

    Result<ClientResponse> get(std::string target, std::chrono::milliseconds timeout = std::chrono::seconds{10}) {
        ClientRequest request;
        request.target = std::move(target);
        request.timeout = timeout;
        return run_task(io, client.send(std::move(request)));
    }

    asio::io_context io;
    ServerThread server;
    Client client;
};

TEST_F(ClientTest, SendsAllOfTheRequest) {
    client.set_bearer_token("t0ken");
    ClientRequest request;
    request.method = "POST";
    request.target = "/experiments?queue=1";
    request.body = "{}";
    request.content_type = "application/json";
    const auto response = run_task(io, client.send(std::move(request)));
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->header("content-type"), "text/plain");
    EXPECT_EQ(response->body, "POST|/experiments?queue=1|Bearer t0ken|application/json|{}");
}

TEST_F(ClientTest, UsesItsConnectionAgain) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(get("/a"));
    EXPECT_EQ(server.counters().accepted, 1u);
}

TEST_F(ClientTest, MakesANewConnectionWhenTheServerClosedTheOld) {
    ASSERT_TRUE(get("/a"));
    std::uint16_t port = server.port();
    server.on_loop([port](Server& s) {
        s.close_listener("public");
        EXPECT_TRUE(s.listen("127.0.0.1", port, "public"));
    });
    EXPECT_TRUE(get("/b"));
}

TEST_F(ClientTest, TurnsAnErrorResponseIntoTheHubsError) {
    const auto response = get("/missing");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 404);
    const auto error = error_of(*response);
    EXPECT_EQ(error.code, ErrorCode::not_found);
    EXPECT_EQ(error.message, "no such node");
    EXPECT_EQ(error.detail, "there are: a, b");
}

TEST(ErrorOf, MakesSenseOfStrangersResponses) {
    ClientResponse response;
    response.status = 503;
    response.body = "<h1>Bad gateway</h1>";
    EXPECT_EQ(error_of(response).code, ErrorCode::unavailable);
    EXPECT_EQ(error_of(response).detail, "<h1>Bad gateway</h1>");
    response.body = R"({"error":"no object"})";
    EXPECT_EQ(error_of(response).code, ErrorCode::unavailable);
}

TEST_F(ClientTest, GivesUpAtItsDeadlineAndIsUsableAfterwards) {
    const auto late = get("/slow", std::chrono::milliseconds{50});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::timed_out);
    EXPECT_NE(late.error().message.find("/slow"), std::string::npos) << late.error().message;
    EXPECT_TRUE(get("/a"));
    EXPECT_TRUE(server.wait_until([](const auto& now) { return now.abandoned == 1; }));
}

TEST(Client, SaysThatTheHubCannotBeReached) {
    asio::io_context io;
    asio::ip::tcp::acceptor taken(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto port = taken.local_endpoint().port();
    taken.close();
    auto client = Client::make(io.get_executor(), "http://127.0.0.1:" + std::to_string(port));
    const auto refused = run_task(io, client->send(ClientRequest{}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_EQ(refused.error().message, "can't reach http://127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(Client, SaysThatANameIsUnknown) {
    asio::io_context io;
    auto client = Client::make(io.get_executor(), "http://no-such-hub.invalid:1");
    const auto failed = run_task(io, client->send(ClientRequest{}));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
    EXPECT_NE(failed.error().message.find("looking up no-such-hub.invalid"), std::string::npos);
    EXPECT_FALSE(Client::make(io.get_executor(), "hub"));
}

TEST_F(ClientTest, RefusesATargetThatWouldBreakTheRequest) {
    for (const auto* target : {"", "nodes", "/a b", "/a\r\nX: 1"})
        EXPECT_EQ(get(target).error().code, ErrorCode::malformed);
    ClientRequest request;
    request.headers.emplace_back("X-A", "1\r\nX-B: 2");
    EXPECT_FALSE(run_task(io, client.send(std::move(request))));
}

/// Answers every connection with fixed bytes, then closes it.
class Impostor {
  public:
    explicit Impostor(std::string answer)
        : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}), answer_(std::move(answer)) {
        thread_ = std::thread([this] { serve(); });
    }
    ~Impostor() {
        asio::ip::tcp::socket last(io_);
        boost::system::error_code ignored;
        done_ = true;
        last.connect(acceptor_.local_endpoint(), ignored);
        thread_.join();
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
    int served() const { return served_; }

  private:
    void serve() {
        while (true) {
            auto socket = acceptor_.accept();
            if (done_) return;
            boost::system::error_code ignored;
            std::string request;
            asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", ignored);
            asio::write(socket, asio::buffer(answer_), ignored);
            ++served_;
        }
    }
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_;
    std::string answer_;
    std::atomic<bool> done_{false};
    std::atomic<int> served_{0};
    std::thread thread_;
};

Result<ClientResponse> ask(const std::string& url, std::size_t limit = 1 << 20) {
    asio::io_context io;
    auto client = Client::make(io.get_executor(), url);
    ClientRequest request;
    request.body_limit = limit;
    request.timeout = std::chrono::seconds{10};
    return run_task(io, client->send(std::move(request)));
}

TEST(Client, ReportsWhatIsNotHttp) {
    const Impostor impostor("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    EXPECT_EQ(ask(impostor.url()).error().code, ErrorCode::malformed);
}

TEST(Client, ReportsAnAnswerThatWasCutOff) {
    const Impostor partial("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    EXPECT_EQ(ask(partial.url()).error().code, ErrorCode::unavailable);
    const Impostor mute("");
    EXPECT_EQ(ask(mute.url()).error().code, ErrorCode::unavailable);
    EXPECT_EQ(mute.served(), 1) << "a fresh connection is not tried twice";
}

TEST(Client, ReadsABodyThatEndsWithTheConnection) {
    const Impostor old("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    const auto response = ask(old.url());
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->body, "until the end");
}

TEST(Client, RefusesABodyOverItsLimit) {
    const Impostor large("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'));
    EXPECT_EQ(ask(large.url(), 1000).error().code, ErrorCode::too_large);
}

class DownloadTest : public ::testing::Test {
  protected:
    DownloadTest() { std::filesystem::create_directories(folder); }
    ~DownloadTest() override { std::filesystem::remove_all(folder); }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
    }
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("labhub-download-" + random_hex(6));
    asio::io_context io;
};

TEST_F(DownloadTest, WritesALargeBodyToAFile) {
    ServerThread server([](Request) -> Task<Response> {
        std::string large(20'000'000, 'x');
        co_return text_response(200, "application/zip", std::move(large));
    });
    auto client = Client::make(io.get_executor(), server.url());
    const auto done = run_task(io, client->download("/results", folder / "results.zip"));
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(std::filesystem::file_size(folder / "results.zip"), 20'000'000u);
}

TEST_F(DownloadTest, LeavesNoHalfFile) {
    const Impostor partial("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    auto client = Client::make(io.get_executor(), partial.url());
    EXPECT_FALSE(run_task(io, client->download("/results", folder / "results.zip")));
    ServerThread server(show);
    auto hub = Client::make(io.get_executor(), server.url());
    const auto missing = run_task(io, hub->download("/missing", folder / "results.zip"));
    EXPECT_EQ(missing.error().message, "no such node");
    const auto nowhere = run_task(io, hub->download("/a", folder / "none" / "results.zip"));
    EXPECT_EQ(nowhere.error().code, ErrorCode::not_found);
    EXPECT_EQ(files(), 0u);
}

TEST(Client, ReceivesAStreamAsItArrives) {
    auto produced = std::make_shared<std::atomic<int>>(0);
    auto consumed = std::make_shared<std::atomic<int>>(0);
    ServerThread server([produced, consumed](Request) -> Task<Response> {
        Response response;
        auto next = [produced, consumed]() -> Task<Result<std::string>> {
            // Each piece waits until the one before has been seen at the other end.
            for (int i = 0; i < 5'000 && *consumed < *produced; ++i) co_await sleep_for(std::chrono::milliseconds{1});
            if (*produced == 3) co_return Result<std::string>(std::string());
            ++*produced;
            co_return Result<std::string>(std::string("tick\n"));
        };
        response.body = StreamBody{next};
        co_return response;
    });
    asio::io_context io;
    auto client = Client::make(io.get_executor(), server.url());
    ClientRequest request;
    const Client::Sink count = [consumed](std::string_view piece) -> Result<void> {
        *consumed += static_cast<int>(std::count(piece.begin(), piece.end(), '\n'));
        return {};
    };
    const auto response = run_task(io, client->receive(std::move(request), count));
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(*consumed, 3);
    EXPECT_TRUE(response->body.empty());
}

}  // namespace
}  // namespace labhub::http
