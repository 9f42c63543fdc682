#include "agent/sampling/device.hpp"

#include <gtest/gtest.h>

#include "agent/sampling/sampler.hpp"
#include "tests/unit/agent/support/coroutines.hpp"
#include "tests/unit/agent/support/fake_driver.hpp"

namespace labhub::agent::sampling {
namespace {

using namespace std::chrono_literals;

class SamplingTest : public testing::Test {
  protected:
    SamplingTest() {
        auto driver = std::make_unique<test::FakeDriver>(clock_);
        driver_ = driver.get();
        device_ = std::make_unique<Device>("vessel", std::move(driver), clock_);
        device_->listen(
            [this](const Device&, std::vector<Reading> readings) { given_.push_back(std::move(readings)); });
        device_->listen_to_link([this](Device&, LinkChange change) -> Task<void> {
            changes_.push_back(change);
            return nothing();
        });
    }
    static Task<void> nothing() { co_return; }

    asio::io_context io_{1};
    ManualClock clock_;
    test::FakeDriver* driver_ = nullptr;
    std::unique_ptr<Device> device_;
    std::vector<std::vector<Reading>> given_;
    std::vector<LinkChange> changes_;
};

TEST_F(SamplingTest, TimesOfAMetricRiseStrictlyAlsoWhenTheClockStepsBack) {
    for (const auto step : {0ms, 0ms, -5000ms, 10ms}) {
        clock_.step_utc(step);
        device_->accept({Reading{"led", true, clock_.utc_now(), Quality::good}});
    }
    for (std::size_t i = 1; i < given_.size(); ++i) EXPECT_GT(given_[i][0].time, given_[i - 1][0].time);
}

TEST_F(SamplingTest, TimesOfAFormerRunNeverComeAgain) {
    const UtcMillis newest = clock_.utc_now();
    clock_.step_utc(-5000ms);
    device_->start_after(newest);
    for (int i = 0; i < 3; ++i) device_->accept({Reading{"led", true, clock_.utc_now(), Quality::good}});
    EXPECT_EQ(given_[0][0].time, newest + 1ms);
    EXPECT_EQ(given_[2][0].time, newest + 3ms);
}

TEST_F(SamplingTest, AClockThatWasFarAheadOnceDoesNotRuinTheTimesForGood) {
    unsigned steps = 0;
    device_->listen_to_steps([&](const Device&) { ++steps; });
    const UtcMillis right = clock_.utc_now();
    clock_.step_utc(std::chrono::hours{24 * 365 * 75});
    device_->accept({Reading{"led", true, clock_.utc_now(), Quality::good}});
    clock_.step_utc(-std::chrono::hours{24 * 365 * 75});
    for (int i = 0; i < 3; ++i) {
        clock_.advance(1s);
        device_->accept({Reading{"led", true, clock_.utc_now(), Quality::good}});
    }
    EXPECT_EQ(given_[1][0].time, right + 1s);
    EXPECT_EQ(given_[3][0].time, right + 3s);
    EXPECT_EQ(steps, 1u) << "hosts must be told anew";
}

TEST_F(SamplingTest, ANewestTimeOfAFormerRunThatWasFarAheadIsNoFloor) {
    device_->start_after(clock_.utc_now() + std::chrono::hours{24 * 365});
    device_->accept({Reading{"led", true, clock_.utc_now(), Quality::good}});
    EXPECT_EQ(given_[0][0].time, clock_.utc_now());
}

TEST_F(SamplingTest, WhatADeviceIsFoundWithIsAChangeOfState) {
    std::vector<Reading> changed;
    device_->listen_to_changes([&](const Device&, std::vector<Reading> readings) { changed = std::move(readings); });
    device_->accept_found(
        {{"stirrer", 0.0, clock_.utc_now(), Quality::good}, {"led", true, clock_.utc_now(), Quality::good}});
    EXPECT_EQ(changed.size(), 2u);
    EXPECT_TRUE(given_.empty());
    EXPECT_EQ(device_->latest("stirrer")->time, changed[0].time);
}

TEST_F(SamplingTest, WhatWasNeverReadHasOneTimeThatNoReadingShares) {
    test::run(io_, device_->look());
    const UtcMillis told = device_->latest()[0].time;
    device_->accept({Reading{device_->metrics()[0].name, 1.0, clock_.utc_now(), Quality::good}});
    EXPECT_GT(given_[0][0].time, told) << "in the same millisecond";
    clock_.advance(1min);
    EXPECT_EQ(device_->latest()[1].time, told) << "a further birth adds nothing";
}

TEST_F(SamplingTest, MetricsThatCouldNotBeReadAreSaidToBeBad) {
    device_->accept({Reading{"led", true, clock_.utc_now(), Quality::good}});
    device_->accept_unread();
    ASSERT_EQ(given_.size(), 2u);
    EXPECT_EQ(given_[1].size(), device_->metrics().size() - 1);
    device_->accept_unread();
    EXPECT_EQ(given_.size(), 2u);
}

TEST_F(SamplingTest, TellsChangesOfStateFromPlainReadings) {
    std::vector<std::string> changed;
    device_->listen_to_changes([&](const Device&, std::vector<Reading> readings) {
        for (const Reading& reading : readings) changed.push_back(reading.metric);
    });
    const auto accept = [&](const char* metric, Value value, Quality quality = Quality::good) {
        changed.clear();
        device_->accept({Reading{metric, std::move(value), clock_.utc_now(), quality}});
        return !changed.empty();
    };
    EXPECT_FALSE(accept("vial_A_temp", 36.0)) << "the first is no change";
    EXPECT_FALSE(accept("vial_A_temp", 37.0)) << "a sensor's number";
    EXPECT_TRUE(accept("vial_A_temp", {}, Quality::bad));
    EXPECT_FALSE(accept("vial_A_temp", {}, Quality::bad));
    EXPECT_TRUE(accept("vial_A_temp", 37.0));
    EXPECT_FALSE(accept("stirrer", 0.0));
    EXPECT_TRUE(accept("stirrer", 40.0)) << "an actuator";
    EXPECT_FALSE(accept("stirrer", 40.0));
}

TEST_F(SamplingTest, ReadsWhatIsDueAndKeepsTheLatest) {
    Sampler sampler(*device_, Schedule(1s, {{"vial_A_temp", 100ms}}), clock_);
    test::run(io_, sampler.tick());
    ASSERT_EQ(given_.size(), 1u);
    EXPECT_EQ(given_[0].size(), 4u);
    clock_.advance(100ms);
    driver_->values["vial_A_temp"] = 37.5;
    test::run(io_, sampler.tick());
    ASSERT_EQ(given_.size(), 2u);
    ASSERT_EQ(given_[1].size(), 1u);
    EXPECT_EQ(given_[1][0].metric, "vial_A_temp");
    EXPECT_EQ(device_->latest("vial_A_temp")->value, Value{37.5});
}

TEST_F(SamplingTest, ReportsAFailedReadOnceAsNoValueOfBadQuality) {
    Sampler sampler(*device_, Schedule(1s, {}), clock_);
    test::run(io_, sampler.tick());
    driver_->fail_reads = true;
    for (int i = 0; i < 5; ++i) {
        clock_.advance(1s);
        test::run(io_, sampler.tick());
    }
    ASSERT_EQ(given_.size(), 2u);
    for (const Reading& reading : given_[1]) {
        EXPECT_EQ(reading.value, Value{});
        EXPECT_EQ(reading.quality, Quality::bad);
    }
    driver_->fail_reads = false;
    clock_.advance(1s);
    test::run(io_, sampler.tick());
    EXPECT_EQ(given_.back()[0].quality, Quality::good);
}

TEST_F(SamplingTest, TellsOnceThatTheDeviceIsLostAndFound) {
    Sampler sampler(*device_, Schedule(1s, {}), clock_);
    test::run(io_, sampler.tick());
    driver_->vanish();
    for (int i = 0; i < 3; ++i) {
        clock_.advance(1s);
        test::run(io_, sampler.tick());
    }
    driver_->come_back();
    clock_.advance(1s);
    test::run(io_, sampler.tick());
    EXPECT_EQ(changes_, (std::vector<LinkChange>{LinkChange::found, LinkChange::lost, LinkChange::found}));
    EXPECT_EQ(given_[1][0].quality, Quality::bad);
    EXPECT_EQ(given_.size(), 3u);
}

TEST_F(SamplingTest, TellsOfABoardThatStartedAnewBetweenTwoLooks) {
    test::run(io_, device_->look());
    driver_->come_back();
    EXPECT_TRUE(device_->has_changed());
    test::run(io_, device_->look());
    EXPECT_EQ(changes_.size(), 2u);
}

TEST_F(SamplingTest, KnowsWhetherEveryActuatorIsSafe) {
    EXPECT_FALSE(device_->is_safe()) << "not known yet";
    device_->prime({{"led", false, {}, Quality::good},
                    {"stirrer", 0.0, {}, Quality::good},
                    {"pump_A_in", 0.0, {}, Quality::good}});
    EXPECT_TRUE(device_->is_safe());
    device_->accept({Reading{"pump_A_in", 0.1, clock_.utc_now(), Quality::good}});
    EXPECT_FALSE(device_->is_safe());
}

}  // namespace
}  // namespace labhub::agent::sampling
