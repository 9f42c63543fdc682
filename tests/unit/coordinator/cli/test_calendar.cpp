#include "coordinator/cli/calendar.hpp"

#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/command_line.hpp"
#include "coordinator/cli/reservations.hpp"
#include "coordinator/cli/table.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;

/// The machine's time zone, for as long as it lives. Germany's rules, which need no zone files.
class InZone {
  public:
    explicit InZone(const char* zone = "CET-1CEST,M3.5.0,M10.5.0/3") {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
    ~InZone() {
        ::unsetenv("TZ");
        ::tzset();
    }
};

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kMonday = 1'771'196'400'000;  // 2026-02-16 00:00 in Germany

CalendarEntry entry(std::string owner, double from, double to) {
    CalendarEntry made;
    made.device = "sim-1/vessel";
    made.owner = "user:" + owner;
    made.from = kMonday + static_cast<std::int64_t>(from * kHour);
    made.to = kMonday + static_cast<std::int64_t>(to * kHour);
    return made;
}

CalendarOptions options(double now = -1) {
    CalendarOptions made;
    made.now = UtcMillis{kMonday + static_cast<std::int64_t>(now * kHour)};
    made.first_day = kMonday + kHour;
    made.days = 2;
    return made;
}

TEST(Calendar, DrawsADayALine) {
    const InZone germany;
    EXPECT_EQ(
        draw_calendar("sim-1/vessel", {entry("ada", 9, 12), entry("bob", 12, 13), entry("cy", 22, 30)}, options()),
        "sim-1/vessel\n"
        "            00    03    06    09    12    15    18    21\n"
        "Mon 16 Feb  ··················[ada=][]··················[cy]\n"
        "Tue 17 Feb  [cy========]····································\n");
}

TEST(Calendar, LeavesOutWhatIsPastAndMarksNow) {
    const InZone germany;
    const std::string drawn = draw_calendar("d", {entry("ada", 9, 12)}, options(14.2));
    EXPECT_THAT(drawn, HasSubstr("\nMon 16 Feb                    [ada=]    │···················\n"));
    EXPECT_THAT(drawn, HasSubstr("\nTue 17 Feb  ················································\n"));
}

TEST(Calendar, IsAsFineAsTheTerminalIsWide) {
    const InZone germany;
    auto narrow = options(), wide = options();
    narrow.width = 40;
    wide.width = 120;
    const std::vector<CalendarEntry> entries{entry("ada", 9, 9.25), entry("bob", 9.25, 12)};
    EXPECT_THAT(draw_calendar("d", entries, narrow),
                HasSubstr("00    06    12    18\nMon 16 Feb  ·········#[]············\n"));
    EXPECT_THAT(draw_calendar("d", entries, wide), HasSubstr("·#[bob======]·"));
}

TEST(Calendar, KeepsToTheWidthInColours) {
    const InZone germany;
    auto styled = options();
    styled.is_styled = true;
    const std::string drawn = draw_calendar("d", {entry("größte", 9, 11)}, styled);
    EXPECT_THAT(drawn, HasSubstr("m▏grö\x1b[0m·"));
}

TEST(Calendar, HasDaysOf23And25Hours) {
    const InZone germany;
    auto spring = options();
    spring.first_day = 1'774'738'800'000;  // 2026-03-29 00:00, the night that lacks 02:00 to 03:00
    CalendarEntry one = entry("ada", 0, 0);
    one.from = spring.first_day + kHour;    // 01:00
    one.to = spring.first_day + 3 * kHour;  // 04:00 by the clock
    EXPECT_THAT(draw_calendar("d", {one}, spring), HasSubstr("Sun 29 Mar  ··[ada=]"));
    EXPECT_EQ(local_midnight(spring.first_day, 1) - spring.first_day, 23 * kHour);
    EXPECT_EQ(when_text(one.from, one.to), "Sun 29 Mar 01:00–04:00");
}

TEST(WhenText, SaysTheDayOnceWhereOneWillDo) {
    const InZone germany;
    EXPECT_EQ(when_text(kMonday + 9 * kHour, kMonday + 12 * kHour), "Mon 16 Feb 09:00–12:00");
    EXPECT_EQ(when_text(kMonday + 22 * kHour, kMonday + 24 * kHour), "Mon 16 Feb 22:00–24:00");
    EXPECT_EQ(when_text(kMonday + 22 * kHour, kMonday + 30 * kHour), "Mon 16 Feb 22:00 – Tue 17 Feb 06:00");
}

TEST(CertainTime, GivesLocalTimeItsZoneAndLeavesTheRest) {
    const InZone germany;
    const UtcMillis near{kMonday + 7 * kHour};
    EXPECT_EQ(*certain_time("09:00", near), std::to_string(kMonday + 9 * kHour));
    EXPECT_EQ(*certain_time("2026-02-17 09:30", near), std::to_string(kMonday + 24 * kHour + 9 * kHour + kHour / 2));
    for (const char* const other : {"+2h", "now", "2026-02-17T09:00:00+05:30", "1771196400000", "soon"})
        EXPECT_EQ(*certain_time(other, near), other);
}

TEST(CertainTime, RefusesWhatThereIsNotOrTwice) {
    const InZone germany;
    const auto twice = certain_time("2026-10-25 02:30", UtcMillis{kMonday});
    ASSERT_FALSE(twice);
    EXPECT_THAT(twice.error().detail, HasSubstr("2026-10-25T02:30:00+0200 or 2026-10-25T02:30:00+0100"));
    EXPECT_THAT(certain_time("2026-03-29 02:30", UtcMillis{kMonday}).error().message, HasSubstr("set forward"));
    EXPECT_TRUE(certain_time("2026-03-29 03:30", UtcMillis{kMonday}));
    EXPECT_TRUE(certain_time("2026-10-25 03:30", UtcMillis{kMonday}));
    EXPECT_TRUE(certain_time("2026-10-25", UtcMillis{kMonday}));
}

ReservationsCommand parsed(std::vector<const char*> words) {
    words.insert(words.begin(), "labhub");
    const auto line = parse_command_line(static_cast<int>(words.size()), words.data());
    EXPECT_TRUE(line) << line.error().to_string();
    return line ? std::get<ReservationsCommand>(line->command) : ReservationsCommand{};
}

TEST(ReservationCommands, AreReadAsTheyAreTyped) {
    const auto reserve = std::get<ReserveRequest>(parsed({"reserve", "a/v", "2026-02-16 09:00", "2h", "--note", "x"}));
    EXPECT_EQ(reserve.device, "a/v");
    EXPECT_EQ(reserve.from, "2026-02-16 09:00");
    EXPECT_EQ(reserve.until, "2h");
    EXPECT_EQ(reserve.note, "x");
    EXPECT_EQ(std::get<UnreserveRequest>(parsed({"unreserve", "r1"})).id, "r1");
    EXPECT_FALSE(std::get<ReservationListRequest>(parsed({"reservations"})).with_ended);
    EXPECT_TRUE(std::get<ReservationListRequest>(parsed({"reservations", "list", "--all"})).with_ended);
    EXPECT_EQ(std::get<ReservationWeekRequest>(parsed({"reservations", "week", "--from", "2026-02-16"})).from,
              "2026-02-16");
    const auto change = std::get<ReservationChangeRequest>(parsed({"reservations", "change", "r1", "--to", "3h"}));
    EXPECT_EQ(change.id + change.until, "r13h");
    EXPECT_FALSE(change.note);
    EXPECT_EQ(std::get<ReservationEventsRequest>(parsed({"reservations", "events"})).device, "");
}

}  // namespace
}  // namespace labhub::cli
