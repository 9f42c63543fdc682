#include "coordinator/broker/broker_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"
#include "shared/base/text.hpp"
#include "shared/mqtt/connection.hpp"
#include "shared/sparkplug/codec.hpp"
#include "tests/support/mosquitto/private_broker.hpp"

namespace labhub::coordinator::broker {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ConnectionPtr = std::unique_ptr<mqtt::Connection>;

BrokerSettings lab(std::size_t nodes = 2) {
    BrokerSettings settings;
    settings.group = "lab";
    settings.host_id = "hub";
    settings.coordinator_user = "coordinator";
    for (std::size_t i = 1; i <= nodes; ++i) settings.nodes.push_back(NodeId{"sim-" + std::to_string(i)});
    return settings;
}

std::string value_of(const std::string& conf, const std::string& option) {
    for (const auto line : split(conf, '\n'))
        if (line.starts_with(option + " ")) return std::string(line.substr(option.size() + 1));
    return {};
}

/// What a private broker does not say for itself.
std::string without_listener(const std::string& conf) {
    std::string kept;
    for (const auto line : split(conf, '\n'))
        if (!line.starts_with("listener ") && !line.starts_with("log_") && !line.starts_with("allow_anonymous") &&
            !line.starts_with("password_file") && !line.starts_with("persistence"))
            kept.append(line).append("\n");
    return kept;
}

void run(Task<void> body) {
    asio::io_context io;
    bool ended = false;
    asio::co_spawn(io, std::move(body), [&](std::exception_ptr failure) {
        ended = true;
        if (failure) std::rethrow_exception(failure);
    });
    io.run_for(30s);
    EXPECT_TRUE(ended) << "the test's task is still waiting";
}

Task<ConnectionPtr> connected(std::uint16_t port, std::string user = std::string()) {
    mqtt::ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.username = std::move(user);
    options.max_unsent_bytes = std::size_t{16} << 20;
    auto connecting = mqtt::Connection::connect(std::move(options));
    auto connection = co_await std::move(connecting);
    EXPECT_TRUE(connection) << connection.error().to_string();
    ConnectionPtr opened;
    if (connection) opened = std::move(*connection);
    co_return std::move(opened);
}

Task<void> subscribed(mqtt::Connection* connection, std::string filter) {
    std::vector<mqtt::Subscription> filters;
    filters.push_back({std::move(filter), 0});
    auto subscribing = connection->subscribe(std::move(filters));
    const auto done = co_await std::move(subscribing);
    EXPECT_TRUE(done) << done.error().to_string();
}

TEST(BrokerConfig, GrowsItsLimitsWithTheLab) {
    const std::string small = mosquitto_conf(lab()), large = mosquitto_conf(lab(5'000));
    for (const char* const option : {"max_queued_messages", "max_queued_bytes", "memory_limit"}) {
        EXPECT_NE(value_of(small, option), "") << option;
        EXPECT_GT(std::stoull(value_of(large, option)), std::stoull(value_of(small, option))) << option;
    }
    EXPECT_EQ(value_of(large, "max_queued_messages"), std::to_string(queued_messages_for(5'000)));
    EXPECT_EQ(value_of(large, "max_queued_bytes"), std::to_string(queued_bytes_for(5'000)));
    EXPECT_GE(memory_for(5'000), 2 * queued_bytes_for(5'000)) << "the mirror and the coordinator may both be stalled";
}

TEST(BrokerConfig, SaysWhoMayConnect) {
    auto settings = lab();
    settings.listen_port = 1884;
    settings.listen_address = "10.0.0.1";
    const std::string passwords = mosquitto_conf(settings);
    EXPECT_EQ(value_of(passwords, "listener"), "1884 10.0.0.1");
    EXPECT_EQ(value_of(passwords, "allow_anonymous"), "false");
    EXPECT_EQ(value_of(passwords, "password_file"), "/etc/mosquitto/conf.d/passwd");
    EXPECT_EQ(value_of(passwords, "acl_file"), "/etc/mosquitto/conf.d/acl");
    settings.tls = "/etc/labhub/tls";
    const std::string certificates = mosquitto_conf(settings);
    EXPECT_EQ(value_of(certificates, "require_certificate"), "true");
    EXPECT_EQ(value_of(certificates, "certfile"), "/etc/labhub/tls/server.crt");
    EXPECT_THAT(certificates, Not(HasSubstr("password_file")));
    settings.tls.clear();
    settings.is_open = true;
    EXPECT_EQ(value_of(mosquitto_conf(settings), "allow_anonymous"), "true");
    EXPECT_THAT(mosquitto_conf(settings), Not(HasSubstr("acl_file")));
}

Task<void> send_the_largest(std::uint16_t port) {
    auto here = co_await connected(port);
    auto there = co_await connected(port);
    co_await subscribed(here.get(), "t/#");
    std::string largest(sparkplug::kMaxPayloadBytes, 'x');
    EXPECT_TRUE(there->publish("t/largest", largest));
    EXPECT_TRUE(there->publish("t/larger", largest + "x"));
    EXPECT_TRUE(there->publish("t/after", "y"));
    const auto first = co_await here->receive();
    EXPECT_EQ(first.value().topic, "t/largest");
    EXPECT_EQ(first.value().payload.size(), largest.size());
    const auto second = co_await here->receive();
    EXPECT_EQ(second.value().topic, "t/after");
}

TEST(BrokerConfig, LetsThroughWhatTheCoordinatorReadsAndNothingLarger) {
    auto open = lab();
    open.is_open = true;
    test::PrivateBroker broker(without_listener(mosquitto_conf(open)));
    run(send_the_largest(broker.port()));
}

Task<void> pretend(std::uint16_t port) {
    auto coordinator = co_await connected(port, "coordinator");
    auto node = co_await connected(port, "sim-1");
    auto person = co_await connected(port, "people");
    co_await subscribed(coordinator.get(), "spBv1.0/lab/#");
    co_await subscribed(coordinator.get(), "labhub/lab/#");
    EXPECT_TRUE(node->publish("spBv1.0/lab/DDATA/sim-2/vessel", "as another"));
    EXPECT_TRUE(node->publish("spBv1.0/lab/NCMD/sim-2", "to another"));
    EXPECT_TRUE(node->publish("labhub/lab/sim-1/vessel/stirrer/set", "a node is no person"));
    EXPECT_TRUE(node->publish("spBv1.0/lab/DDATA/sim-1/vessel", "as itself"));
    const auto of_node = co_await coordinator->receive();
    EXPECT_EQ(of_node.value().payload, "as itself");
    EXPECT_TRUE(person->publish("spBv1.0/lab/DCMD/sim-1/vessel", "a person is no host"));
    EXPECT_TRUE(person->publish("labhub/lab/sim-1/vessel/stirrer", "the coordinator's own"));
    EXPECT_TRUE(person->publish("labhub/lab/sim-1/vessel/stirrer/set", "40"));
    const auto of_person = co_await coordinator->receive();
    EXPECT_EQ(of_person.value().payload, "40");
}

TEST(BrokerConfig, LetsEachSpeakInItsOwnNameAlone) {
    const auto folder = std::filesystem::temp_directory_path() / ("labhub-acl-" + random_hex(6));
    ASSERT_TRUE(make_folder(folder, 0755));
    auto settings = lab();
    settings.folder = folder;
    ASSERT_TRUE(write_file(folder / "acl", mosquitto_acl(settings), 0644));
    {
        test::PrivateBroker broker(without_listener(mosquitto_conf(settings)));
        run(pretend(broker.port()));
    }
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace labhub::coordinator::broker
