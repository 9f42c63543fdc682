#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/domain/telemetry/query_time.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using ::testing::HasSubstr;

constexpr UtcMillis kNow{1'771'179'148'500};  // 2026-02-15T18:12:28.500Z

std::string text_of(std::string_view text) {
    const auto time = parse_time("from", text, kNow);
    return time ? to_rfc3339(*time) : time.error().to_string();
}

TEST(QueryTime, ReadsRfc3339InAnyZone) {
    EXPECT_EQ(text_of("2026-02-15T18:12:28.5Z"), "2026-02-15T18:12:28.500Z");
    EXPECT_EQ(text_of("2026-02-15T18:12:28Z"), "2026-02-15T18:12:28.000Z");
    EXPECT_EQ(text_of("2026-02-15t19:12:28.123456+01:00"), "2026-02-15T18:12:28.123Z");
    EXPECT_EQ(text_of("2026-02-15 12:42:28-05:30"), "2026-02-15T18:12:28.000Z");
    EXPECT_EQ(text_of("2026-02-15T18:12Z"), "2026-02-15T18:12:00.000Z");
    EXPECT_EQ(text_of("2024-02-29"), "2024-02-29T00:00:00.000Z");
}

TEST(QueryTime, TakesABlankForThePlusThatAUrlLost) {
    EXPECT_EQ(text_of("2026-02-15T19:12:28 01:00"), "2026-02-15T18:12:28.000Z");
}

TEST(QueryTime, ReadsMillisecondsAndWhatIsRelativeToNow) {
    EXPECT_EQ(text_of("1771179148500"), to_rfc3339(kNow));
    EXPECT_EQ(text_of("0"), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(text_of("now"), to_rfc3339(kNow));
    EXPECT_EQ(text_of("-2h"), "2026-02-15T16:12:28.500Z");
    EXPECT_EQ(text_of("-1d12h"), "2026-02-14T06:12:28.500Z");
    EXPECT_EQ(text_of("now-90s"), "2026-02-15T18:10:58.500Z");
}

TEST(QueryTime, SaysWhatWouldBeRight) {
    EXPECT_THAT(text_of("yesterday"), HasSubstr("from=yesterday is not a time (RFC 3339 as"));
    EXPECT_THAT(text_of("2026-02-15T18:27:28"), HasSubstr("say the time zone"));
    EXPECT_THAT(text_of("1771179148"), HasSubstr("this looks like seconds"));
    for (const char* wrong : {"", "2026-02-30", "2026-13-01T00:00:00Z", "2026-02-15T24:00:00Z", "2026-02-15T18:27:28Zx",
                              "-", "-2 hours", "--2h", "nan", "1e12", "2026-02-15T18:27:28+1", "20260215", "2026-2-5"})
        EXPECT_FALSE(parse_time("from", wrong, kNow)) << wrong;
    EXPECT_THAT(text_of("99999999999999999999"), HasSubstr("1970 to 9999"));
    EXPECT_THAT(text_of(std::string("\x01\n", 2)), HasSubstr("\\x01"));
}

TEST(QueryTime, WantsFromBeforeTo) {
    EXPECT_TRUE(check_range(kNow, kNow + std::chrono::milliseconds{1}));
    const auto same = check_range(kNow, kNow);
    ASSERT_FALSE(same);
    EXPECT_EQ(same.error().code, ErrorCode::out_of_range);
    EXPECT_THAT(same.error().to_string(), HasSubstr("from is not before to (from is 2026-02-15T18:12:28.500Z"));
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
