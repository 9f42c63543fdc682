// Our client and our server, on one loop.
#include "tests/unit/shared/ssh/ssh_fixture.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace labhub::ssh::testing {
namespace {

using asio::ip::tcp;
using ClientAndServer = SshTest;

Task<Result<std::string>> read_all(std::shared_ptr<Channel> channel) {
    std::string all;
    for (;;) {
        auto reading = channel->read();
        auto bytes = co_await std::move(reading);
        if (!bytes) co_return bytes;
        if (bytes->empty()) co_return Result<std::string>(std::move(all));
        all += *bytes;
    }
}

Task<Result<std::string>> echo(std::shared_ptr<Channel> channel, std::string text) {
    const std::size_t length = text.size();
    auto writing = channel->write(std::move(text));
    auto written = co_await std::move(writing);
    if (!written) co_return Result<std::string>(written.error());
    std::string back;
    while (back.size() < length) {
        auto reading = channel->read();
        auto bytes = co_await std::move(reading);
        if (!bytes || bytes->empty()) co_return bytes;
        back += *bytes;
    }
    co_return Result<std::string>(std::move(back));
}

/// Passes bytes on between one client and the server until told to fall silent, as a cable does when it is pulled.
class Relay {
  public:
    Relay(asio::io_context& io, std::uint16_t to)
        : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), to_(to) {
        asio::co_spawn(io, carry(), asio::detached);
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    void fall_silent() { silent_ = true; }
    void close() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        if (near_) near_->close(ignored);
        if (far_) far_->close(ignored);
    }

  private:
    Task<void> carry() {
        auto [failure, socket] = co_await acceptor_.async_accept(as_result);
        if (failure) co_return;
        near_.emplace(std::move(socket));
        far_.emplace(near_->get_executor());
        const tcp::endpoint server(asio::ip::address_v4::loopback(), to_);
        const auto [refused] = co_await far_->async_connect(server, as_result);
        if (refused) co_return;
        asio::co_spawn(near_->get_executor(), pass(*near_, *far_), asio::detached);
        asio::co_spawn(near_->get_executor(), pass(*far_, *near_), asio::detached);
    }
    Task<void> pass(tcp::socket& from, tcp::socket& to) {
        std::array<char, 4096> bytes;
        for (;;) {
            const auto [failure, got] = co_await from.async_read_some(asio::buffer(bytes), as_result);
            if (failure) co_return;
            if (silent_) continue;
            const auto [lost, sent] = co_await asio::async_write(to, asio::buffer(bytes.data(), got), as_result);
            if (lost) co_return;
        }
    }

    tcp::acceptor acceptor_;
    std::uint16_t to_;
    std::optional<tcp::socket> near_, far_;
    bool silent_ = false;
};

TEST_F(ClientAndServer, RunCommandsOneAfterAnother) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    for (int i = 0; i < 20; ++i) {
        const auto result = exec(**session, "say " + std::to_string(i));
        ASSERT_TRUE(result) << result.error().to_string();
        EXPECT_EQ(result->out, std::to_string(i) + "\n");
    }
    const auto failed = exec(**session, "fail");
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->exit_status, 3);
    EXPECT_EQ(failed->err, "it went wrong\n");
    EXPECT_EQ(counters().commands, 21u);
    EXPECT_EQ(counters().logins, 1u);
    drop(std::move(*session));
}

TEST_F(ClientAndServer, RunCommandsSideBySide) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    std::vector<std::future<Result<ExecResult>>> results;
    for (int i = 0; i < 8; ++i)
        results.push_back(
            asio::co_spawn(io_, (*session)->exec(i % 2 == 0 ? "say " + std::to_string(i) : "big"), asio::use_future));
    for (int i = 0; i < 8; ++i) {
        const auto result = results[static_cast<std::size_t>(i)].get();
        ASSERT_TRUE(result) << result.error().to_string();
        EXPECT_EQ(result->out, i % 2 == 0 ? std::to_string(i) + "\n" : std::string(1u << 20, 'x'));
    }
    drop(std::move(*session));
}

TEST_F(ClientAndServer, ExchangeMessagesOverASubsystem) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    auto channel = run((*session)->open_subsystem("echo"));
    ASSERT_TRUE(channel) << channel.error().to_string();
    for (const std::size_t length : {std::size_t{1}, std::size_t{1000}, std::size_t{3'000'000}}) {
        const std::string text(length, 'e');
        const auto back = run(echo(*channel, text));
        ASSERT_TRUE(back) << back.error().to_string();
        EXPECT_EQ(*back, text);
    }
    run([](std::shared_ptr<Channel> end) -> Task<void> {
        end->finish();
        co_return;
    }(*channel));
    const auto rest = run(read_all(*channel));
    ASSERT_TRUE(rest);
    EXPECT_EQ(*rest, "");
    asio::post(io_, std::packaged_task<void()>([&] { channel->reset(); })).get();
    drop(std::move(*session));
}

