#include "coordinator/ingest/node_session.hpp"

#include <gtest/gtest.h>

#include "coordinator/ingest/session_table.hpp"
#include "tests/unit/coordinator/ingest/edge_node_messages.hpp"
#include "tests/unit/coordinator/ingest/recording_sink.hpp"

namespace labhub::coordinator::ingest {
namespace {

using namespace std::chrono_literals;
using sparkplug::MessageType;
using Lines = std::vector<std::string>;

struct NodeSessionTest : testing::Test {
    ManualClock clock;
    RecordingSink sink;
    Tally tally;
    Options options;
    NodeSession session{NodeId{"n"}, options, clock, sink, tally};
    EdgeNodeMessages node{clock};

    void send(MessageType type, const std::string& bytes) { session.receive(EdgeNodeMessages::topic(type), bytes); }
    void be_born() {
        send(MessageType::nbirth, node.node_birth());
        send(MessageType::dbirth, node.device_birth());
        sink.take();
    }
    void data(const std::string& bytes) { send(MessageType::ddata, bytes); }
};

TEST_F(NodeSessionTest, TellsBirthsWithUnitsValuesAndQuality) {
    send(MessageType::nbirth, node.node_birth());
    send(MessageType::dbirth, node.device_birth());
    EXPECT_EQ(sink.take(), (Lines{"born n 3", "born n/v temp[Cel] led[] temp=20 led=null(stale)"}));
}

TEST_F(NodeSessionTest, PassesOnReadingsAndTheSpoolPosition) {
    be_born();
    data(node.temp(21.5, 77));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=21.5 @77"});
}

TEST_F(NodeSessionTest, KeepsHistoryApartFromPresentValues) {
    be_born();
    auto old = EdgeNodeMessages::metric("temp", 1.0);
    old.is_historical = true;
    old.properties[sparkplug::property::kSpoolPosition] = std::int64_t{5};
    data(node.data({old, EdgeNodeMessages::metric("temp", 2.0)}));
    EXPECT_EQ(sink.take(), (Lines{"live n/v temp=2", "history n/v temp=1 @5"}));
}

TEST_F(NodeSessionTest, WantsARebirthForDataBeforeBirth) {
    data(node.temp(1));
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.before_birth, 1u);
    EXPECT_TRUE(session.take_rebirth_request());
    EXPECT_FALSE(session.take_rebirth_request()) << "once in the interval";
    clock.advance(options.rebirth_interval);
    EXPECT_FALSE(session.take_rebirth_request()) << "a silent node is not asked again";
    data(node.temp(1));
    EXPECT_TRUE(session.take_rebirth_request()) << "the first request may have been lost";
    be_born();
    clock.advance(options.rebirth_interval);
    EXPECT_FALSE(session.take_rebirth_request());
}

TEST_F(NodeSessionTest, AsksASilentNodeWhereSomebodyWantsIt) {
    session.request_rebirth();
    EXPECT_TRUE(session.take_rebirth_request());
    session.request_rebirth();
    EXPECT_FALSE(session.take_rebirth_request());
    clock.advance(options.rebirth_interval);
    EXPECT_TRUE(session.take_rebirth_request());
}

TEST_F(NodeSessionTest, PutsMessagesBackInOrder) {
    be_born();
    const auto first = node.temp(1, 1), second = node.temp(2, 2);
    data(second);
    EXPECT_TRUE(sink.take().empty());
    data(first);
    EXPECT_EQ(sink.take(), (Lines{"live n/v temp=1 @1", "live n/v temp=2 @2"}));
    EXPECT_EQ(tally.gaps, 0u);
}

TEST_F(NodeSessionTest, WantsARebirthAfterALossAndWithholdsPositionsUntilThen) {
    be_born();
    node.temp(1, 1);
    data(node.temp(2, 2));
    clock.advance(options.reorder_window - 1ms);
    session.tick();
    EXPECT_TRUE(sink.take().empty());
    clock.advance(1ms);
    session.tick();
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=2"}) << "position 2 would cover the lost row 1";
    EXPECT_EQ(tally.gaps, 1u);
    EXPECT_TRUE(session.take_rebirth_request());
    data(node.temp(3, 3));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=3"});
    be_born();
    data(node.temp(1, 1, true));
    EXPECT_EQ(sink.take(), Lines{"history n/v temp=1 @1"});
}

TEST_F(NodeSessionTest, NoticesALossOfMoreThanHalfATurn) {
    be_born();
    for (int i = 0; i < 200; ++i) node.temp(i);
    data(node.temp(200));
    EXPECT_EQ(tally.gaps, 1u);
    EXPECT_TRUE(session.take_rebirth_request());
}

TEST_F(NodeSessionTest, EndsOnlyByTheDeathOfItsOwnSession) {
    be_born();
    const auto death = node.node_death();
    node.bd_seq = 4;
    be_born();
    send(MessageType::ndeath, death);
    EXPECT_TRUE(sink.take().empty()) << "the late Will of the session before";
    EXPECT_EQ(tally.refused_deaths, 1u);
    send(MessageType::ndeath, node.node_death());
    send(MessageType::ndeath, node.node_death());
    EXPECT_EQ(sink.take(), Lines{"died n"}) << "a second death says nothing new";
}

TEST_F(NodeSessionTest, LosesADeviceAndTakesItBack) {
    be_born();
    send(MessageType::ddeath, node.device_death());
    EXPECT_EQ(sink.take(), Lines{"died n/v"});
    data(node.temp(1));
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.before_birth, 1u);
    send(MessageType::dbirth, node.device_birth());
    data(node.temp(2));
    EXPECT_EQ(sink.take().back(), "live n/v temp=2");
}

