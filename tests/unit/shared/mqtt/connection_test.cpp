#include "shared/mqtt/connection.hpp"

#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include "tests/support/mosquitto/private_broker.hpp"

namespace labhub::mqtt {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using test::PrivateBroker;
using ConnectionPtr = std::unique_ptr<Connection>;

constexpr auto kTestLimit = 20s;

/// Runs one test's coroutine to its end on an io_context of its own.
void run(Task<void> body) {
    asio::io_context io;
    bool ended = false;
    asio::co_spawn(io, std::move(body), [&](std::exception_ptr failure) {
        ended = true;
        if (failure) std::rethrow_exception(failure);
    });
    io.run_for(kTestLimit);
    EXPECT_TRUE(ended) << "the test's task is still waiting";
}

ConnectOptions to(std::uint16_t port) {
    ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.timeout = 5s;
    options.keepalive = 5s;
    return options;
}

Task<ConnectionPtr> connected(ConnectOptions options) {
    auto connecting = Connection::connect(std::move(options));
    auto connection = co_await std::move(connecting);
    EXPECT_TRUE(connection) << connection.error().to_string();
    ConnectionPtr opened;
    if (connection) opened = std::move(*connection);
    co_return std::move(opened);
}

Task<void> subscribed(Connection* connection, std::string filter) {
    std::vector<Subscription> filters;
    filters.push_back({std::move(filter), 1});
    auto subscribing = connection->subscribe(std::move(filters));
    const auto done = co_await std::move(subscribing);
    EXPECT_TRUE(done);
}

Task<void> deliver_messages(std::uint16_t port) {
    auto here = co_await connected(to(port));
    auto there = co_await connected(to(port));
    co_await subscribed(here.get(), "t/#");
    EXPECT_TRUE(there->publish("t/a", std::string("x\0y", 3)));
    const auto acknowledged = co_await there->publish_acknowledged("t/b", "kept", true);
    EXPECT_TRUE(acknowledged);
    EXPECT_EQ(there->unsent_bytes(), 0u);
    const auto first = co_await here->receive();
    const auto second = co_await here->receive();
    EXPECT_EQ(first.value().topic, "t/a");
    EXPECT_EQ(first.value().payload, std::string("x\0y", 3));
    EXPECT_EQ(second.value().qos, 1);
    EXPECT_FALSE(second.value().retained);
    co_await subscribed(there.get(), "t/b");
    const auto stored = co_await there->receive();
    EXPECT_TRUE(stored.value().retained);
    co_await here->disconnect();
    EXPECT_FALSE(here->is_open());
    EXPECT_EQ(here->publish("t/a", "").error().code, ErrorCode::unavailable);
}

TEST(Connection, DeliversMessagesBothWays) {
    PrivateBroker broker;
    run(deliver_messages(broker.port()));
}

Task<void> keep_order(std::uint16_t port) {
    auto here = co_await connected(to(port));
    co_await subscribed(here.get(), "n");
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(here->publish("n", std::to_string(i)));
    for (int i = 0; i < 500; ++i) {
        const auto message = co_await here->receive();
        EXPECT_EQ(message.value().payload, std::to_string(i));
    }
}

TEST(Connection, KeepsTheOrderOfABurst) {
    PrivateBroker broker;
    run(keep_order(broker.port()));
}

Task<void> will_only_without_goodbye(std::uint16_t port) {
    auto witness = co_await connected(to(port));
    co_await subscribed(witness.get(), "will/#");
    for (const bool polite : {true, false}) {
        ConnectOptions options = to(port);
        Will will;
        will.topic = polite ? "will/polite" : "will/rude";
        will.payload = "gone";
        options.will = will;
        auto leaver = co_await connected(std::move(options));
        if (polite) co_await leaver->disconnect();
        leaver.reset();
    }
    const auto seen = co_await witness->receive();
    EXPECT_EQ(seen.value().topic, "will/rude");
    EXPECT_EQ(seen.value().payload, "gone");
}

TEST(Connection, LeavesItsWillOnlyWhenItGoesWithoutDisconnect) {
    PrivateBroker broker;
    run(will_only_without_goodbye(broker.port()));
}

Task<void> notice_the_dead(PrivateBroker* broker) {
    auto here = co_await connected(to(broker->port()));
    co_await subscribed(here.get(), "t");
    broker->kill();
    const auto message = co_await here->receive();
    EXPECT_EQ(message.error().code, ErrorCode::unavailable) << message.error().to_string();
    EXPECT_FALSE(here->is_open());
    EXPECT_FALSE(here->publish("t", "x"));
    const auto acknowledged = co_await here->publish_acknowledged("t", "x");
    EXPECT_FALSE(acknowledged);
    broker->restart();
    auto again = co_await connected(to(broker->port()));
    EXPECT_TRUE(again->is_open());
}

TEST(Connection, EndsWhenTheBrokerIsKilledAndANewOneWorks) {
    PrivateBroker broker;
    run(notice_the_dead(&broker));
}

Task<void> bound_unsent_bytes(PrivateBroker* broker) {
    ConnectOptions options = to(broker->port());
    options.max_unsent_bytes = 300'000;
    options.timeout = 300ms;
    auto here = co_await connected(std::move(options));
    broker->freeze();
    const std::string payload(50'000, 'x');
    Result<void> published;
    for (int i = 0; i < 1000 && published; ++i) published = here->publish("t", payload);
    EXPECT_FALSE(published);
    EXPECT_EQ(published.error().code, ErrorCode::too_many);
    EXPECT_LE(here->unsent_bytes(), 300'000u);
    EXPECT_TRUE(here->is_open());
    broker->thaw();
    co_await subscribed(here.get(), "t");
    EXPECT_EQ(here->unsent_bytes(), 0u) << "SUBACK came after everything before it had gone out";
}

TEST(Connection, RefusesToQueueWithoutBoundTowardsASilentBroker) {
    PrivateBroker broker;
    run(bound_unsent_bytes(&broker));
}

Task<void> give_up_on_acknowledgement(PrivateBroker* broker) {
    ConnectOptions options = to(broker->port());
    options.timeout = 200ms;
    auto here = co_await connected(std::move(options));
    broker->freeze();
    const auto acknowledged = co_await here->publish_acknowledged("t", "x");
    EXPECT_EQ(acknowledged.error().code, ErrorCode::timed_out);
    broker->thaw();
}

TEST(Connection, WaitsForAnAcknowledgementNoLongerThanItsTimeLimit) {
    PrivateBroker broker;
    run(give_up_on_acknowledgement(&broker));
}

Task<void> slow_down_a_flood(std::uint16_t port) {
    ConnectOptions options = to(port);
    options.max_waiting_messages = 10;
    auto here = co_await connected(std::move(options));
    auto there = co_await connected(to(port));
    co_await subscribed(here.get(), "t");
    for (int i = 0; i < 900; ++i) EXPECT_TRUE(there->publish("t", std::to_string(i), 0));
    for (int i = 0; i < 900; ++i) {
        const auto message = co_await here->receive();
        EXPECT_EQ(message.value().payload, std::to_string(i));
    }
}

TEST(Connection, TakesAFloodAtTheConsumersPace) {
    PrivateBroker broker;
    run(slow_down_a_flood(broker.port()));
}

Task<void> expect_failure(ConnectOptions options, ErrorCode code) {
    auto connecting = Connection::connect(std::move(options));
    const auto connection = co_await std::move(connecting);
    EXPECT_FALSE(connection);
    if (!connection) {
        EXPECT_EQ(connection.error().code, code) << connection.error().to_string();
    }
}

TEST(Connecting, FailsAtOnceWhereNobodyListens) {
    std::uint16_t port = 0;
    {
        asio::io_context io;
        tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        port = acceptor.local_endpoint().port();
    }
    ConnectOptions options = to(port);
    options.timeout = 60s;  // longer than the test may take: refusal must not wait for it
    run(expect_failure(std::move(options), ErrorCode::unavailable));
}

TEST(Connecting, FailsForANameThatDoesNotExist) {
    ConnectOptions options = to(1883);
    options.host = "no-such-host.invalid";
    run(expect_failure(std::move(options), ErrorCode::unavailable));
}

/// A server that accepts, says `words`, and then either closes or stays silent.
Task<void> talk(tcp::acceptor* acceptor, std::string words, bool stays) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(words), as_result);
    if (stays) co_await sleep_for(1h);
}

Task<void> impostor(tcp::acceptor acceptor, std::string words, bool stays, ConnectOptions options, ErrorCode code) {
    using namespace asio::experimental::awaitable_operators;
    auto both = talk(&acceptor, std::move(words), stays);
    auto tried = expect_failure(std::move(options), code);
    co_await (std::move(tried) || (std::move(both) && sleep_for(1h)));
}

void run_impostor(std::string words, bool stays, ErrorCode code) {
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    ConnectOptions options = to(acceptor.local_endpoint().port());
    options.timeout = 500ms;
    bool ended = false;
    asio::co_spawn(io, impostor(std::move(acceptor), std::move(words), stays, std::move(options), code),
                   [&](std::exception_ptr) { ended = true; });
    io.run_for(kTestLimit);
    EXPECT_TRUE(ended);
}

TEST(Connecting, FailsTowardsAServerThatSpeaksSomethingElse) {
    run_impostor(
        "HTTP/1.1 400 Bad Request\r\nServer: example\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 15\r\nConnection: close\r\n\r\n400 Bad Request",
        true, ErrorCode::corrupt);
}

TEST(Connecting, FailsTowardsAServerThatHangsUp) { run_impostor("", false, ErrorCode::unavailable); }

TEST(Connecting, GivesUpOnAServerThatSaysNothing) { run_impostor("", true, ErrorCode::timed_out); }

TEST(Connecting, ReportsABrokerThatRefusesTheLogin) {
    PrivateBroker broker("password_file /dev/null\n");
    ConnectOptions options = to(broker.port());
    options.username = "nobody";
    options.password = "wrong";
    run(expect_failure(std::move(options), ErrorCode::forbidden));
}

TEST(Connecting, RefusesAKeepaliveTheLibraryCantKeep) {
    ConnectOptions options = to(1883);
    options.keepalive = 1s;
    run(expect_failure(std::move(options), ErrorCode::out_of_range));
}

Task<void> refuse_bad_names(std::uint16_t port) {
    auto here = co_await connected(to(port));
    EXPECT_EQ(here->publish("a/#", "x").error().code, ErrorCode::malformed);
    std::vector<Subscription> wrong(1);
    wrong[0].filter = "a/#/b";
    const auto done = co_await here->subscribe(std::move(wrong));
    EXPECT_EQ(done.error().code, ErrorCode::malformed);
    EXPECT_TRUE(here->is_open()) << "a mistake of the caller does not end the connection";
}

TEST(Connection, RefusesTopicsThatAreNone) {
    PrivateBroker broker;
    run(refuse_bad_names(broker.port()));
}

}  // namespace
}  // namespace labhub::mqtt
