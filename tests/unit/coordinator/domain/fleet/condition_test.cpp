#include "coordinator/domain/fleet/condition.hpp"

#include <gtest/gtest.h>

#include "coordinator/domain/fleet/fleet.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::fleet {
namespace {

using Metrics = std::map<std::string, Value>;

const NodeId kNode{"n"};

Metrics dropped(std::int64_t count) {
    return {{"Node Info/Spool Depth", std::int64_t{5}}, {"Node Info/Spool Dropped", count}};
}

TEST(SpoolCondition, IsWhatTheNodeSaysOfIt) {
    const auto spool = spool_condition({{"Node Info/Spool Depth", std::int64_t{12}},
                                        {"Node Info/Spool Bytes", std::int64_t{4096}},
                                        {"Node Info/Spool Dropped", std::int64_t{33}},
                                        {"Node Info/Spool Dropped Readings", std::int64_t{30}},
                                        {"Node Info/Spool Dropped State Changes", std::int64_t{2}},
                                        {"Node Info/Spool Dropped Alarms", std::int64_t{1}},
                                        {"Node Info/Spool Replaced", std::int64_t{1}},
                                        {"Node Info/Spool Problem", std::string("the disk is full")}});
    ASSERT_TRUE(spool);
    EXPECT_EQ(spool->rows, 12);
    EXPECT_EQ(spool->bytes, 4096);
    EXPECT_EQ(spool->dropped, 33);
    EXPECT_EQ(spool->dropped_readings, 30);
    EXPECT_EQ(spool->dropped_state_changes, 2);
    EXPECT_EQ(spool->dropped_alarms, 1);
    EXPECT_EQ(spool->replaced, 1);
    EXPECT_EQ(spool->problem, "the disk is full");
}

TEST(SpoolCondition, IsUnknownOfANodeOfAnotherMake) {
    EXPECT_FALSE(spool_condition({{"Properties/Model", std::string("x")}}));
    EXPECT_FALSE(clock_condition({}));
}

TEST(SpoolCondition, TakesNothingOfAnotherType) {
    const auto spool = spool_condition(
        {{"Node Info/Spool Depth", std::string("many")}, {"Node Info/Spool Problem", std::string(1000, '\x01')}});
    ASSERT_TRUE(spool);
    EXPECT_EQ(spool->rows, 0);
    EXPECT_LT(spool->problem.size(), 1000u);
}

TEST(ClockCondition, IsSynchronisedUnlessTheNodeSaysOtherwise) {
    const auto clock = [](const char* state) { return clock_condition({{"Node Info/Clock", std::string(state)}}); };
    EXPECT_TRUE(clock("synchronised")->is_synchronised());
    EXPECT_TRUE(clock("trusted")->is_synchronised());
    EXPECT_FALSE(clock("unsynchronised")->is_synchronised());
}

struct SpoolLossTest : testing::Test {
    SpoolLossTest() {
        link::Enrolment enrolment;
        enrolment.node = kNode;
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;  // nobody listens there
        fleet.enrol(std::move(enrolment), "nobody", "/nonexistent/key");
    }
    ~SpoolLossTest() override { test::run_task(io, fleet.stop()); }
    std::optional<UtcMillis> told() const { return fleet.nodes().at(kNode).spool_dropped_at; }
    /// Whether the change is taken for a loss; an hour passes before it.
    bool is_loss(const Metrics& changed) {
        clock.advance(std::chrono::hours{1});
        fleet.node_changed(kNode, changed);
        return told() == clock.utc_now();
    }

    asio::io_context io;
    ManualClock clock;
    Fleet fleet{io.get_executor(), clock};
};

TEST_F(SpoolLossTest, IsToldWhenTheCountRises) {
    fleet.node_born(kNode, clock.utc_now(), dropped(0));
    EXPECT_FALSE(told());
    EXPECT_TRUE(is_loss(dropped(3)));
    EXPECT_FALSE(is_loss(dropped(3)));
    EXPECT_FALSE(is_loss({{"Node Info/Spool Bytes", std::int64_t{9}}}));
    EXPECT_TRUE(is_loss(dropped(4)));
}

TEST_F(SpoolLossTest, IsToldOfWhatHappenedBeforeTheFirstBirth) {
    fleet.node_born(kNode, clock.utc_now(), dropped(7));
    EXPECT_EQ(told(), clock.utc_now());
}

TEST_F(SpoolLossTest, IsToldAgainAfterTheAgentsRestart) {
    fleet.node_born(kNode, clock.utc_now(), dropped(7));
    EXPECT_FALSE(is_loss(dropped(0)));
    EXPECT_TRUE(is_loss(dropped(2)));
}

TEST(RecentSamples, AreFewerWhereThereAreManyNodes) {
    asio::io_context io;
    const ManualClock clock;
    Fleet fleet{io.get_executor(), clock};
    const auto enrol = [&fleet](int number) {
        link::Enrolment enrolment;
        enrolment.node = NodeId{"n" + std::to_string(number)};
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;
        fleet.enrol(std::move(enrolment), "nobody", "/nonexistent/key");
    };
    const DeviceAddress device{NodeId{"n0"}, "vessel"};
    std::int64_t time = 0;
    const auto kept = [&] {
        for (int i = 0; i < 700; ++i) fleet.add_readings(device, {{"a", 1.0, UtcMillis{++time}, Quality::good}});
        return fleet.device(device).value()->recent.size();
    };
    enrol(0);
    EXPECT_EQ(kept(), Fleet::kRecentSamples);
    for (int number = 1; number < 1'000; ++number) enrol(number);
    EXPECT_EQ(kept(), 30u);
    EXPECT_EQ(fleet.device(device).value()->recent.newest(), UtcMillis{time});
    test::run_task(io, fleet.stop());
}

}  // namespace
}  // namespace labhub::coordinator::fleet
