#include "coordinator/api/pace.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::api {
namespace {

using namespace std::chrono_literals;

const JobId kJob{"job-1"}, kOther{"job-2"};
const Steady::time_point kBegin{1h};

TEST(Pace, LetsABurstThroughAtOnceAndSlowsDownWhatFollows) {
    Pace pace{{100, 5, 1000ms}};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(*pace.ask(kJob, kBegin), 0ms) << i;
    EXPECT_EQ(*pace.ask(kJob, kBegin), 10ms);
    EXPECT_EQ(*pace.ask(kJob, kBegin), 20ms);
}

TEST(Pace, NobodyThatKeepsToThePaceWaits) {
    Pace pace{{100, 5, 1000ms}};
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(*pace.ask(kJob, kBegin + i * 10ms), 0ms) << i;
}

TEST(Pace, RefusesWhoeverWouldWaitTooLongAndNoLongerThanThat) {
    Pace pace{{100, 1, 50ms}};
    int allowed = 0;
    while (allowed < 1000 && pace.ask(kJob, kBegin)) ++allowed;
    EXPECT_EQ(allowed, 6);
    const auto refused = pace.ask(kJob, kBegin);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::too_many);
    EXPECT_TRUE(pace.ask(kJob, kBegin + 10ms));
}

TEST(Pace, OneScriptDoesNotSlowDownAnother) {
    Pace pace{{100, 1, 50ms}};
    while (pace.ask(kJob, kBegin)) {
    }
    EXPECT_EQ(*pace.ask(kOther, kBegin), 0ms);
}

TEST(Pace, ForgetsJobsThatAskNoMore) {
    Pace pace;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pace.ask(JobId{"job-" + std::to_string(i)}, kBegin));
    EXPECT_EQ(pace.jobs(), 100u);
    ASSERT_TRUE(pace.ask(kJob, kBegin + 1min));
    EXPECT_EQ(pace.jobs(), 1u);
}

}  // namespace
}  // namespace labhub::coordinator::api