TEST_F(NodeSessionTest, WantsARebirthForAMetricTheBirthDidNotName) {
    be_born();
    auto known = EdgeNodeMessages::metric("temp", 1.0);
    known.properties[sparkplug::property::kSpoolPosition] = std::int64_t{9};
    data(node.data({known, EdgeNodeMessages::metric("new", 2.0)}));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1"}) << "what was left out must not be acknowledged";
    EXPECT_EQ(tally.unknown_metrics, 1u);
    EXPECT_TRUE(session.take_rebirth_request());
}

TEST_F(NodeSessionTest, CountsAndSurvivesGarbage) {
    be_born();
    data("\xff\xff\xff");
    data("");
    send(MessageType::nbirth, "\x01\x02");
    send(MessageType::ndeath, "nonsense");
    EXPECT_EQ(tally.malformed, 4u);
    EXPECT_TRUE(sink.take().empty());
    EXPECT_TRUE(session.take_rebirth_request());
}

TEST_F(NodeSessionTest, IsStaleAfterSilenceAndFreshAgainAtTheFirstWord) {
    be_born();
    clock.advance(options.stale_after);
    session.tick();
    EXPECT_TRUE(sink.take().empty());
    clock.advance(1ms);
    session.tick();
    session.tick();
    EXPECT_EQ(sink.take(), Lines{"stale n"});
    data(node.temp(1));
    EXPECT_EQ(sink.take(), (Lines{"heard n", "live n/v temp=1"}));
}

TEST_F(NodeSessionTest, IsStaleWithoutABrokerAndMustBeBornAgain) {
    be_born();
    session.lose("broker lost");
    EXPECT_EQ(sink.take(), Lines{"stale n"});
    EXPECT_TRUE(session.take_rebirth_request());
    data(node.temp(1));
    EXPECT_TRUE(sink.take().empty());
}

TEST_F(NodeSessionTest, MarksWhatWasTimedByAClockThatWasNotSynchronised) {
    be_born();
    auto first = EdgeNodeMessages::metric("temp", 1.0), second = first, stale = first;
    first.properties[sparkplug::property::kClock] = std::string("unsynchronised");
    second.is_historical = true;
    stale.quality = Quality::stale;
    data(node.data({first, second, stale}));
    EXPECT_EQ(sink.take(), (Lines{"live n/v temp=1(uncertain) temp=1(stale)", "history n/v temp=1(uncertain)"}));
    data(node.temp(2));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=2"});
}

