#include "agent/sampling/schedule.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::sampling {
namespace {

using namespace std::chrono_literals;

std::vector<MetricInfo> metrics(std::vector<std::string> names) {
    std::vector<MetricInfo> all;
    for (std::string& name : names) {
        all.emplace_back();
        all.back().name = std::move(name);
    }
    return all;
}

TEST(Schedule, TakesMetricsOfDividingPeriodsOnOneTick) {
    ManualClock clock;
    Schedule schedule(1s, {{"fast", 100ms}});
    EXPECT_TRUE(schedule.begin(metrics({"slow", "fast"}), clock.steady_now()).empty());
    EXPECT_EQ(schedule.take_due(clock.steady_now()), (std::vector<std::string>{"fast", "slow"}));
    for (int i = 1; i < 10; ++i) {
        clock.advance(100ms);
        EXPECT_EQ(schedule.take_due(clock.steady_now()), std::vector<std::string>{"fast"});
    }
    clock.advance(100ms);
    EXPECT_EQ(schedule.take_due(clock.steady_now()).size(), 2u);
}

TEST(Schedule, DoesNotDriftWhenTicksAreLate) {
    ManualClock clock;
    const auto begin = clock.steady_now();
    Schedule schedule(1s, {});
    schedule.begin(metrics({"x"}), begin);
    schedule.take_due(begin);
    clock.advance(1030ms);
    EXPECT_EQ(schedule.take_due(clock.steady_now()).size(), 1u);
    EXPECT_EQ(schedule.next(), begin + 2s);
}

TEST(Schedule, LeavesOutMissedTicks) {
    ManualClock clock;
    const auto begin = clock.steady_now();
    Schedule schedule(1s, {});
    schedule.begin(metrics({"x"}), begin);
    clock.advance(10500ms);
    EXPECT_EQ(schedule.take_due(clock.steady_now()).size(), 1u);
    EXPECT_TRUE(schedule.take_due(clock.steady_now()).empty());
    EXPECT_EQ(schedule.next(), begin + 11s);
}

TEST(Schedule, NamesOverridesThatNoMetricHas) {
    Schedule schedule(1s, {{"vial_Z_temp", 100ms}});
    EXPECT_EQ(schedule.begin(metrics({"x"}), {}), std::vector<std::string>{"vial_Z_temp"});
}

}  // namespace
}  // namespace labhub::agent::sampling
