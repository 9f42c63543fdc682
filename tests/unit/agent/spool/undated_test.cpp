#include "agent/spool/undated.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::spool {
namespace {

using namespace std::chrono_literals;

constexpr UtcMillis kBegun1970{5'000};
constexpr std::chrono::milliseconds kToToday{1'763'000'000'000};

Batch batch(UtcMillis time) { return {"vessel", {Reading{"x", 1.0, time, Quality::good}}}; }

TEST(Undated, DatesWhatWasMeasuredBeforeTheClockWasSet) {
    ManualClock clock(kBegun1970);
    Undated undated(clock);
    EXPECT_TRUE(undated.is_needed());
    undated.hold(Class::reading, batch(clock.utc_now()));
    clock.advance(30s);
    undated.hold(Class::alarm, batch(clock.utc_now()));
    clock.advance(10s);
    clock.step_utc(kToToday);
    EXPECT_FALSE(undated.is_needed());
    const auto released = undated.release(10);
    ASSERT_EQ(released.size(), 2u);
    EXPECT_EQ(released[0].batch.readings[0].time, clock.utc_now() - 40s);
    EXPECT_EQ(released[1].batch.readings[0].time, clock.utc_now() - 10s);
    EXPECT_EQ(released[1].of, Class::alarm);
    for (const auto& held : released) EXPECT_TRUE(held.batch.clock_unsure && held.batch.is_late);
    EXPECT_TRUE(undated.is_empty());
}

TEST(Undated, CountsASmallCorrectionOfAnImpossibleDateToo) {
    ManualClock clock(kBegun1970);
    Undated undated(clock);
    undated.hold(Class::reading, batch(clock.utc_now()));
    clock.step_utc(1h);
    undated.hold(Class::reading, batch(clock.utc_now()));
    clock.step_utc(kToToday);
    const auto released = undated.release(10);
    EXPECT_EQ(released[0].batch.readings[0].time, clock.utc_now());
    EXPECT_EQ(released[1].batch.readings[0].time, clock.utc_now());
}

TEST(Undated, IsBoundedAndReleasesInSteps) {
    ManualClock clock(kBegun1970);
    Undated undated(clock, 3);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(undated.hold(Class::reading, batch(UtcMillis{i})));
    const auto oldest = undated.hold(Class::reading, batch(UtcMillis{3}));
    ASSERT_TRUE(oldest);
    EXPECT_EQ(oldest->batch.readings[0].time, UtcMillis{0});
    EXPECT_EQ(undated.release(2).size(), 2u);
    EXPECT_FALSE(undated.is_empty());
    EXPECT_EQ(undated.release(2)[0].batch.readings[0].time, UtcMillis{3}) << "still impossible: as it was";
}

}  // namespace
}  // namespace labhub::agent::spool
