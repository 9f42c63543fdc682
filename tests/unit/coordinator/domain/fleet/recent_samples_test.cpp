#include "coordinator/domain/fleet/recent_samples.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::fleet {
namespace {

TEST(RecentSamples, GivesWhatIsYoungerWithTheNamesItWasAddedBy) {
    RecentSamples recent;
    recent.add(UtcMillis{10}, "ph", 7.0);
    recent.add(UtcMillis{10}, "temperature", 30.0);
    recent.add(UtcMillis{20}, "temperature", 30.5);
    recent.add(UtcMillis{30}, "ph", 7.1);
    const auto found = recent.after(UtcMillis{10}, 10);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].values, (std::map<std::string, Value>{{"temperature", 30.5}}));
    EXPECT_EQ(found[1].values, (std::map<std::string, Value>{{"ph", 7.1}}));
    EXPECT_EQ(recent.after(UtcMillis{0}, 1).front().values.size(), 2u);
}

TEST(RecentSamples, KeepsOneValueForAMetricAndTime) {
    RecentSamples recent;
    for (int i = 0; i < 1'000; ++i) recent.add(UtcMillis{10}, "ph", static_cast<double>(i));
    EXPECT_EQ(recent.size(), 1u);
    EXPECT_EQ(recent.after(UtcMillis{0}, 9).front().values, (std::map<std::string, Value>{{"ph", 999.0}}));
}

TEST(RecentSamples, LeavesOutWhatIsOlderThanTheNewest) {
    RecentSamples recent;
    recent.add(UtcMillis{20}, "ph", 7.0);
    recent.add(UtcMillis{10}, "ph", 6.0);
    EXPECT_EQ(recent.after(UtcMillis{0}, 9).size(), 1u);
}

TEST(RecentSamples, ForgetsTheOldestBeyondItsBound) {
    RecentSamples recent;
    for (int i = 1; i <= 100; ++i) recent.add(UtcMillis{i}, "ph", 7.0);
    recent.keep(30);
    EXPECT_EQ(recent.size(), 30u);
    EXPECT_EQ(recent.after(UtcMillis{0}, 1).front().time, UtcMillis{71});
}

TEST(RecentSamples, EverNewNamesDoNotStayForEver) {
    RecentSamples recent;
    for (int i = 1; i <= 50'000; ++i) recent.add(UtcMillis{i}, "metric-" + std::to_string(i), 1.0);
    EXPECT_LE(recent.size(), 20'000u);
    const auto newest = recent.after(UtcMillis{49'999}, 9);
    ASSERT_EQ(newest.size(), 1u);
    EXPECT_EQ(newest.front().values, (std::map<std::string, Value>{{"metric-50000", 1.0}}));
}

}  // namespace
}  // namespace labhub::coordinator::fleet
