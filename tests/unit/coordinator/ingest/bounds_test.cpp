// What a node, or a stranger with many names, can make the ingest keep.
#include "shared/proto/sparkplug_b.pb.h"
#include "tests/unit/coordinator/ingest/session_fixture.hpp"

namespace labhub::coordinator::ingest {
namespace {

using sparkplug::MessageType;
using Lines = std::vector<std::string>;
namespace pb = labhub::sparkplug_b;

using BoundsTest = SessionFixture;

TEST_F(BoundsTest, BoundsTheMetricsOfAllNodesTogether) {
    send(MessageType::nbirth, node.node_birth());
    tally.known_metrics = 499'999;
    send(MessageType::dbirth, node.device_birth());
    EXPECT_EQ(tally.malformed, 1u);
    EXPECT_EQ(sink.take(), Lines{"born n 3"});
    tally.known_metrics = 500'002;
    send(MessageType::nbirth, node.node_birth());
    EXPECT_EQ(tally.malformed, 2u);
    EXPECT_TRUE(sink.take().empty());
}

TEST_F(BoundsTest, ForgetsTheMetricsOfASessionThatEnded) {
    be_born();
    EXPECT_EQ(tally.known_metrics, 5u);
    be_born();
    EXPECT_EQ(tally.known_metrics, 5u);
    send(MessageType::ddeath, node.device_death());
    EXPECT_EQ(tally.known_metrics, 3u) << "the node's own";
    be_born();
    session.lose("broker lost");
    EXPECT_EQ(tally.known_metrics, 0u);
}

TEST_F(BoundsTest, RefusesANodeBirthOfThousandsOfMetrics) {
    pb::Payload birth;
    EXPECT_TRUE(birth.ParseFromString(node.node_birth()));
    for (int i = 0; i < 2'000; ++i) birth.add_metrics()->set_name("m" + std::to_string(i));
    send(MessageType::nbirth, birth.SerializeAsString());
    EXPECT_EQ(tally.malformed, 1u);
    EXPECT_EQ(tally.known_metrics, 0u);
    EXPECT_TRUE(sink.take().empty());
}

TEST_F(BoundsTest, RemembersOnlySoManyDevicesThatWere) {
    be_born();
    for (int i = 0; i < 1'000; ++i) {
        const std::string name = "d" + std::to_string(i);
        session.receive({"lab", MessageType::dbirth, "n", name}, node.device_birth());
        session.receive({"lab", MessageType::ddeath, "n", name}, node.device_death());
    }
    EXPECT_EQ(tally.malformed, 0u);
    EXPECT_EQ(tally.former_metrics, 512u) << "two of each of 256";
    EXPECT_EQ(tally.known_metrics, 5u);
}

TEST_F(BoundsTest, WaitsNoLongerForAMissingMessageWhenTooManyBytesWait) {
    be_born();
    node.temp(0);
    data(node.temp(1));
    EXPECT_TRUE(sink.take().empty());
    EXPECT_GT(tally.held_bytes, 0u);
    tally.held_bytes += 64u << 20;
    data(node.temp(2));
    EXPECT_EQ(sink.take(), (Lines{"live n/v temp=1", "live n/v temp=2"}));
    EXPECT_EQ(tally.held_bytes, 64u << 20);
    EXPECT_EQ(tally.gaps, 1u);
    EXPECT_TRUE(session.take_rebirth_request());
}

TEST_F(BoundsTest, CountsMetricsOfABirthThatAreNotTakenToo) {
    send(MessageType::nbirth, node.node_birth());
    auto birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics.push_back(EdgeNodeMessages::metric("a\nb", 1.0));
    send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
    EXPECT_EQ(tally.unsupported_metrics, 1u);
    EXPECT_EQ(tally.known_metrics, 6u) << "three of the node, three of the device";
    EXPECT_GT(tally.known_bytes, 500u);
    session.lose("broker lost");
    EXPECT_EQ(tally.known_metrics, 0u);
    EXPECT_EQ(tally.known_bytes, 0u);
}

TEST_F(BoundsTest, CountsTheBytesOfNamesUnitsAndDescriptions) {
    send(MessageType::nbirth, node.node_birth());
    const auto before = tally.known_bytes.load();
    auto birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics.push_back(EdgeNodeMessages::metric(std::string(1'000'000, 'x'), 1.0));
    send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
    EXPECT_GT(tally.known_bytes - before, 2'000'000u) << "not taken, but known";
    tally.known_bytes += 256u << 20;
    session.receive({"lab", MessageType::dbirth, "n", "w"}, node.device_birth());
    EXPECT_EQ(tally.malformed, 1u);
    tally.known_bytes -= 256u << 20;
}

TEST_F(BoundsTest, KeepsRoomForEnrolledNodesThatStrangersCannotTake) {
    send(MessageType::nbirth, node.node_birth());
    tally.known_metrics += 500'000;
    send(MessageType::dbirth, node.device_birth());
    EXPECT_EQ(sink.take(), Lines{"born n 3"}) << "there is no room for a stranger's device";
    options.host_keys[NodeId{"n"}] = "";
    be_born();
    data(node.temp(1, 1));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @1"});
    tally.known_metrics -= 500'000;
}

}  // namespace
}  // namespace labhub::coordinator::ingest
