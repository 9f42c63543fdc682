// Bodies that are read while they come, and files that are sent as they are read.
#include <atomic>
#include <fstream>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"
#include "shared/base/sha256.hpp"
#include "shared/http/client.hpp"
#include "tests/unit/shared/http/support.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::http {
namespace {

namespace fs = std::filesystem;

using labhub::test::run_task;
using test::RawClient;
using test::ServerThread;

/// Reads at most `most` bytes; answers with their number, their sum and the largest piece, or the reader's error.
Server::Handler reading(std::size_t most = 1u << 30) {
    return [most](Request request) -> Task<Response> {
        if (!request.stream) co_return text_response(200, "text/plain", "body " + request.body);
        const BodyReader body = *request.stream;
        Sha256 sum;
        std::size_t count = 0, largest = 0;
        while (count < most) {
            auto piece = co_await body.next();
            if (!piece) co_return error_response(piece.error());
            if (piece->empty()) break;
            count += piece->size();
            largest = std::max(largest, piece->size());
            sum.add(*piece);
        }
        const std::string length = body.length ? std::to_string(*body.length) : "unknown";
        co_return text_response(200, "text/plain",
                                std::to_string(count) + " of " + length + " " + sum.hex() +
                                    (largest > 64 * 1024 ? " in too large pieces" : ""));
    };
}

ServerLimits small() {
    ServerLimits limits;
    limits.body_bytes = 1'000;
    return limits;
}

class BodyStream : public testing::Test {
  protected:
    void TearDown() override { fs::remove(path_); }
    std::string file_of(std::size_t bytes) {
        std::string text;
        while (text.size() < bytes) text += std::to_string(text.size()) + "\n";
        text.resize(bytes);
        std::ofstream(path_, std::ios::binary) << text;
        return text;
    }
    Result<ClientResponse> send(const ServerThread& server, const std::string& target) {
        auto client = Client::make(io_.get_executor(), server.url());
        ClientRequest request;
        request.method = "POST";
        request.target = target;
        request.body_file = path_;
        request.timeout = std::chrono::seconds{30};
        return run_task(io_, client->send(std::move(request)));
    }

    asio::io_context io_;
    const fs::path path_ = fs::temp_directory_path() / ("labhub-body-" + random_hex(6));
};

TEST_F(BodyStream, GivesAHandlerAFileFarLargerThanTheLimitOfBodies) {
    ServerThread server(reading(), small(), "/files");
    const std::string sent = file_of(5'000'000);
    const auto response = send(server, "/files/a");
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->body, "5000000 of 5000000 " + sha256_hex(sent));
}

TEST_F(BodyStream, IsForThePathsThatWereNamed) {
    ServerThread server(reading(), small(), "/files");
    file_of(500);
    EXPECT_TRUE(send(server, "/other")->body.starts_with("body 0\n"));
    file_of(5'000);
    EXPECT_EQ(send(server, "/other")->status, 413);
}

TEST_F(BodyStream, MayBeEmpty) {
    ServerThread server(reading(), small(), "/files");
    file_of(0);
    EXPECT_EQ(send(server, "/files")->body, "0 of 0 " + sha256_hex(""));
}

TEST_F(BodyStream, ComesInChunksToo) {
    ServerThread server(reading(), small(), "/files");
    RawClient client(server.port());
    client.send("POST /files HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3'000; ++i) client.send("a\r\n0123456789\r\n");
    client.send("0\r\n\r\n");
    EXPECT_NE(client.read_until("unknown").find("30000 of unknown"), std::string::npos);
    client.send("GET /other HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_NE(client.read_all().find("200 OK"), std::string::npos) << "the connection carries the next request";
}

TEST_F(BodyStream, IsRefusedWithoutBeingRead) {
    ServerThread server(reading(0), small(), "/files");
    file_of(50'000'000);
    const auto response = send(server, "/files");
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->status, 200);
    EXPECT_TRUE(response->body.starts_with("0 of 50000000"));
}

TEST_F(BodyStream, AsksTheClientToGoOnOnlyWhenItIsRead) {
    const std::string header = "POST /files HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    ServerThread server(reading(), small(), "/files");
    RawClient client(server.port());
    client.send(header);
    EXPECT_NE(client.read_until("\r\n\r\n").find("100 Continue"), std::string::npos);
    client.send("hello");
    EXPECT_NE(client.read_until(sha256_hex("hello")).find("5 of 5"), std::string::npos);
    ServerThread refusing(reading(0), small(), "/files");
    RawClient refused(refusing.port());
    refused.send(header);
    EXPECT_EQ(refused.read_all().find("100 Continue"), std::string::npos);
}

TEST_F(BodyStream, EndsWithAnErrorWhenTheClientStopsOrTrickles) {
    ServerLimits limits = small();
    limits.body_time = std::chrono::milliseconds{150};
    ServerThread server(reading(), limits, "/files");
    RawClient slow(server.port());
    slow.send("POST /files HTTP/1.1\r\nContent-Length: 500\r\n\r\nonly this");
    EXPECT_NE(slow.read_all().find("\"timed_out\""), std::string::npos)
        << "the reader's error, which the handler answers with";
    {
        RawClient gone(server.port());
        gone.send("POST /files HTTP/1.1\r\nContent-Length: 500\r\n\r\nonly this");
    }
    EXPECT_TRUE(server.wait_until([](const ServerCounters& now) { return now.open == 0; }));
    EXPECT_EQ(server.counters().failed, 0u);
}

TEST_F(BodyStream, SaysThatThereIsNoSuchFile) {
    ServerThread server(reading(), small(), "/files");
    EXPECT_EQ(send(server, "/files").error().code, ErrorCode::not_found);
}

TEST_F(BodyStream, CannotBeReadWhenTheRequestIsAnswered) {
    auto kept = std::make_shared<std::optional<BodyReader>>();
    ServerThread server(
        [kept](Request request) -> Task<Response> {
            *kept = request.stream;
            co_return text_response(200, "text/plain", "answered");
        },
        small(), "/files");
    file_of(100'000);
    EXPECT_EQ(send(server, "/files")->body, "answered");
    std::optional<ErrorCode> code;
    server.on_loop([&](Server&) {
        asio::io_context io;
        code = run_task(io, (**kept).next()).error().code;
    });
    EXPECT_EQ(code, ErrorCode::internal);
}

}  // namespace
}  // namespace labhub::http
