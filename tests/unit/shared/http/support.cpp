#include "tests/unit/shared/http/support.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cstdio>
#include <future>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

namespace labhub::http::test {

ServerThread::ServerThread(Server::Handler handler, ServerLimits limits, std::string streamed)
    : work_(io_.get_executor()), server_(std::make_unique<Server>(io_.get_executor(), limits, std::move(handler))) {
    if (!streamed.empty())
        server_->stream_bodies(
            [begin = std::move(streamed)](std::string_view, std::string_view path) { return path.starts_with(begin); });
    auto port = server_->listen("127.0.0.1", 0, "public");
    EXPECT_TRUE(port) << port.error().to_string();
    port_ = port.value_or(0);
    thread_ = std::thread([this] { io_.run(); });
}

ServerThread::~ServerThread() {
    on_loop([this](Server&) { server_.reset(); });
    work_.reset();
    thread_.join();
}

void ServerThread::on_loop(const std::function<void(Server&)>& work) {
    std::promise<void> done;
    asio::post(io_, [&] {
        work(*server_);
        done.set_value();
    });
    done.get_future().wait();
}

ServerCounters ServerThread::counters() {
    ServerCounters counters;
    on_loop([&](Server& server) { counters = server.counters(); });
    return counters;
}

bool ServerThread::wait_until(const std::function<bool(const ServerCounters&)>& condition) {
    const auto deadline = Steady::now() + std::chrono::seconds{10};
    while (Steady::now() < deadline) {
        if (condition(counters())) return true;
        std::this_thread::yield();
    }
    return false;
}

void ServerThread::stop() { asio::co_spawn(io_, server_->stop(), asio::use_future).wait(); }

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

void RawClient::send(const std::string& bytes) { (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }

std::string RawClient::read_all() { return read_until(std::string()); }

std::string RawClient::read_until(const std::string& text) {
    std::string all;
    char chunk[16384];
    while (text.empty() || all.find(text) == std::string::npos) {
        const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, 0);
        if (got <= 0) break;
        all.append(chunk, static_cast<std::size_t>(got));
    }
    return all;
}

bool RawClient::sees_close() {
    char byte = 0;
    const ssize_t got = ::recv(fd_.get(), &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

namespace {

Task<Response> answer_with_echo(Request request) {
    std::string text = request.method + " " + request.path + " " + request.body;
    co_return text_response(200, "text/plain", std::move(text));
}

}  // namespace

Server::Handler echo() { return answer_with_echo; }

std::string output_of(const std::string& command) {
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string all;
    char chunk[4096];
    while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, pipe)) all.append(chunk, got);
    const int status = ::pclose(pipe);
    return all + "\n[" + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1) + "]";
}

}  // namespace labhub::http::test
