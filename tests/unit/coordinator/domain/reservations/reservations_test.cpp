#include "coordinator/domain/reservations/reservations.hpp"

#include <random>

#include "tests/unit/coordinator/domain/reservations/calendar_fixture.hpp"

namespace labhub::coordinator::reservations {
namespace {

class ReservationsTest : public CalendarTest {};

using Kinds = std::vector<std::string>;

TEST_F(ReservationsTest, AreOneOwnersFromTheirBeginUpToTheirEnd) {
    const auto one = made(in(hours{1}), in(hours{2}));
    EXPECT_EQ(state(one.id), "planned");
    EXPECT_EQ(calendar_->at(kVessel, in(minutes{59})), nullptr);
    ASSERT_NE(calendar_->at(kVessel, in(hours{1})), nullptr);
    EXPECT_EQ(calendar_->at(kVessel, in(hours{1}))->owner, "user:ada");
    EXPECT_EQ(calendar_->at(kVessel, in(hours{2})), nullptr);
    EXPECT_EQ(calendar_->at(kOther, in(hours{1})), nullptr);
    EXPECT_GT(changed_, 0);
}

TEST_F(ReservationsTest, TouchButDoNotOverlap) {
    made(in(hours{2}), in(hours{4}));
    made(in(hours{4}), in(hours{5}), "user:bob");
    made(in(hours{1}), in(hours{2}), "user:bob");
    made(in(hours{2}), in(hours{4}), "user:bob", kOther);
    for (const auto& [from, to] : {std::pair{1.5, 2.5}, {3.0, 3.5}, {3.5, 6.0}, {1.0, 6.0}, {2.0, 4.0}}) {
        const auto at = [&](double hour) { return in(minutes{static_cast<int>(hour * 60)}); };
        const auto refused = make(at(from), at(to), "user:cy");
        ASSERT_FALSE(refused) << from << " to " << to;
        EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    }
}

TEST_F(ReservationsTest, SayWhatIsInTheWayAndWhereThereIsPlace) {
    const auto first = made(in(hours{2}), in(hours{4}));
    made(in(minutes{270}), in(hours{6}), "user:bob");
    const auto refused = make(in(hours{3}), in(hours{4}), "user:cy");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("reserved for user:ada"), std::string::npos);
    EXPECT_NE(refused.error().message.find(first.id.value + ": a note"), std::string::npos);
    EXPECT_EQ(refused.error().detail, "free for 1h from " + to_rfc3339(in(hours{6})));
    const auto shorter = make(in(hours{3}), in(minutes{210}), "user:cy");
    EXPECT_EQ(shorter.error().detail, "free for 30m from " + to_rfc3339(in(hours{4})));
}

TEST_F(ReservationsTest, DoNotBeginWhileAnothersExperimentRuns) {
    hold_ = Hold{"experiment e1 of user:bob", in(hours{1})};
    const auto refused = make(in(minutes{30}), in(hours{2}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find("held by experiment e1 of user:bob"), std::string::npos);
    EXPECT_EQ(refused.error().detail, "free for 1h30m from " + to_rfc3339(in(hours{1})));
    EXPECT_TRUE(make(in(hours{1}), in(hours{2})));
}

TEST_F(ReservationsTest, KeepToTheirBounds) {
    const auto code = [&](UtcMillis from, UtcMillis to) {
        const auto done = make(from, to);
        return done ? ErrorCode::internal : done.error().code;
    };
    EXPECT_EQ(code(in(-minutes{2}), in(hours{1})), ErrorCode::out_of_range);
    EXPECT_EQ(code(in(hours{2}), in(hours{1})), ErrorCode::out_of_range);
    EXPECT_EQ(code(in(hours{2}), in(hours{2})), ErrorCode::out_of_range);
    EXPECT_EQ(code(in(hours{2}), in(hours{2} + minutes{4})), ErrorCode::out_of_range);
    EXPECT_EQ(code(in(hours{2}), in(hours{24 * 7 + 3})), ErrorCode::out_of_range);
    EXPECT_EQ(code(in(hours{24 * 90}), in(hours{24 * 90 + 1})), ErrorCode::out_of_range);
    const auto unknown = make(in(hours{1}), in(hours{2}), "user:ada", {NodeId{"sim-9"}, "vessel"});
    EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
    const auto now = made(in(-seconds{30}), in(hours{1}));
    EXPECT_EQ(now.from, clock_.utc_now());
}

TEST_F(ReservationsTest, OfOnePersonHaveABound) {
    settings_.most_of_one = 2;
    restart();
    made(in(hours{1}), in(hours{2}));
    made(in(hours{3}), in(hours{4}));
    EXPECT_EQ(make(in(hours{5}), in(hours{6})).error().code, ErrorCode::too_many);
    EXPECT_TRUE(make(in(hours{5}), in(hours{6}), "user:bob"));
    pass(hours{2});
    EXPECT_TRUE(make(in(hours{5}), in(hours{6})));
}

TEST_F(ReservationsTest, MakePlaceWhenTheyAreCancelled) {
    const auto one = made(in(hours{1}), in(hours{3}));
    ASSERT_TRUE(cancel(one.id));
    EXPECT_EQ(state(one.id), "cancelled");
    made(in(hours{1}), in(hours{3}), "user:bob");
    EXPECT_EQ(cancel(one.id).error().code, ErrorCode::conflict);
    EXPECT_EQ(cancel(ReservationId{"nothing"}).error().code, ErrorCode::not_found);
    EXPECT_EQ(kinds(), (Kinds{"made", "cancelled", "made"}));
}

TEST_F(ReservationsTest, CanBeMovedAndExtendedWhereThereIsPlace) {
    const auto one = made(in(hours{1}), in(hours{2}));
    made(in(hours{4}), in(hours{5}), "user:bob");
    const UtcMillis later = in(hours{3});
    ASSERT_TRUE(change(one.id, {std::nullopt, later, "longer"}));
    EXPECT_EQ(calendar_->kept().at(one.id).to, later);
    EXPECT_EQ(calendar_->kept().at(one.id).note, "longer");
    EXPECT_EQ(change(one.id, {std::nullopt, in(minutes{250}), {}}).error().code, ErrorCode::conflict);
    EXPECT_EQ(calendar_->kept().at(one.id).to, later);
    ASSERT_TRUE(change(one.id, {in(hours{5}), in(hours{6}), {}}));
    EXPECT_EQ(change(one.id, {in(-hours{5}), std::nullopt, {}}).error().code, ErrorCode::out_of_range);
    clock_.advance(hours{5} + minutes{30});
    EXPECT_EQ(change(one.id, {in(minutes{5}), std::nullopt, {}}).error().code, ErrorCode::conflict);
    EXPECT_EQ(change(one.id, {std::nullopt, in(-minutes{5}), {}}).error().code, ErrorCode::out_of_range);
    EXPECT_TRUE(change(one.id, {std::nullopt, in(hours{1}), {}}));
    clock_.advance(hours{2});
    EXPECT_EQ(change(one.id, {std::nullopt, in(hours{1}), {}}).error().code, ErrorCode::conflict);
}

TEST_F(ReservationsTest, KeepOthersFromCommandingTheDeviceByHand) {
    const auto one = made(in(hours{1}), in(hours{2}));
    EXPECT_TRUE(calendar_->check_may_use(kVessel, "user:bob"));
    clock_.advance(hours{1});
    const auto refused = calendar_->check_may_use(kVessel, "user:bob");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find("reserved for user:ada until " + to_rfc3339(one.to)), std::string::npos);
    EXPECT_FALSE(calendar_->check_may_use(kVessel, "mqtt:mirror"));
    EXPECT_TRUE(calendar_->check_may_use(kVessel, "user:ada"));
    EXPECT_TRUE(calendar_->check_may_use(kOther, "user:bob"));
    clock_.advance(hours{1});
    EXPECT_TRUE(calendar_->check_may_use(kVessel, "user:bob"));
}

TEST_F(ReservationsTest, AreThereAfterARestart) {
    const auto one = made(in(hours{1}), in(hours{2}));
    const auto gone = made(in(hours{3}), in(hours{4}));
    ASSERT_TRUE(cancel(gone.id));
    restart();
    ASSERT_EQ(calendar_->kept().size(), 1u);
    EXPECT_EQ(calendar_->kept().at(one.id).note, "a note");
    EXPECT_FALSE(make(in(minutes{90}), in(hours{3}), "user:bob"));
    clock_.advance(hours{2});
    restart();
    EXPECT_TRUE(calendar_->kept().empty());
    EXPECT_EQ(state(one.id), "over");
}

TEST_F(ReservationsTest, ManyAtOnceLeaveOneOwner) {
    std::vector<Result<Reservation>> answers;
    for (int number = 0; number < 100; ++number) {
        Wish wish{kVessel, "user:u" + std::to_string(number), in(hours{1} + minutes{number % 7}), in(hours{3}), ""};
        asio::co_spawn(io_, calendar_->make(std::move(wish)), [&](std::exception_ptr bug, Result<Reservation> answer) {
            ASSERT_FALSE(bug);
            answers.push_back(std::move(answer));
        });
    }
    io_.restart();
    const auto until = Steady::now() + seconds{30};
    while (answers.size() < 100 && Steady::now() < until) io_.run_one_until(until);
    ASSERT_EQ(answers.size(), 100u);
    EXPECT_EQ(std::count_if(answers.begin(), answers.end(), [](const auto& answer) { return answer.has_value(); }), 1);
    EXPECT_EQ(calendar_->kept().size(), 1u);
}

TEST_F(ReservationsTest, AreRefusedByTheDatabaseItselfWhereTheyOverlap) {
    const auto one = made(in(hours{1}), in(hours{3}));
    Reservation other = one;
    other.id = ReservationId{"other"};
    other.from = in(hours{2});
    other.to = in(hours{4});
    const auto insert = [&](const Reservation& reservation) {
        return test::run_task(io_,
                              store_->insert(reservation, event_of(reservation, event::kMade, other.made, "", "")));
    };
    const auto refused = insert(other);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    other.from = one.to;
    ASSERT_TRUE(insert(other));
    other.from = one.from;
    const auto event = event_of(other, event::kChanged, other.made, "", "");
    EXPECT_EQ(test::run_task(io_, store_->update(other, event, {})).error().code, ErrorCode::conflict);
    EXPECT_EQ(kinds(), (Kinds{"made", "made"})) << "an event without its change";
}

/// A write that fails, as one that another program has made place for, leaves what the store has.
TEST_F(ReservationsTest, AreAsTheStoreHasThemAfterAWriteThatFailed) {
    const auto one = made(in(hours{1}), in(hours{2}));
    const auto forbid = [](sqlite::Database& database) {
        return database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON reservation_events BEGIN SELECT RAISE(ABORT, 'no'); END");
    };
    ASSERT_TRUE(writer_->write_and_wait(forbid));
    EXPECT_FALSE(make(in(hours{5}), in(hours{6})));
    EXPECT_FALSE(change(one.id, {std::nullopt, in(hours{3}), {}}));
    EXPECT_FALSE(cancel(one.id));
    ASSERT_EQ(calendar_->kept().size(), 1u);
    EXPECT_EQ(calendar_->kept().at(one.id).to, one.to);
    const auto allow = [](sqlite::Database& database) { return database.execute("DROP TRIGGER full"); };
    ASSERT_TRUE(writer_->write_and_wait(allow));
    EXPECT_TRUE(make(in(hours{5}), in(hours{6})));
    EXPECT_TRUE(cancel(one.id));
}

/// Random wishes, changes and cancels of a few people, with restarts in between: at no time has a device two owners,
/// and the store says what the memory says.
TEST_F(ReservationsTest, NeverOverlapWhateverPeopleDo) {
    settings_.most_of_one = 1'000;
    settings_.no_show_after = hours{24};
    restart();
    std::mt19937 random(4);
    const auto upto = [&](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
    int succeeded = 0;
    for (int step = 0; step < 3'000; ++step) {
        const auto any = [&] {
            auto found = calendar_->kept().begin();
            std::advance(found, upto(static_cast<int>(calendar_->kept().size()) - 1));
            return found->first;
        };
        const int what = calendar_->kept().empty() ? 0 : upto(9);
        const UtcMillis from = in(minutes{upto(2'000) - 1});
        const UtcMillis to = from + minutes{5 + upto(300)};
        if (what < 6)
            succeeded += make(from, to, "user:" + std::to_string(upto(3)), upto(1) ? kVessel : kOther).has_value();
        else if (what == 6)
            succeeded += change(any(), {from, to, {}}).has_value();
        else if (what == 7)
            succeeded += change(any(), {std::nullopt, to, {}}).has_value();
        else if (what == 8)
            succeeded += cancel(any()).has_value();
        else
            pass(minutes{upto(60)});
        if (step % 500 == 499) restart();
        std::map<DeviceAddress, UtcMillis> free_from;
        const auto stored = test::run_task(io_, store_->load_kept(clock_.utc_now()));
        ASSERT_TRUE(stored);
        for (const auto& each : *stored) {
            ASSERT_GE(each.from, free_from[each.device]) << "in step " << step;
            free_from[each.device] = each.to;
        }
        const auto is_kept = [&](const auto& entry) { return entry.second.to > clock_.utc_now(); };
        ASSERT_EQ(static_cast<long>(stored->size()),
                  std::count_if(calendar_->kept().begin(), calendar_->kept().end(), is_kept))
            << "in step " << step;
    }
    EXPECT_GT(succeeded, 300);
}

}  // namespace
}  // namespace labhub::coordinator::reservations
