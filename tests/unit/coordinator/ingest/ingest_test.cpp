#include "coordinator/ingest/ingest.hpp"

#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include "shared/base/json.hpp"
#include "tests/support/mosquitto/private_broker.hpp"
#include "tests/unit/coordinator/ingest/edge_node_messages.hpp"
#include "tests/unit/coordinator/ingest/recording_sink.hpp"

namespace labhub::coordinator::ingest {
namespace {

using namespace std::chrono_literals;
using sparkplug::MessageType;

constexpr auto kLimit = 15s;

/// An MQTT client for plain, blocking test code: it runs its own io_context while it waits.
class Peer {
  public:
    explicit Peer(std::uint16_t port, std::optional<mqtt::Will> will = {}) {
        mqtt::ConnectOptions options;
        options.host = "127.0.0.1";
        options.port = port;
        options.will = std::move(will);
        auto connected = wait(mqtt::Connection::connect(std::move(options)));
        if (!connected) throw std::runtime_error(connected.error().to_string());
        connection_ = std::move(*connected);
    }
    void subscribe(const std::string& filter) {
        std::vector<mqtt::Subscription> filters(1);
        filters[0].filter = filter;
        filters[0].qos = 1;
        EXPECT_TRUE(wait(connection_->subscribe(std::move(filters))));
    }
    mqtt::Message receive() {
        auto message = wait(connection_->receive());
        if (!message) throw std::runtime_error(message.error().to_string());
        return *message;
    }
    void publish(MessageType type, const std::string& bytes) {
        publish(sparkplug::format_topic(EdgeNodeMessages::topic(type)).value(), bytes);
    }
    void publish(const std::string& topic, const std::string& bytes, bool retain = false) {
        EXPECT_TRUE(wait(connection_->publish_acknowledged(topic, bytes, retain)));
    }

  private:
    template <class T>
    T wait(Task<T> task) {
        std::optional<T> outcome;
        asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure, T value) {
            if (failure) std::rethrow_exception(failure);
            outcome = std::move(value);
        });
        io_.restart();
        const auto until = Steady::now() + kLimit;
        while (!outcome && Steady::now() < until) io_.run_one_for(100ms);
        if (!outcome) throw std::runtime_error("nothing happened in time");
        return std::move(*outcome);
    }

    asio::io_context io_;
    std::unique_ptr<mqtt::Connection> connection_;
};

struct IngestTest : testing::Test {
    SystemClock clock;
    RecordingSink sink;
    test::PrivateBroker broker;
    EdgeNodeMessages node{clock};

    Options options() const {
        Options made;
        made.broker.host = "127.0.0.1";
        made.broker.port = broker.port();
        made.host_id = "hub";
        made.reorder_window = 100ms;
        made.rebirth_interval = 100ms;
        made.reconnect_first = 20ms;
        made.reconnect_most = 100ms;
        return made;
    }
    static bool is_online(const mqtt::Message& message) {
        return parse_json(message.payload).value().as_object().at("online").as_bool();
    }
    static std::int64_t time_of(const mqtt::Message& message) {
        return parse_json(message.payload).value().as_object().at("timestamp").as_int64();
    }
    static sparkplug::Metric command(const mqtt::Message& message) {
        return sparkplug::decode(message.payload).value().payload.metrics.at(0);
    }
    void be_born(Peer& peer) {
        peer.publish(MessageType::nbirth, node.node_birth());
        peer.publish(MessageType::dbirth, node.device_birth());
        ASSERT_TRUE(sink.wait_for("born n/v temp[Cel] led[] temp=20 led=null(stale)"));
    }
};

TEST_F(IngestTest, AnnouncesItselfAndSaysGoodbyeOnARetainedTopic) {
    Peer peer(broker.port());
    peer.subscribe("spBv1.0/STATE/hub");
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    const auto online = peer.receive();
    EXPECT_TRUE(is_online(online));
    ASSERT_TRUE(sink.wait_for("broker up"));
    Peer late(broker.port());
    late.subscribe("spBv1.0/STATE/hub");
    const auto stored = late.receive();
    EXPECT_TRUE(stored.retained);
    EXPECT_EQ(stored.payload, online.payload);
    ingest.stop();
    const auto offline = peer.receive();
    EXPECT_FALSE(is_online(offline));
    EXPECT_GE(time_of(offline), time_of(online));
}

