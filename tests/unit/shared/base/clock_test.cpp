#include "shared/base/clock.hpp"

#include <gtest/gtest.h>

namespace labhub {
namespace {

using std::chrono::milliseconds;

TEST(Rfc3339, IsUtcWithMilliseconds) {
    EXPECT_EQ(to_rfc3339({1'771'180'048'123}), "2026-02-15T18:27:28.123Z");
    EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(to_rfc3339({1'709'164'800'000}), "2024-02-29T00:00:00.000Z");
}

TEST(ParseDuration, ReadsWhatPeopleWrite) {
    EXPECT_EQ(parse_duration("90s"), milliseconds{90'000});
    EXPECT_EQ(parse_duration("15m"), milliseconds{900'000});
    EXPECT_EQ(parse_duration("1h30m"), milliseconds{5'400'000});
    EXPECT_EQ(parse_duration("2d"), milliseconds{172'800'000});
    EXPECT_EQ(parse_duration("500ms"), milliseconds{500});
    EXPECT_EQ(parse_duration("1.5s"), milliseconds{1'500});
    EXPECT_EQ(parse_duration("3600"), milliseconds{3'600'000});
    EXPECT_EQ(parse_duration("0"), milliseconds{0});
}

TEST(ParseDuration, RefusesTheRestAndSaysWhatWouldDo) {
    for (const auto* text : {"", "s", "-5", "1h30", "5 m", "5x", "1e3", "nan", "inf", "1h-1m", "0x10", "5s "}) {
        const auto refused = parse_duration(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error().code, ErrorCode::malformed) << text;
        EXPECT_FALSE(refused.error().detail.empty());
    }
    EXPECT_EQ(parse_duration("999999999d").error().code, ErrorCode::out_of_range);
}

TEST(FormatDuration, IsWhatParseDurationReads) {
    for (const std::int64_t count : {0LL, 1LL, 999LL, 1'000LL, 90'000LL, 5'400'000LL, 90'061'001LL})
        EXPECT_EQ(parse_duration(format_duration(milliseconds{count})), milliseconds{count}) << count;
    EXPECT_EQ(format_duration(milliseconds{5'400'000}), "1h30m");
    EXPECT_EQ(format_duration(milliseconds{-1'500}), "-1s500ms");
}

TEST(ManualClock, StepsWallTimeApartFromMonotonicTime) {
    ManualClock clock({1'000});
    const auto start = clock.steady_now();
    clock.advance(milliseconds{500});
    clock.step_utc(milliseconds{-2'000});
    EXPECT_EQ(clock.utc_now(), UtcMillis{-500});
    EXPECT_EQ(clock.steady_now() - start, milliseconds{500});
}

}  // namespace
}  // namespace labhub