TEST_F(ClientAndServer, KeepAnsweringWhileAReaderIsSlow) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    auto flood = run((*session)->open_subsystem("flood"));
    ASSERT_TRUE(flood) << flood.error().to_string();
    for (int i = 0; i < 20; ++i) {
        const auto result = exec(**session, "say meanwhile");
        ASSERT_TRUE(result) << result.error().to_string();
        EXPECT_EQ(result->out, "meanwhile\n");
    }
    const auto all = run(read_all(*flood));
    ASSERT_TRUE(all) << all.error().to_string();
    ASSERT_EQ(all->size(), kFloodBytes);
    for (std::size_t at = 0; at < all->size(); at += 65536)
        ASSERT_EQ((*all)[at], static_cast<char>('a' + (at / 65536) % 26)) << "at byte " << at;
    asio::post(io_, std::packaged_task<void()>([&] { flood->reset(); })).get();
    drop(std::move(*session));
}

TEST_F(ClientAndServer, RefuseAnUnknownSubsystemAndGoOn) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    const auto refused = run((*session)->open_subsystem("sftp"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_EQ(exec(**session, "say on")->out, "on\n");
    drop(std::move(*session));
}

TEST_F(ClientAndServer, BoundTheChannelsOfASession) {
    ServerLimits limits;
    limits.channels_per_session = 4;
    start(limits);
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    std::vector<std::shared_ptr<Channel>> channels;
    for (int i = 0; i < 4; ++i) {
        auto channel = run((*session)->open_subsystem("echo"));
        ASSERT_TRUE(channel) << channel.error().to_string();
        channels.push_back(std::move(*channel));
    }
    const auto fifth = run((*session)->open_subsystem("echo"));
    ASSERT_FALSE(fifth);
    EXPECT_EQ(fifth.error().code, ErrorCode::too_many);
    asio::post(io_, std::packaged_task<void()>([&] { channels.pop_back(); })).get();
    for (int i = 0; i < 50; ++i) {
        const auto again = exec(**session, "say room");
        ASSERT_TRUE(again) << again.error().to_string();
    }
    asio::post(io_, std::packaged_task<void()>([&] { channels.clear(); })).get();
    drop(std::move(*session));
}

TEST_F(ClientAndServer, BoundTheCommandsWhoseChannelsWereClosed) {
    ServerLimits limits;
    limits.channels_per_session = 4;
    start(limits);
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    for (int i = 0; i < 12; ++i)
        (void)run(within<ExecResult>(std::chrono::milliseconds{50}, "wait", (*session)->exec("wait")));
    EXPECT_EQ(waiting_->load(), 8) << "closing its channel doesn't end a command, so it can't make room for ever more";
    drop(std::move(*session));
    EXPECT_TRUE(eventually([this](const ServerCounters&) { return waiting_->load() == 0; }));
}

TEST_F(ClientAndServer, RefuseAHostKeyOtherThanThePinnedOne) {
    start();
    auto options = client();
    const auto real = options.pinned_host_fingerprint;
    options.pinned_host_fingerprint = user_key_.fingerprint();
    const auto session = connect(options);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::forbidden);
    EXPECT_NE(session.error().message.find(real), std::string::npos);
    EXPECT_NE(session.error().message.find(user_key_.fingerprint()), std::string::npos);
    EXPECT_EQ(counters().logins, 0u);
}

TEST_F(ClientAndServer, RefuseAnUnknownUserKey) {
    start();
    auto options = client();
    options.private_key_path = folder_.path() / "stranger";
    ASSERT_TRUE(load_or_create_key(options.private_key_path));
    const auto session = connect(options);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::unauthenticated) << session.error().to_string();
}

TEST_F(ClientAndServer, SayWhyTheyCannotConnect) {
    start();
    auto options = client();
    stop();
    const auto refused = connect(options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_NE(refused.error().message.find("127.0.0.1:" + std::to_string(port_)), std::string::npos)
        << refused.error().message;
}

TEST_F(ClientAndServer, GiveUpOnAServerThatSaysNothing) {
    start();
    tcp::acceptor mute(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto options = client();
    options.port = mute.local_endpoint().port();
    options.connect_timeout = std::chrono::milliseconds{200};
    const auto session = connect(options);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::timed_out);
}

TEST_F(ClientAndServer, FailWhatIsUnderWayWhenTheServerStops) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    auto waiting = asio::co_spawn(io_, (*session)->exec("wait"), asio::use_future);
    ASSERT_TRUE(eventually([this](const ServerCounters&) { return waiting_->load() == 1; }));
    auto over = asio::co_spawn(io_, (*session)->closed(), asio::use_future);
    stop();
    const auto result = waiting.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::unavailable) << result.error().to_string();
    EXPECT_EQ(over.get().code, ErrorCode::unavailable);
    EXPECT_FALSE((*session)->is_open());
    EXPECT_EQ(exec(**session, "say x").error().code, ErrorCode::unavailable);
    drop(std::move(*session));
}