TEST_F(IngestTest, SaysOnlineAgainWhenAnOldWillSaysOffline) {
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    ASSERT_TRUE(sink.wait_for("broker up"));
    Peer peer(broker.port());
    peer.subscribe("spBv1.0/STATE/hub");
    EXPECT_TRUE(is_online(peer.receive()));
    peer.publish("spBv1.0/STATE/hub", R"({"online":false,"timestamp":1})", true);
    EXPECT_FALSE(is_online(peer.receive()));
    EXPECT_TRUE(is_online(peer.receive()));
}

TEST_F(IngestTest, TellsBirthsDataAndDeathOfANode) {
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    ASSERT_TRUE(sink.wait_for("broker up"));
    Peer peer(broker.port());
    be_born(peer);
    peer.publish(MessageType::ddata, node.temp(21, 7));
    EXPECT_TRUE(sink.wait_for("live n/v temp=21 @7"));
    {
        mqtt::Will will;
        will.topic = "spBv1.0/lab/NDEATH/n";
        will.payload = node.node_death();
        Peer dying(broker.port(), will);
    }
    EXPECT_TRUE(sink.wait_for("died n"));
    EXPECT_EQ(ingest.counters().readings, 3u);
    EXPECT_EQ(ingest.counters().malformed, 0u);
}

TEST_F(IngestTest, AsksForARebirthByNameAfterDataWithoutABirth) {
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    ASSERT_TRUE(sink.wait_for("broker up"));
    Peer peer(broker.port());
    peer.subscribe("spBv1.0/lab/NCMD/n");
    peer.publish(MessageType::ddata, node.temp(21));
    const auto message = peer.receive();
    EXPECT_EQ(command(message).name, "Node Control/Rebirth");
    EXPECT_EQ(command(message).value, Value{true});
    EXPECT_FALSE(message.retained);
    EXPECT_EQ(sparkplug::decode(message.payload)->payload.seq, std::nullopt);
}

TEST_F(IngestTest, SendsRebirthRequestsAndAcknowledgementsItIsTold) {
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    ASSERT_TRUE(sink.wait_for("broker up"));
    Peer peer(broker.port());
    peer.subscribe("spBv1.0/lab/NCMD/+");
    ingest.request_rebirth(NodeId{"other"});
    EXPECT_EQ(peer.receive().topic, "spBv1.0/lab/NCMD/other");
    ingest.acknowledge(NodeId{"n"}, 42);
    const auto message = peer.receive();
    EXPECT_EQ(message.topic, "spBv1.0/lab/NCMD/n");
    EXPECT_EQ(command(message).name, "Node Control/Acknowledge");
    EXPECT_EQ(command(message).value, Value{std::int64_t{42}});
}

TEST_F(IngestTest, SurvivesTheDeathOfTheBroker) {
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    ASSERT_TRUE(sink.wait_for("broker up"));
    {
        Peer peer(broker.port());
        be_born(peer);
    }
    broker.kill();
    EXPECT_TRUE(sink.wait_for("broker lost"));
    EXPECT_TRUE(sink.wait_for("stale n"));
    broker.restart();
    EXPECT_TRUE(sink.wait_for("broker up"));
    Peer peer(broker.port());
    be_born(peer);
    peer.publish(MessageType::ddata, node.temp(22));
    EXPECT_TRUE(sink.wait_for("live n/v temp=22"));
    EXPECT_EQ(ingest.counters().broker_connections, 2u);
}

TEST_F(IngestTest, StopsWhileThereIsNoBroker) {
    broker.kill();
    Ingest ingest(options(), clock, sink);
    ASSERT_TRUE(ingest.start());
    EXPECT_TRUE(sink.wait_for("broker lost"));
    ingest.stop();
    ingest.request_rebirth(NodeId{"n"});
    EXPECT_EQ(ingest.counters().broker_connections, 0u);
}

TEST_F(IngestTest, RefusesIdsThatSparkplugRefuses) {
    Options wrong = options();
    wrong.host_id = "a/b";
    EXPECT_FALSE(Ingest(wrong, clock, sink).start());
    wrong = options();
    wrong.group = "STATE";
    EXPECT_FALSE(Ingest(wrong, clock, sink).start());
}

}  // namespace
}  // namespace labhub::coordinator::ingest
