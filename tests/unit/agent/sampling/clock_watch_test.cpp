#include "agent/sampling/clock_watch.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::sampling {
namespace {

using namespace std::chrono_literals;

TEST(ClockWatch, DoubtsAClockUntilItIsSynchronised) {
    ManualClock clock;
    bool synchronised = false;
    ClockWatch watch(clock, [&] { return synchronised; });
    EXPECT_EQ(watch.state().describe(), "unsynchronised");
    EXPECT_TRUE(watch.is_unsure(clock.utc_now()));
    synchronised = true;
    watch.look();
    EXPECT_EQ(watch.state().describe(), "synchronised");
    EXPECT_FALSE(watch.is_unsure(clock.utc_now()));
}

TEST(ClockWatch, TrustsAClockItIsToldTo) {
    const ManualClock clock;
    const ClockWatch watch(clock, {});
    EXPECT_EQ(watch.state().describe(), "trusted");
    EXPECT_FALSE(watch.is_unsure(clock.utc_now()));
}

TEST(ClockWatch, CountsStepsButNotSlewing) {
    ManualClock clock;
    ClockWatch watch(clock, {});
    for (int i = 0; i < 100; ++i) {
        clock.advance(1s);
        clock.step_utc(400ms);
        watch.look();
    }
    EXPECT_EQ(watch.state().steps, 0u);
    clock.step_utc(-1h);
    watch.look();
    clock.step_utc(2h);
    watch.look();
    EXPECT_EQ(watch.state().steps, 2u);
    EXPECT_EQ(watch.state().last_step, 2h);
}

TEST(ClockWatch, DoubtsTimesThatRunAheadOfAClockThatWasSetBack) {
    ManualClock clock;
    const ClockWatch watch(clock, [] { return true; });
    const UtcMillis before = clock.utc_now();
    clock.step_utc(-1h);
    EXPECT_TRUE(watch.is_unsure(before + 1ms)) << "what strictly rising times made of it";
    EXPECT_FALSE(watch.is_unsure(clock.utc_now()));
}

}  // namespace
}  // namespace labhub::agent::sampling
