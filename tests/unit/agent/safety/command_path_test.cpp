#include "tests/unit/agent/safety/path_fixture.hpp"

#include <limits>

namespace labhub::agent::safety {
namespace {

using namespace std::chrono_literals;
using CommandPathTest = PathTest;

TEST_F(CommandPathTest, AppliesACommandAndAnswersWithWhatTheDeviceAcknowledged) {
    const auto applied = apply(command("stirrer", std::int64_t{40}));
    ASSERT_TRUE(applied) << applied.error().to_string();
    ASSERT_EQ(applied->readings.size(), 1u);
    EXPECT_EQ(applied->readings[0].value, Value{40.0});
    EXPECT_FALSE(applied->repeated);
    EXPECT_EQ(driver_->value("stirrer"), 40);
    EXPECT_EQ(device_->latest("stirrer")->value, Value{40.0});
}

TEST_F(CommandPathTest, ExecutesACommandIdOnce) {
    const Command once = command("stirrer", 40.0);
    ASSERT_TRUE(apply(once));
    Command again = once;
    again.setpoints[0].value = 90.0;
    const auto repeated = apply(again);
    ASSERT_TRUE(repeated);
    EXPECT_TRUE(repeated->repeated);
    EXPECT_EQ(repeated->readings[0].value, Value{40.0});
    EXPECT_EQ(driver_->writes, 1u);
}

TEST_F(CommandPathTest, ExecutesACommandIdOnceOverARestart) {
    const Command once = command("stirrer", 40.0);
    ASSERT_TRUE(apply(once));
    restart_agent();
    const auto repeated = apply(once);
    ASSERT_TRUE(repeated) << repeated.error().to_string();
    EXPECT_TRUE(repeated->repeated);
    EXPECT_EQ(repeated->readings.at(0).value, Value{40.0});
    EXPECT_EQ(driver_->writes, 0u);
    EXPECT_EQ(driver_->value("stirrer"), 0);
}

TEST_F(CommandPathTest, AnswersARepeatOfAFailedCommandWithTheFirstFailure) {
    driver_->fail_writes = true;
    const Command once = command("stirrer", 40.0);
    EXPECT_EQ(apply(once).error().code, ErrorCode::unavailable);
    driver_->fail_writes = false;
    EXPECT_EQ(apply(once).error().code, ErrorCode::unavailable);
    EXPECT_EQ(driver_->writes, 0u);
}

TEST_F(CommandPathTest, SaysThatTheOutcomeOfACommandCutByACrashIsNotKnown) {
    test::run(io_, audit_->begin(CommandId{"cut"}));
    restart_agent();
    Command cut = command("stirrer", 40.0);
    cut.id = CommandId{"cut"};
    const auto answer = apply(cut);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::conflict);
    EXPECT_EQ(driver_->writes, 0u);
}

TEST_F(CommandPathTest, MayTryAgainUnderTheSameIdWhatWasRefusedBeforeItBegan) {
    const Command wish = command("stirrer", 40.0, "lease-1");
    EXPECT_EQ(apply(wish).error().code, ErrorCode::conflict);
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    EXPECT_TRUE(apply(wish));
}

TEST_F(CommandPathTest, RefusesACommandAfterItsDeadline) {
    Command late = command("stirrer", 40.0);
    late.deadline = clock_.utc_now();
    clock_.advance(1ms);
    EXPECT_EQ(apply(late).error().code, ErrorCode::timed_out);
    EXPECT_EQ(driver_->writes, 0u);
}

TEST_F(CommandPathTest, LetsViewersReadOnly) {
    Command wish = command("stirrer", 40.0);
    wish.asker.role = Role::viewer;
    EXPECT_EQ(apply(wish).error().code, ErrorCode::forbidden);
    EXPECT_EQ(hold(wish.asker).error().code, ErrorCode::forbidden);
    EXPECT_EQ(driver_->writes, 0u);
}

TEST_F(CommandPathTest, ChecksEveryValueBeforeAnyIsApplied) {
    Command wish = command("stirrer", 40.0);
    wish.setpoints.push_back(Setpoint{"pump_A_in", -1.0});
    const auto refused = apply(wish);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::out_of_range);
    EXPECT_NE(refused.error().detail.find("at least 0 mL/s"), std::string::npos);
    EXPECT_EQ(driver_->value("stirrer"), 0);
}

TEST_F(CommandPathTest, RefusesWhatCanNotBeSet) {
    EXPECT_EQ(apply(command("stirrer", 100.5)).error().code, ErrorCode::out_of_range);
    EXPECT_EQ(apply(command("stirrer", std::numeric_limits<double>::quiet_NaN())).error().code,
              ErrorCode::out_of_range);
    EXPECT_EQ(apply(command("stirrer", std::string("fast"))).error().code, ErrorCode::malformed);
    EXPECT_EQ(apply(command("stirrer", {})).error().code, ErrorCode::malformed);
    EXPECT_EQ(apply(command("vial_A_temp", 37.0)).error().code, ErrorCode::forbidden);
    EXPECT_EQ(apply(command("nothing", 1.0)).error().code, ErrorCode::not_found);
    Command empty = command("stirrer", 1.0);
    empty.setpoints.clear();
    EXPECT_EQ(apply(empty).error().code, ErrorCode::malformed);
    EXPECT_EQ(driver_->writes, 0u);
}

