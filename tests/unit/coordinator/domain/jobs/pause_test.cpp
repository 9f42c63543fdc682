#include "coordinator/domain/jobs/pause.hpp"

#include <gtest/gtest.h>

#include "coordinator/domain/jobs/job.hpp"

namespace labhub::coordinator::jobs {
namespace {

using namespace std::chrono_literals;

Pause paused(std::int64_t since, std::optional<std::int64_t> until = {}) {
    Pause pause;
    pause.since = UtcMillis{since};
    if (until) pause.until = UtcMillis{*until};
    return pause;
}

TEST(Pause, NamesWhatBecomesOfTheVessel) {
    for (const auto each : {Actuators::hold, Actuators::safe}) EXPECT_EQ(actuators_from(to_string(each)), each);
    const auto wrong = actuators_from("off\n");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::malformed);
    EXPECT_NE(wrong.error().detail.find("hold"), std::string::npos);
    EXPECT_EQ(wrong.error().message.find('\n'), std::string::npos);
}

TEST(Pause, OnlyTheLastOneOfAJobMayLast) {
    EXPECT_EQ(present_pause({}), nullptr);
    EXPECT_EQ(present_pause({paused(1, 2)}), nullptr);
    const std::vector<Pause> two{paused(1, 2), paused(5)};
    EXPECT_EQ(present_pause(two), &two.back());
}

TEST(Pause, AllTogetherAreReckoned) {
    EXPECT_EQ(paused_for({}, UtcMillis{9}), 0ms);
    EXPECT_EQ(paused_for({paused(1, 3), paused(5)}, UtcMillis{9}), 6ms);
    EXPECT_EQ(paused_for({paused(1, 3), paused(50)}, UtcMillis{9}), 2ms) << "the clock was set back";
}

TEST(Pause, EndsWithItsJob) {
    Job job;
    job.status = Status::running;
    job.pauses = {paused(1, 2), paused(5)};
    Ending ending;
    ending.time = UtcMillis{8};
    ending.exit_code = 143;
    ending.reason = "pause_limit";
    ending.message = "the script was paused for longer than the hub allows";
    conclude(job, ending);
    EXPECT_EQ(job.pauses.back().until, UtcMillis{8});
    EXPECT_EQ(job.pauses.front().until, UtcMillis{2});
    EXPECT_EQ(job.status, Status::stopped);
    EXPECT_EQ(job.reason, reason::kPauseLimit);
    EXPECT_EQ(job.message, ending.message);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
