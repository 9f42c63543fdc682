// What births don't mend: asked for less and less often, then left out, and taken again when a birth puts it right.
#include "coordinator/ingest/defects.hpp"

#include <functional>

#include "coordinator/ingest/rebirths.hpp"
#include "shared/proto/sparkplug_b.pb.h"
#include "tests/unit/coordinator/ingest/session_fixture.hpp"

namespace labhub::coordinator::ingest {
namespace {

using namespace std::chrono_literals;
using sparkplug::MessageType;
using Lines = std::vector<std::string>;
namespace pb = labhub::sparkplug_b;

struct DefectsTest : SessionFixture {
    /// A good "temp" with a position, and what `add` makes of the message beside it.
    std::string data_with(std::int64_t position, const std::function<void(pb::Payload&)>& add) {
        pb::Payload payload;
        EXPECT_TRUE(payload.ParseFromString(node.temp(1, position)));
        add(payload);
        return payload.SerializeAsString();
    }
    std::string with_unknown(std::int64_t position) {
        return data_with(position, [](pb::Payload& payload) {
            auto& metric = *payload.add_metrics();
            metric.set_name("new"), metric.set_datatype(10), metric.set_double_value(2);
        });
    }
    std::string with_retyped(std::int64_t position) {
        return data_with(position, [](pb::Payload& payload) {
            auto& metric = *payload.add_metrics();
            metric.set_name("led"), metric.set_datatype(12), metric.set_string_value("on");
        });
    }
    /// The last field of the last metric goes past its end.
    std::string with_unreadable(std::int64_t position) {
        return node.temp(1, position) + std::string("\x12\x03\x0a\x05x", 5);
    }
    /// How long it takes until a rebirth is asked for, while the node goes on sending.
    std::chrono::seconds until_asked(const std::function<void()>& send_again) {
        std::chrono::seconds waited{0};
        while (!session.take_rebirth_request() && waited < 1h) {
            clock.advance(1s);
            ++waited;
            send_again();
        }
        return waited;
    }
    /// Three births that mend nothing, each after it was asked for. How long each request took.
    std::vector<std::chrono::seconds> be_born_in_vain(const std::function<void()>& send_again) {
        std::vector<std::chrono::seconds> waits;
        for (int i = 0; i < Defects::kFruitlessBirths; ++i) {
            send_again();
            waits.push_back(until_asked(send_again));
            be_born();
        }
        return waits;
    }
    void be_born_with(const std::function<void(sparkplug::Payload&)>& change) {
        send(MessageType::nbirth, node.node_birth());
        auto birth = sparkplug::decode(node.device_birth()).value().payload;
        change(birth);
        send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
        sink.take();
    }
};

const std::vector<std::chrono::seconds> kWaits{0s, 30s, 300s};

TEST_F(DefectsTest, AsksLessAndLessForAMetricNoBirthNamesAndThenLeavesItOut) {
    be_born();
    data(with_unknown(1));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1"}) << "withheld: a birth may mend it";
    EXPECT_EQ(be_born_in_vain([&] { data(with_unknown(1)); }), kWaits);
    data(with_unknown(9));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @9"}) << "acknowledged again";
    EXPECT_EQ(tally.given_up, 1u);
    EXPECT_EQ(tally.given_up_values, 1u);
    EXPECT_EQ(until_asked([&] { data(with_unknown(9)); }), 1h) << "and asked no more";
    EXPECT_EQ(log.lines_with("'new'"), 2u) << "when it was found, and when it was given up";
    EXPECT_EQ(log.lines_with("left out from now on"), 1u);
}

TEST_F(DefectsTest, TakesAMetricAgainOnceABirthNamesIt) {
    be_born();
    be_born_in_vain([&] { data(with_unknown(1)); });
    data(with_unknown(2));
    EXPECT_EQ(tally.given_up, 1u);
    be_born_with([](sparkplug::Payload& birth) { birth.metrics.push_back(EdgeNodeMessages::metric("new", 0.0)); });
    EXPECT_EQ(tally.given_up, 0u);
    data(with_unknown(3));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 new=2 @3"});
    be_born();
    sink.take();
    data(with_unknown(4));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1"}) << "forgiven: it is asked for again";
    EXPECT_LT(until_asked([&] { data(with_unknown(4)); }), 60s);
}

TEST_F(DefectsTest, LeavesOutValuesOfAnotherTypeUntilABirthHasThatType) {
    be_born();
    EXPECT_EQ(be_born_in_vain([&] { data(with_retyped(1)); }), kWaits);
    data(with_retyped(7));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @7"});
    EXPECT_EQ(tally.given_up, 1u);
    be_born_with([](sparkplug::Payload& birth) {
        birth.metrics[1].datatype = sparkplug::DataType::string;
        birth.metrics[1].value = std::string("off");
    });
    EXPECT_EQ(tally.given_up, 0u);
    data(with_retyped(8));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 led=on @8"});
}

TEST_F(DefectsTest, TakesTheRestOfAMessageWithAMetricThatCantBeRead) {
    be_born();
    data(with_unreadable(1));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1"});
    EXPECT_EQ(tally.malformed, 1u);
    EXPECT_EQ(be_born_in_vain([&] { data(with_unreadable(1)); }), kWaits);
    data(with_unreadable(5));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @5"});
}

TEST_F(DefectsTest, LeavesOutADeviceThatIsNeverBornAndAcknowledgesTheOthers) {
    const auto send_both = [&] {
        session.receive({"lab", MessageType::ddata, "n", "w"}, node.temp(2, 3));
        data(node.temp(1, 4));
    };
    be_born();
    EXPECT_EQ(be_born_in_vain(send_both), kWaits);
    send_both();
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @4"});
    session.receive({"lab", MessageType::dbirth, "n", "w"}, node.device_birth());
    EXPECT_EQ(tally.given_up, 0u);
    sink.take();
    send_both();
    EXPECT_EQ(sink.take(), (Lines{"live n/w temp=2 @3", "live n/v temp=1 @4"}));
}

TEST_F(DefectsTest, LeavesOutWhatTheNodeItselfNeverNames) {
    const auto send_node_data = [&] {
        sparkplug::Payload changes;
        changes.timestamp = clock.utc_now();
        changes.seq = node.seq.current();
        node.seq.advance();
        changes.metrics = {EdgeNodeMessages::metric("Node Info/Secret", 1.0)};
        send(MessageType::ndata, sparkplug::encode(MessageType::ndata, changes).value());
    };
    be_born();
    EXPECT_EQ(be_born_in_vain(send_node_data), kWaits);
    send_node_data();
    data(node.temp(1, 4));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @4"});
    EXPECT_GT(log.lines_with("'Node Info/Secret' of the node itself"), 0u);
}

TEST_F(DefectsTest, AsksForGapsAsBeforeWhateverIsGivenUp) {
    be_born();
    be_born_in_vain([&] { data(with_unknown(1)); });
    data(with_unknown(2));
    for (int i = 0; i < 10; ++i) {
        clock.advance(options.rebirth_interval);
        node.temp(1);
        data(node.temp(2));
        clock.advance(options.reorder_window);
        session.tick();
        EXPECT_TRUE(session.take_rebirth_request()) << i;
        be_born();
    }
    EXPECT_EQ(tally.gaps, 10u);
}

TEST_F(DefectsTest, ForgetsWhatHasNotBeenSeenForLong) {
    be_born();
    be_born_in_vain([&] { data(with_unknown(1)); });
    data(with_unknown(2));
    EXPECT_EQ(tally.given_up, 1u);
    clock.advance(options.rebirth_interval * 120);
    session.tick();
    EXPECT_EQ(tally.given_up, 0u);
    EXPECT_EQ(tally.defects, 0u);
}

TEST_F(DefectsTest, KeepsOnlySoManyApartAndJudgesTheRestAsOne) {
    be_born();
    const auto send_all = [&] {
        data(data_with(1, [](pb::Payload& payload) {
            for (int i = 0; i < 600; ++i) {
                auto& metric = *payload.add_metrics();
                metric.set_name("new" + std::to_string(i)), metric.set_datatype(10), metric.set_double_value(2);
            }
        }));
    };
    EXPECT_EQ(be_born_in_vain(send_all), kWaits);
    EXPECT_EQ(tally.defects, Defects::kMostOfANode + 1);
    sink.take();
    send_all();
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @1"});
    EXPECT_LT(log.lines_with("new"), 150u);
}

TEST_F(DefectsTest, NeverGivesUpADeviceItHadNoRoomForItself) {
    send(MessageType::nbirth, node.node_birth());
    for (int i = 0; i < 5; ++i) {
        tally.known_metrics += 500'000;
        send(MessageType::dbirth, node.device_birth());
        tally.known_metrics -= 500'000;
        data(node.temp(1, 1));
        EXPECT_EQ(until_asked([&] { data(node.temp(1, 1)); }), 60s);
        send(MessageType::nbirth, node.node_birth());
    }
    EXPECT_EQ(tally.given_up, 0u);
    EXPECT_EQ(log.lines_with("no room for device v"), 3u) << "the 1st, 2nd and 4th time";
}

TEST_F(DefectsTest, IsForgottenWithItsNode) {
    {
        NodeSession other(NodeId{"n"}, options, clock, sink, tally);
        other.receive(EdgeNodeMessages::topic(MessageType::nbirth), node.node_birth());
        other.receive(EdgeNodeMessages::topic(MessageType::ddata), node.temp(1));
        EXPECT_EQ(tally.defects, 1u);
        EXPECT_EQ(tally.nodes, 2u);
    }
    EXPECT_EQ(tally.defects, 0u);
    EXPECT_EQ(tally.nodes, 1u);
    EXPECT_EQ(tally.known_bytes, 0u);
}

TEST(Rebirths, AsksANodeThatSpeaksAndIsNeverBornLessOftenAfterAWhile) {
    Rebirths rebirths(5s);
    Steady::time_point now{};
    int asked = 0;
    rebirths.want(now);
    for (int second = 0; second < 3'600; ++second, now += 1s) asked += rebirths.take(now, now) ? 1 : 0;
    EXPECT_GT(asked, 60);
    EXPECT_LT(asked, 80) << "one a minute after the first twelve";
    rebirths.answered();
    EXPECT_FALSE(rebirths.take(now, now));
    rebirths.want(now + 30s);
    EXPECT_FALSE(rebirths.take(now + 29s, now + 29s));
    EXPECT_TRUE(rebirths.take(now + 30s, now + 30s));
}

}  // namespace
}  // namespace labhub::coordinator::ingest