TEST_F(CommandPathTest, NamesTheChoicesForAnUnknownDevice) {
    Command wish = command("stirrer", 1.0);
    wish.device = "reactor";
    const auto refused = apply(wish);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::not_found);
    EXPECT_NE(refused.error().detail.find("vessel"), std::string::npos);
}

TEST_F(CommandPathTest, IsUnavailableWhileTheBoardIsAway) {
    driver_->vanish();
    EXPECT_EQ(apply(command("stirrer", 40.0)).error().code, ErrorCode::unavailable);
}

TEST_F(CommandPathTest, WritesToADeviceOneAtATimeInTheOrderOfAsking) {
    driver_->slowness = 5ms;
    int answered = 0;
    for (int i = 1; i <= 10; ++i) {
        asio::co_spawn(io_, path_->apply(command("stirrer", static_cast<double>(i))),
                       [&](std::exception_ptr, Result<Applied> applied) {
                           EXPECT_TRUE(applied);
                           ++answered;
                       });
    }
    ASSERT_TRUE(test::run_until(io_, [&] { return answered == 10; }));
    EXPECT_EQ(driver_->most_writing, 1u);
    EXPECT_EQ(driver_->value("stirrer"), 10);
}

TEST_F(CommandPathTest, CarriesACommandToItsEndThoughTheAskerGoesAway) {
    driver_->slowness = 20ms;
    {
        TaskGroup asker(io_.get_executor());
        auto ask = [](CommandPath* path, Command wish) -> Task<void> {
            auto ignored = co_await path->apply(std::move(wish));
            static_cast<void>(ignored);
        };
        asker.spawn("asker", ask(path_.get(), command("stirrer", 40.0)));
        ASSERT_TRUE(test::run_until(io_, [&] { return driver_->writing_now == 1; }));
        test::run(io_, asker.stop());
    }
    ASSERT_TRUE(test::run_until(io_, [&] { return driver_->writing_now == 0; }));
    EXPECT_EQ(driver_->value("stirrer"), 40);
    EXPECT_EQ(driver_->writes, 1u);
}

TEST_F(CommandPathTest, BoundsTheCommandsUnderWay) {
    driver_->slowness = 1ms;
    int refused = 0, answered = 0;
    for (int i = 0; i < 200; ++i) {
        asio::co_spawn(io_, path_->apply(command("stirrer", 1.0)), [&](std::exception_ptr, Result<Applied> applied) {
            ++answered;
            if (!applied) {
                EXPECT_EQ(applied.error().code, ErrorCode::too_many);
                ++refused;
            }
        });
    }
    ASSERT_TRUE(test::run_until(io_, [&] { return answered == 200; }));
    EXPECT_GT(refused, 100);
    EXPECT_GT(driver_->writes, 10u);
}

TEST_F(CommandPathTest, KeepsAnAuditTrailOfWhatWasDoneAndWhatWasRefused) {
    ASSERT_TRUE(apply(command("stirrer", 40.0)));
    ASSERT_FALSE(apply(command("stirrer", 400.0)));
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE event = 'command' AND principal = 'user:ada' AND origin = 'ssh' "
                    "AND outcome = 'done' AND asked = '{\"stirrer\":40}' AND applied LIKE '%\"value\":40,%'"),
              1);
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE event = 'command' AND outcome = 'out_of_range'"), 1);
}

TEST_F(CommandPathTest, GoesOnControllingWhenTheDatabaseFails) {
    state_->writer().stop();
    const Command once = command("stirrer", 40.0);
    ASSERT_TRUE(apply(once));
    EXPECT_TRUE(apply(once)->repeated);
    EXPECT_EQ(driver_->writes, 1u);
    EXPECT_TRUE(hold(kPerson));
}

TEST(StateDatabase, IsMovedAsideAndBegunAnewWhenItIsDamaged) {
    const test::TemporaryFolder folder;
    const ManualClock clock;
    ASSERT_TRUE(state::StateDatabase::open(folder.path(), clock));
    {
        std::FILE* const file = std::fopen((folder.path() / "agent.sqlite").c_str(), "wb");
        std::fputs("this is no database, whatever its name says, and it is longer than a header is", file);
        std::fclose(file);
    }
    auto opened = state::StateDatabase::open(folder.path(), clock);
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_TRUE(opened->was_replaced());
    EXPECT_TRUE(
        std::filesystem::exists(folder.path() / ("agent.sqlite.damaged-" + std::to_string(clock.utc_now().count))));
}

}  // namespace
}  // namespace labhub::agent::safety
