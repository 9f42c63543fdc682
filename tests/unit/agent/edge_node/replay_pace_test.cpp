#include "agent/edge_node/replay_pace.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::edge_node {
namespace {

using namespace std::chrono_literals;

TEST(ReplayPace, AllowsSoManyMessagesASecond) {
    ReplayPace pace({50, 1u << 20, 15s});
    Steady::time_point now{1h};
    std::uint32_t sent = 0;
    for (int i = 0; i < 1'000; ++i, now += 10ms)
        while (pace.allowance(now) > 0) pace.sent(1), ++sent;
    EXPECT_NEAR(sent, 500, 10);
    EXPECT_GT(pace.wait(), 0ms);
}

TEST(ReplayPace, AllowsASlowPaceToo) {
    ReplayPace pace({1, 1u << 20, 15s});
    Steady::time_point now{1h};
    std::uint32_t sent = 0;
    for (int i = 0; i < 1'000; ++i, now += 10ms)
        while (pace.allowance(now) > 0) pace.sent(1), ++sent;
    EXPECT_NEAR(sent, 10, 1);
}

TEST(ReplayPace, HoldsBackWhatIsMoreThanMayBeUnderWay) {
    ReplayPace pace({50, 30'000, 15s});
    const Steady::time_point now{1h};
    EXPECT_TRUE(pace.has_room(0));
    EXPECT_FALSE(pace.has_room(40'000)) << "on this side of the broker";
    pace.under_way(10, 20'000, now);
    pace.under_way(20, 20'000, now);
    EXPECT_FALSE(pace.has_room(0));
    pace.acknowledged(9, now);
    EXPECT_FALSE(pace.has_room(0));
    pace.acknowledged(10, now);
    EXPECT_TRUE(pace.has_room(0));
}

TEST(ReplayPace, NoticesThatNothingIsAcknowledgedAnyMore) {
    ReplayPace pace({50, 30'000, 15s});
    Steady::time_point now{1h};
    EXPECT_FALSE(pace.has_stalled(now));
    pace.under_way(10, 20'000, now);
    pace.under_way(20, 20'000, now += 10s);
    EXPECT_FALSE(pace.has_stalled(now));
    pace.acknowledged(10, now);
    EXPECT_FALSE(pace.has_stalled(now += 10s));
    EXPECT_TRUE(pace.has_stalled(now += 10s));
    pace.restart();
    EXPECT_FALSE(pace.has_stalled(now));
}

}  // namespace
}  // namespace labhub::agent::edge_node