TEST_F(NodeSessionTest, RefusesTimesNoClockCanMean) {
    be_born();
    auto early = EdgeNodeMessages::metric("temp", 1.0), late = early, good = EdgeNodeMessages::metric("temp", 2.0);
    early.timestamp = UtcMillis{12'345};
    late.timestamp = clock.utc_now() + 25h;
    data(node.data({early, late, good}));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=2"});
    EXPECT_EQ(tally.refused_times, 2u);
}

TEST_F(NodeSessionTest, TakesNamesOfOtherMakes) {
    send(MessageType::nbirth, node.node_birth());
    auto birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics = {EdgeNodeMessages::metric("Inputs/A", true), EdgeNodeMessages::metric("Supply Voltage", 24.0),
                     EdgeNodeMessages::metric("Temperatur °C", 21.5)};
    send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
    data(node.data({EdgeNodeMessages::metric("Supply Voltage", 23.5)}));
    EXPECT_EQ(sink.take(), (Lines{"born n 3",
                                  "born n/v Inputs/A[] Supply Voltage[] Temperatur °C[] Inputs/A=true "
                                  "Supply Voltage=24 Temperatur °C=21.5",
                                  "live n/v Supply Voltage=23.5"}));
    EXPECT_EQ(tally.unsupported_metrics, 0u);
}

TEST_F(NodeSessionTest, LeavesOutMetricsWhoseNamesNobodyCouldShow) {
    send(MessageType::nbirth, node.node_birth());
    auto birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics.push_back(EdgeNodeMessages::metric("a\nb", 1.0));
    birth.metrics.push_back(EdgeNodeMessages::metric(std::string(129, 'x'), 1.0));
    birth.metrics.push_back(EdgeNodeMessages::metric("bad", 1.0));
    std::string bytes = sparkplug::encode(MessageType::dbirth, birth).value();
    const auto make_bad = [](std::string& message) {
        message.replace(message.find("bad"), 3,
                        "b\xff"
                        "d");
    };
    make_bad(bytes);
    send(MessageType::dbirth, bytes);
    EXPECT_EQ(tally.unsupported_metrics, 2u);
    EXPECT_EQ(tally.unknown_metrics, 1u) << "which is not UTF-8";
    sink.take();
    data(node.data({EdgeNodeMessages::metric("a\nb", 2.0), EdgeNodeMessages::metric("temp", 2.0)}));
    bytes = node.data({EdgeNodeMessages::metric("bad", 2.0), EdgeNodeMessages::metric("temp", 3.0)});
    make_bad(bytes);
    data(bytes);
    EXPECT_EQ(sink.take(), (Lines{"live n/v temp=2", "live n/v temp=3"}));
    EXPECT_EQ(tally.unsupported_metrics, 3u);
    EXPECT_FALSE(session.take_rebirth_request()) << "which would mend nothing";
}

TEST_F(NodeSessionTest, BelievesANodeThatIsEnrolledAnewFromItsNextBirthOn) {
    be_born();
    session.lose("enrolled anew");
    data(node.temp(1));
    EXPECT_EQ(sink.take(), Lines{"stale n"});
    session.request_rebirth();
    EXPECT_TRUE(session.take_rebirth_request());
    send(MessageType::nbirth, node.node_birth());
    send(MessageType::dbirth, node.device_birth());
    data(node.temp(2));
    EXPECT_EQ(sink.take().back(), "live n/v temp=2");
}

TEST_F(NodeSessionTest, TellsReadingsHeldBeforeARebirthThatOvertookTheGap) {
    be_born();
    node.temp(1);
    data(node.temp(2));
    send(MessageType::nbirth, node.node_birth());
    EXPECT_EQ(sink.take(), (Lines{"live n/v temp=2", "born n 3"}));
}

struct SessionTableTest : testing::Test {
    ManualClock clock;
    RecordingSink sink;
    Tally tally;
    Options options;
    SessionTable table{options, clock, sink, tally};
    EdgeNodeMessages node{clock};
};

TEST_F(SessionTableTest, RefusesRetainedBirthsAndData) {
    table.receive({"spBv1.0/lab/NBIRTH/n", node.node_birth(), 0, true});
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.refused_retained, 1u);
    table.receive({"spBv1.0/lab/NBIRTH/n", node.node_birth(), 0, false});
    EXPECT_EQ(sink.take(), Lines{"born n 3"});
}

TEST_F(SessionTableTest, IgnoresOtherGroupsAndNamesThatAreNone) {
    for (const char* topic : {"spBv1.0/other/NBIRTH/n", "spBv1.0/lab/NBIRTH/..", "spBv1.0/lab", "x"})
        table.receive({topic, node.node_birth(), 0, false});
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.malformed, 4u);
}

TEST_F(SessionTableTest, TakesNodesWithIdsOfOtherMakes) {
    table.receive({"spBv1.0/lab/NBIRTH/PLC 1 Süd", node.node_birth(), 0, false});
    EXPECT_EQ(sink.take(), Lines{"born PLC 1 Süd 3"});
}

TEST_F(SessionTableTest, AsksANodeThatIsEnrolledAnewAtOnce) {
    table.receive({"spBv1.0/lab/NBIRTH/n", node.node_birth(), 0, false});
    table.request_rebirth(NodeId{"n"});
    EXPECT_EQ(table.take_rebirth_requests(5).size(), 1u);
    table.begin_anew(NodeId{"n"}, "enrolled anew");
    table.begin_anew(NodeId{"never heard"}, "enrolled anew");
    EXPECT_EQ(table.take_rebirth_requests(5).size(), 2u);
    EXPECT_EQ(sink.take(), (Lines{"born n 3", "stale n"}));
}

TEST_F(SessionTableTest, SpacesOutRebirthRequests) {
    for (int i = 0; i < 7; ++i) table.request_rebirth(NodeId{"n" + std::to_string(i)});
    EXPECT_EQ(table.take_rebirth_requests(5).size(), 5u);
    EXPECT_EQ(table.take_rebirth_requests(5).size(), 2u);
    EXPECT_TRUE(table.take_rebirth_requests(5).empty());
}

}  // namespace
}  // namespace labhub::coordinator::ingest