TEST_F(ClientAndServer, CancelOneCommandAndKeepTheSession) {
    start();
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    for (int i = 0; i < 5; ++i) {
        const auto late = run(within<ExecResult>(std::chrono::milliseconds{20}, "wait", (*session)->exec("wait")));
        ASSERT_FALSE(late);
        EXPECT_EQ(late.error().code, ErrorCode::timed_out) << late.error().to_string();
        EXPECT_EQ(exec(**session, "say on")->out, "on\n");
    }
    drop(std::move(*session));
    EXPECT_TRUE(eventually([this](const ServerCounters&) { return waiting_->load() == 0; }));
}

TEST_F(ClientAndServer, NoticeAPeerThatVanishedWithoutAWord) {
    ServerLimits limits;
    limits.keepalive_period = std::chrono::milliseconds{50};
    limits.login_time = std::chrono::milliseconds{500};
    start(limits);
    Relay relay(io_, port_);
    auto options = client();
    options.port = relay.port();
    options.keepalive_period = std::chrono::milliseconds{50};
    auto session = connect(options);
    ASSERT_TRUE(session) << session.error().to_string();
    EXPECT_EQ(exec(**session, "say x")->out, "x\n");
    auto over = asio::co_spawn(io_, (*session)->closed(), asio::use_future);
    EXPECT_EQ(over.wait_for(std::chrono::milliseconds{1000}), std::future_status::timeout) << "keepalives are answered";
    asio::post(io_, [&] { relay.fall_silent(); });
    ASSERT_EQ(over.wait_for(std::chrono::seconds{10}), std::future_status::ready);
    EXPECT_EQ(over.get().code, ErrorCode::unavailable);
    EXPECT_TRUE(eventually([](const ServerCounters& now) { return now.sessions == 0; }));
    asio::post(io_, std::packaged_task<void()>([&] { relay.close(); })).get();
    drop(std::move(*session));
}

TEST_F(ClientAndServer, EndASessionThatAsksForNothing) {
    ServerLimits limits;
    limits.keepalive_period = std::chrono::milliseconds{20};
    limits.login_time = std::chrono::milliseconds{500};
    limits.idle_time = std::chrono::milliseconds{600};
    start(limits);
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    auto over = asio::co_spawn(io_, (*session)->closed(), asio::use_future);
    ASSERT_EQ(over.wait_for(std::chrono::seconds{10}), std::future_status::ready);
    drop(std::move(*session));
}

TEST_F(ClientAndServer, CloseTwoHundredSilentConnectionsAndServeTheOneThatSpeaks) {
    ServerLimits limits;
    limits.login_time = std::chrono::milliseconds{1500};
    limits.max_sessions = 300;
    limits.max_sessions_per_address = 300;
    start(limits);
    asio::io_context own;
    std::vector<tcp::socket> silent;
    for (int i = 0; i < 200; ++i) {
        silent.emplace_back(own);
        silent.back().connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_));
    }
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    EXPECT_EQ(exec(**session, "say x")->out, "x\n");
    for (auto& socket : silent) {
        boost::system::error_code failure;
        std::array<char, 256> bytes;
        while (!failure) socket.read_some(asio::buffer(bytes), failure);
        EXPECT_TRUE(failure == asio::error::eof || failure == asio::error::connection_reset) << failure.message();
    }
    EXPECT_TRUE(eventually([](const ServerCounters& now) { return now.login_timeouts == 200 && now.sessions == 1; }));
    EXPECT_EQ(exec(**session, "say y")->out, "y\n");
    drop(std::move(*session));
}

TEST_F(ClientAndServer, LetANewcomerTakeThePlaceOfASilentOne) {
    ServerLimits limits;
    limits.max_sessions = 4;
    start(limits);
    asio::io_context own;
    std::vector<tcp::socket> silent;
    for (int i = 0; i < 4; ++i) {
        silent.emplace_back(own);
        silent.back().connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_));
    }
    ASSERT_TRUE(eventually([](const ServerCounters& now) { return now.sessions == 4; }));
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < 4; ++i) {
        auto session = connect();
        ASSERT_TRUE(session) << session.error().to_string();
        sessions.push_back(std::move(*session));
    }
    EXPECT_EQ(counters().evicted, 4u);
    const auto fifth = connect();
    ASSERT_FALSE(fifth) << "a logged-in session was closed for a newcomer";
    EXPECT_EQ(counters().refused, 1u);
    for (auto& session : sessions) {
        EXPECT_EQ(exec(*session, "say x")->out, "x\n");
        drop(std::move(session));
    }
}

TEST_F(ClientAndServer, OutliveGarbageInsteadOfAHandshake) {
    start();
    asio::io_context own;
    for (const std::string& text : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(5000, '\xff'),
                                    "SSH-2.0-x\r\n" + std::string(40'000, '\x01')}) {
        tcp::socket socket(own);
        socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_));
        boost::system::error_code failure;
        asio::write(socket, asio::buffer(text), failure);
    }
    auto session = connect();
    ASSERT_TRUE(session) << session.error().to_string();
    EXPECT_EQ(exec(**session, "say x")->out, "x\n");
    drop(std::move(*session));
    EXPECT_TRUE(eventually([](const ServerCounters& now) { return now.sessions == 0; }));
}

}  // namespace
}  // namespace labhub::ssh::testing
