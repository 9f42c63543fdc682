#include "tests/unit/agent/safety/path_fixture.hpp"

namespace labhub::agent::safety {
namespace {

using namespace std::chrono_literals;
using LeaseTest = PathTest;

TEST_F(LeaseTest, KeepsOthersOutAndNamesTheHolder) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    const auto by_hand = apply(command("stirrer", 40.0));
    ASSERT_FALSE(by_hand);
    EXPECT_EQ(by_hand.error().code, ErrorCode::conflict);
    EXPECT_NE(by_hand.error().detail.find("job:1"), std::string::npos);
    EXPECT_NE(by_hand.error().detail.find("2023-11-14T22:13:50"), std::string::npos) << by_hand.error().detail;
    EXPECT_EQ(apply(command("stirrer", 40.0, "lease-2")).error().code, ErrorCode::conflict);
    EXPECT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
}

TEST_F(LeaseTest, MakesTheDeviceSafeWhenItIsNotRenewed) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    pass(29s);
    EXPECT_EQ(driver_->value("stirrer"), 40);
    pass(1s);
    EXPECT_EQ(driver_->value("stirrer"), 0);
    EXPECT_EQ(apply(command("stirrer", 40.0, "lease-1")).error().code, ErrorCode::conflict);
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE event = 'dead-man' AND lease_id = 'lease-1' AND message LIKE "
                    "'%not renewed%'"),
              1);
}

TEST_F(LeaseTest, LastsWhileItIsRenewed) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    for (int i = 0; i < 100; ++i) {
        pass(20s);
        auto renewal = grant("lease-1", 30s);
        renewal.renew_only = true;
        ASSERT_TRUE(lease(renewal));
    }
    EXPECT_EQ(driver_->value("stirrer"), 40);
    EXPECT_EQ(driver_->writes, 1u);
}

TEST_F(LeaseTest, CanNotBeRenewedOnceItRanOut) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    pass(31s);
    auto renewal = grant("lease-1", 30s);
    renewal.renew_only = true;
    EXPECT_EQ(lease(renewal).error().code, ErrorCode::not_found);
}

TEST_F(LeaseTest, IsUnknownAfterARestart) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    restart_agent();
    auto renewal = grant("lease-1", 30s);
    renewal.renew_only = true;
    EXPECT_EQ(lease(renewal).error().code, ErrorCode::not_found);
}

TEST_F(LeaseTest, EndsWithTheDeviceSafe) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("pump_A_in", 0.5, "lease-1")));
    ASSERT_TRUE(lease(grant("lease-1", 0ms)));
    EXPECT_EQ(driver_->value("pump_A_in"), 0);
    EXPECT_TRUE(path_->control("vessel").lease().empty());
    EXPECT_TRUE(lease(grant("lease-1", 0ms))) << "ending it once more does no harm";
}

TEST_F(LeaseTest, CanNotBeEndedByTheNameOfAnother) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    EXPECT_EQ(lease(grant("lease-2", 0ms)).error().code, ErrorCode::conflict);
    EXPECT_EQ(path_->control("vessel").lease(), LeaseId{"lease-1"});
}

TEST_F(LeaseTest, BeginsWithTheDeviceSafeWhateverWasSetBefore) {
    ASSERT_TRUE(apply(command("stirrer", 40.0)));
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    EXPECT_EQ(driver_->value("stirrer"), 0);
    ASSERT_TRUE(apply(command("stirrer", 50.0, "lease-1")));
    ASSERT_TRUE(lease(grant("lease-2", 30s)));
    EXPECT_EQ(driver_->value("stirrer"), 0);
    EXPECT_EQ(apply(command("stirrer", 40.0, "lease-1")).error().code, ErrorCode::conflict);
}

TEST_F(LeaseTest, IsOverWhenTheBoardStartsAnew) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    driver_->come_back();
    test::run(io_, device_->look());
    EXPECT_EQ(driver_->value("stirrer"), 0);
    EXPECT_EQ(device_->latest("stirrer")->value, Value{0.0});
    auto renewal = grant("lease-1", 30s);
    renewal.renew_only = true;
    EXPECT_EQ(lease(renewal).error().code, ErrorCode::not_found);
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE event = 'board' AND lease_id = 'lease-1'"), 1);
}

TEST_F(LeaseTest, OfABoardThatStartedAnewIsNoticedByTheCommandItself) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    driver_->come_back();
    EXPECT_EQ(apply(command("stirrer", 40.0, "lease-1")).error().code, ErrorCode::conflict);
    EXPECT_EQ(driver_->value("stirrer"), 0);
}

