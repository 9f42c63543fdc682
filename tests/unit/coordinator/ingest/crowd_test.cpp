// Many nodes, most of them made up, and what stands in the log of them.
#include "coordinator/ingest/session_table.hpp"

#include "shared/proto/sparkplug_b.pb.h"
#include "tests/unit/coordinator/ingest/session_fixture.hpp"

namespace labhub::coordinator::ingest {
namespace {

using namespace std::chrono_literals;
using sparkplug::MessageType;
using Lines = std::vector<std::string>;

constexpr int kPlaces = 10'000;

struct CrowdTest : testing::Test {
    ManualClock clock;
    RecordingSink sink;
    Tally tally;
    Options options;
    SessionTable table{options, clock, sink, tally};
    EdgeNodeMessages mine{clock}, foreign{clock}, late{clock};
    CapturedLog log;

    void receive(const char* type, const std::string& rest, const std::string& bytes, bool is_retained = false) {
        table.receive({std::string("spBv1.0/lab/") + type + "/" + rest, bytes, 0, is_retained});
    }
    void be_born(EdgeNodeMessages& node, const std::string& name) {
        receive("NBIRTH", name, node.node_birth());
        receive("DBIRTH", name + "/v", node.device_birth());
        sink.take();
    }
    void fill(const std::string& prefix, int count) {
        for (int i = 0; i < count; ++i) receive("NDATA", prefix + std::to_string(i), "x");
    }
};

TEST_F(CrowdTest, MakesRoomForNewNodesByForgettingStrangersThatWereNeverBorn) {
    options.host_keys[NodeId{"mine"}] = "";
    be_born(mine, "mine");
    be_born(foreign, "foreign");
    clock.advance(1s);
    fill("stranger", 2 * kPlaces);
    EXPECT_LE(tally.nodes, static_cast<std::uint64_t>(kPlaces));
    EXPECT_GE(tally.forgotten_nodes, static_cast<std::uint64_t>(kPlaces));
    be_born(late, "late");
    receive("DDATA", "late/v", late.temp(3, 3));
    receive("DDATA", "mine/v", mine.temp(1, 1));
    receive("DDATA", "foreign/v", foreign.temp(2, 2));
    EXPECT_EQ(sink.take(), (Lines{"live late/v temp=3 @3", "live mine/v temp=1 @1", "live foreign/v temp=2 @2"}));
    EXPECT_LT(log.lines_with("are forgotten"), 20u);
}

TEST_F(CrowdTest, ForgetsTheLongestSilentOfThoseThatWereBornAndSaysSo) {
    be_born(foreign, "foreign");
    for (int i = 1; i < kPlaces; ++i) {
        if (i == 1) clock.advance(1s);
        be_born(late, "s" + std::to_string(i));
    }
    EXPECT_EQ(tally.nodes, static_cast<std::uint64_t>(kPlaces));
    receive("NBIRTH", "one-more", mine.node_birth());
    const auto told = sink.take();
    EXPECT_EQ(told.size(), 101u) << "a hundred at once, and the new one";
    EXPECT_NE(std::find(told.begin(), told.end(), "stale foreign"), told.end());
    EXPECT_EQ(told.back(), "born one-more 3");
}

TEST_F(CrowdTest, AlwaysHasAPlaceForAnEnrolledNode) {
    for (int i = 0; i <= kPlaces; ++i) options.host_keys[NodeId{"e" + std::to_string(i)}] = "";
    fill("e", kPlaces);
    receive("NBIRTH", "stranger", foreign.node_birth());
    EXPECT_TRUE(sink.take().empty()) << "there is nobody who could make room";
    receive("NBIRTH", "e" + std::to_string(kPlaces), mine.node_birth());
    EXPECT_EQ(sink.take(), Lines{"born e10000 3"});
}

TEST_F(CrowdTest, LogsWhatIsWrongWithANodeOnceAndThenWheneverItsNumberHasDoubled) {
    options.host_keys[NodeId{"mine"}] = "";
    for (int i = 0; i < 5; ++i) receive("NDATA", "mine", mine.node_birth(), true);
    EXPECT_EQ(tally.refused_retained, 5u);
    EXPECT_EQ(log.lines_with("node mine: ignored a retained NDATA"), 3u);
    be_born(mine, "mine");
    EdgeNodeMessages former(clock);
    former.bd_seq = 99;
    for (int i = 0; i < 3; ++i) receive("NDEATH", "mine", former.node_death());
    EXPECT_EQ(tally.refused_deaths, 3u);
    EXPECT_EQ(log.lines_with("node mine: ignored an NDEATH of another session"), 2u);
    for (int i = 0; i < 3; ++i) receive("DDATA", "mine/v", "garbage");
    EXPECT_EQ(log.lines_with("node mine: DDATA v:"), 2u);
}

TEST_F(CrowdTest, SaysThatANodeIsNeverBornOnlyOnceItWasAskedTwice) {
    for (int i = 0; i < 2; ++i) {
        receive("DDATA", "foreign/v", foreign.temp(1));
        EXPECT_EQ(log.lines_with("no NBIRTH"), 0u);
        EXPECT_EQ(table.take_rebirth_requests(1).size(), 1u);
        clock.advance(options.rebirth_interval);
    }
    receive("DDATA", "foreign/v", foreign.temp(1));
    EXPECT_EQ(log.lines_with("node foreign: sends DDATA and no NBIRTH"), 1u);
    EXPECT_EQ(tally.before_birth, 3u);
}

TEST_F(CrowdTest, LogsValuesThatAreNotOfTheirOwnType) {
    be_born(foreign, "foreign");
    sparkplug_b::Payload payload;
    ASSERT_TRUE(payload.ParseFromString(foreign.temp(1)));
    payload.mutable_metrics(0)->set_string_value("hot");
    receive("DDATA", "foreign/v", payload.SerializeAsString());
    EXPECT_EQ(tally.unsupported_metrics, 1u);
    EXPECT_EQ(log.lines_with("node foreign: a value of v/temp is no number"), 1u);
}

TEST_F(CrowdTest, LetsStrangersFillOnlySoMuchOfTheLog) {
    for (int i = 0; i < 1'000; ++i) receive("NDATA", "s" + std::to_string(i), "", true);
    EXPECT_EQ(log.lines_with("ignored a retained"), 100u);
    options.host_keys[NodeId{"mine"}] = "";
    receive("NDATA", "mine", "", true);
    EXPECT_EQ(log.lines_with("node mine: ignored a retained"), 1u);
    clock.advance(3s);
    for (int i = 1'000; i < 2'000; ++i) receive("NDATA", "s" + std::to_string(i), "", true);
    EXPECT_EQ(log.lines_with("ignored a retained"), 104u);
    EXPECT_EQ(log.lines_with("ingest: 900 lines"), 1u);
}

TEST_F(CrowdTest, NamesWhatIsNotTakenOfStrangersOnlySoOften) {
    for (int i = 0; i < 300; ++i) {
        const std::string name = "s" + std::to_string(i);
        receive("NBIRTH", name, foreign.node_birth());
        auto birth = sparkplug::decode(foreign.device_birth()).value().payload;
        birth.metrics.push_back(EdgeNodeMessages::metric("a\nb", 1.0));
        receive("DBIRTH", name + "/v", sparkplug::encode(MessageType::dbirth, birth).value());
    }
    EXPECT_EQ(tally.unsupported_metrics, 300u);
    EXPECT_EQ(log.lines_with("is not taken"), 100u);
}

TEST_F(CrowdTest, CountsWaitsThatWereCutShort) {
    be_born(foreign, "foreign");
    foreign.temp(0);
    receive("DDATA", "foreign/v", foreign.temp(1));
    tally.held_bytes += 64u << 20;
    receive("DDATA", "foreign/v", foreign.temp(2));
    EXPECT_EQ(tally.snapshot().crowded_waits, 1u);
    EXPECT_EQ(tally.snapshot().nodes, 1u);
}

}  // namespace
}  // namespace labhub::coordinator::ingest
