// What the passing of time does to reservations: a simulated day takes a moment.
#include "tests/unit/coordinator/domain/reservations/calendar_fixture.hpp"

namespace labhub::coordinator::reservations {
namespace {

class ReservationsDayTest : public CalendarTest {};

using Kinds = std::vector<std::string>;

TEST_F(ReservationsDayTest, ReminderComesOnceAndSaysWhatItIsAbout) {
    const auto one = made(in(hours{1}), in(hours{2}));
    pass(minutes{44});
    EXPECT_EQ(kinds(), Kinds{"made"});
    pass(minutes{1});
    look();
    pass(minutes{5});
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder"}));
    EXPECT_EQ(events().back().message, "sim-1/vessel is reserved for user:ada in 15m, from " + to_rfc3339(one.from) +
                                           " to " + to_rfc3339(one.to) + ": a note");
    EXPECT_EQ(to_be_told(), 1u);
    EXPECT_EQ(woken_, 1);
}

TEST_F(ReservationsDayTest, ReminderComesOnceOverARestartToo) {
    made(in(hours{1}), in(hours{2}));
    pass(minutes{46});
    restart();
    look();
    pass(minutes{5});
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder"}));
    EXPECT_EQ(to_be_told(), 1u);
}

TEST_F(ReservationsDayTest, ReminderThatCameDueWhileTheHubWasAwayComesAfterwards) {
    settings_.reminders = {hours{24}, minutes{15}};
    restart();
    made(in(hours{48}), in(hours{49}));
    clock_.advance(hours{48} - minutes{10});
    restart();
    look();
    look();
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder"})) << "of two that are due people are told once";
    EXPECT_NE(events().back().message.find("in 10m"), std::string::npos);
    pass(minutes{10});
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder", "begun"})) << "what has begun needs none";
}

TEST_F(ReservationsDayTest, EachLeadTimeHasItsReminder) {
    settings_.reminders = {hours{24}, minutes{15}};
    restart();
    made(in(hours{48}), in(hours{49}));
    pass(hours{24});
    pass(hours{23} + minutes{45});
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder", "reminder"}));
}

TEST_F(ReservationsDayTest, WhatIsReservedForSoonNeedsNoReminder) {
    made(in(minutes{10}), in(hours{1}));
    look();
    pass(minutes{5});
    EXPECT_EQ(kinds(), Kinds{"made"});
}

TEST_F(ReservationsDayTest, WhatIsMovedIsRemindedOfAgain) {
    const auto one = made(in(hours{1}), in(hours{2}));
    pass(minutes{50});
    ASSERT_TRUE(change(one.id, {in(hours{3}), in(hours{4}), {}}));
    pass(minutes{10});
    pass(hours{2} + minutes{40});
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder", "changed", "reminder"}));
}

TEST_F(ReservationsDayTest, BeginEndsWhatOthersHoldByHandOnce) {
    const auto one = made(in(hours{1}), in(hours{2}));
    pass(minutes{59});
    EXPECT_TRUE(holds_ended_.empty());
    pass(minutes{1});
    look();
    restart();
    look();
    EXPECT_EQ(holds_ended_, std::vector<std::string>{one.id.value});
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder", "begun"}));
}

TEST_F(ReservationsDayTest, NobodyThereReleasesTheDevice) {
    const auto one = made(in(hours{1}), in(hours{4}));
    pass(minutes{50});
    pass(minutes{10});
    command("user:bob");
    pass(minutes{14});
    EXPECT_EQ(state(one.id), "present");
    const int before = changed_;
    pass(minutes{1});
    EXPECT_EQ(state(one.id), "released");
    EXPECT_GT(changed_, before) << "what waits can start";
    EXPECT_TRUE(calendar_->check_may_use(kVessel, "user:bob"));
    EXPECT_TRUE(make(in(hours{1}), in(hours{2}), "user:bob"));
    look();
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder", "begun", "released", "made"}));
    EXPECT_EQ(to_be_told(), 2u);
}

TEST_F(ReservationsDayTest, OwnerWhoCommandedItIsThere) {
    const auto one = made(in(hours{1}), in(hours{4}));
    pass(hours{1} + minutes{5});
    command("user:ada");
    pass(minutes{10});
    pass(hours{2});
    EXPECT_EQ(state(one.id), "present");
}

TEST_F(ReservationsDayTest, CommandOfBeforeIsNoComing) {
    const auto one = made(in(hours{1}), in(hours{4}));
    pass(minutes{50});
    command("user:ada");
    pass(minutes{25});
    EXPECT_EQ(state(one.id), "released");
}

TEST_F(ReservationsDayTest, OwnerWithAnExperimentIsThere) {
    const auto one = made(in(hours{1}), in(hours{4}));
    has_job_ = true;
    pass(hours{1} + minutes{15});
    has_job_ = false;
    pass(hours{1});
    EXPECT_EQ(state(one.id), "present");
}

TEST_F(ReservationsDayTest, WhoCouldNotComeAsTheHubWasAwayHasTheirTimeAfterwards) {
    const auto one = made(in(hours{1}), in(hours{4}));
    clock_.advance(hours{2});
    restart();
    look();
    EXPECT_EQ(state(one.id), "present");
    pass(minutes{14});
    EXPECT_EQ(state(one.id), "present");
    pass(minutes{1});
    EXPECT_EQ(state(one.id), "released");
}

TEST_F(ReservationsDayTest, NobodyIsReleasedWhereThatIsSwitchedOff) {
    settings_.no_show_after = minutes{0};
    restart();
    const auto one = made(in(hours{1}), in(hours{4}));
    pass(hours{3});
    EXPECT_EQ(state(one.id), "present");
}

TEST_F(ReservationsDayTest, ClockThatIsSetBackRepeatsNothing) {
    made(in(hours{1}), in(hours{2}));
    has_job_ = true;
    pass(minutes{50});
    pass(minutes{10});
    clock_.step_utc(-minutes{5});
    look();
    clock_.advance(minutes{5});
    look();
    EXPECT_EQ(kinds(), (Kinds{"made", "reminder", "begun"}));
}

TEST_F(ReservationsDayTest, WholeDayOfTenPeopleGoesByAsItShould) {
    const UtcMillis morning = clock_.utc_now();
    for (int number = 0; number < 10; ++number)
        made(morning + hours{1 + 2 * number}, morning + hours{3 + 2 * number},
             number % 2 ? "user:ada" : "user:u" + std::to_string(number));
    has_job_ = true;  // ada comes, the others don't
    for (int minute = 0; minute < 24 * 60; ++minute) pass(minutes{1});
    std::map<std::string, int> counted;
    for (const auto& kind : kinds()) ++counted[kind];
    EXPECT_EQ(counted, (std::map<std::string, int>{{"made", 10}, {"reminder", 10}, {"begun", 10}, {"released", 5}}));
    EXPECT_TRUE(calendar_->kept().empty());
}

TEST_F(ReservationsDayTest, WhatWasOverLongAgoIsForgottenWithItsRecord) {
    settings_.channels.clear();
    restart();
    const auto one = made(in(hours{1}), in(hours{2}));
    clock_.advance(settings_.history);
    test::run_task(io_, calendar_->tidy());
    EXPECT_EQ(state(one.id), "over");
    clock_.advance(hours{3});
    test::run_task(io_, calendar_->tidy());
    EXPECT_NE(state(one.id).find("no reservation"), std::string::npos);
    EXPECT_TRUE(events().empty());
}

}  // namespace
}  // namespace labhub::coordinator::reservations