TEST_F(LeaseTest, CanNotBeginWhileTheDeviceIsAway) {
    driver_->vanish();
    EXPECT_EQ(lease(grant("lease-1", 30s)).error().code, ErrorCode::unavailable);
}

TEST_F(LeaseTest, IsTheCoordinatorsToGrant) {
    auto wish = grant("lease-1", 30s);
    wish.asker = kPerson;
    EXPECT_EQ(lease(wish).error().code, ErrorCode::forbidden);
    EXPECT_EQ(lease(grant("", 30s)).error().code, ErrorCode::malformed);
    EXPECT_EQ(lease(grant("lease-1", 48h)).error().code, ErrorCode::out_of_range);
}

TEST_F(LeaseTest, ExpiredWhileTheBoardWasAwayLeavesItSafeWhenItReturns) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    driver_->vanish();
    test::run(io_, device_->look());
    pass(31s);
    EXPECT_EQ(driver_->value("stirrer"), 40) << "it can't be reached";
    driver_->connected = true;  // the link came back, the board never noticed
    test::run(io_, device_->look());
    EXPECT_EQ(driver_->value("stirrer"), 0);
}

TEST_F(LeaseTest, HoldMakesTheDeviceSafeAndLeavesTheLease) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    const auto held = hold(kPerson);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->size(), 3u);
    EXPECT_EQ(driver_->value("stirrer"), 0);
    EXPECT_TRUE(apply(command("stirrer", 41.0, "lease-1")));
}

TEST_F(LeaseTest, ManualSettingsRunOutToo) {
    ASSERT_TRUE(apply(command("stirrer", 40.0)));
    pass(9min);
    ASSERT_TRUE(apply(command("led", true)));
    pass(9min);
    EXPECT_EQ(driver_->value("stirrer"), 40) << "the second setting began the hold anew";
    pass(1min);
    EXPECT_EQ(driver_->value("stirrer"), 0);
    EXPECT_EQ(driver_->value("led"), 0);
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE event = 'dead-man' AND message LIKE '%manual hold%'"), 1);
}

TEST_F(LeaseTest, WallClockStepsNeitherEndNorLengthenIt) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    clock_.step_utc(1h);
    pass(1s);
    EXPECT_EQ(driver_->value("stirrer"), 40);
    clock_.step_utc(-24h);
    pass(30s);
    EXPECT_EQ(driver_->value("stirrer"), 0);
}

TEST_F(LeaseTest, TheWatchdogWakesAtTheDeadlineByItself) {
    const SystemClock real;
    sampling::Device device("vessel", std::make_unique<test::FakeDriver>(real), real);
    auto& driver = static_cast<test::FakeDriver&>(device.driver());
    CommandPath path(io_.get_executor(), real, *audit_, CommandPath::Limits{});
    path.add(device);
    test::run(io_, device.look());
    TaskGroup watching(io_.get_executor());
    watching.spawn("watch", path.watch());
    auto wish = grant("lease-1", 100ms);
    ASSERT_TRUE(test::run(io_, path.lease(wish)));
    auto set = command("stirrer", 40.0, "lease-1");
    ASSERT_TRUE(test::run(io_, path.apply(set)));
    EXPECT_EQ(driver.value("stirrer"), 40);
    EXPECT_TRUE(test::run_until(io_, [&] { return driver.value("stirrer") == 0; }));
    test::run(io_, watching.stop());
    test::run(io_, path.stop());
}

TEST_F(LeaseTest, WhatAFoundDeviceWasMadeSafeToIsAChangeOfState) {
    std::vector<Reading> changed;
    device_->listen_to_changes([&](const sampling::Device&, std::vector<Reading> readings) {
        changed.insert(changed.end(), readings.begin(), readings.end());
    });
    driver_->come_back();
    test::run(io_, device_->look());
    ASSERT_FALSE(changed.empty());
    for (const Reading& reading : changed) EXPECT_EQ(reading.time, device_->latest(reading.metric)->time);
}

TEST_F(LeaseTest, StoppingTheAgentLeavesTheDeviceSafeAndTakesNoMoreCommands) {
    ASSERT_TRUE(lease(grant("lease-1", 30s)));
    ASSERT_TRUE(apply(command("stirrer", 40.0, "lease-1")));
    test::run(io_, path_->stop());
    EXPECT_EQ(driver_->value("stirrer"), 0);
    EXPECT_EQ(apply(command("stirrer", 40.0)).error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace labhub::agent::safety
