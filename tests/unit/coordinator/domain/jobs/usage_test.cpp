#include "coordinator/domain/jobs/usage.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::jobs {
namespace {

using namespace std::chrono_literals;

const UtcMillis kNow{1'700'000'000'000};
const std::string kAda = "user:ada";

TEST(Usage, CountsOfAUserWhatEndedWithinTheWindow) {
    Usage usage(24h);
    usage.add(kAda, kNow - 30h, 1'000);
    usage.add(kAda, kNow - 3h, 2'000);
    usage.add(kAda, kNow, 4'000);
    usage.add("user:bob", kNow, 64'000);
    EXPECT_DOUBLE_EQ(usage.cpu_seconds(kAda, kNow, 24h), 6);
    EXPECT_DOUBLE_EQ(usage.cpu_seconds(kAda, kNow, 48h), 7);
    EXPECT_DOUBLE_EQ(usage.cpu_seconds(kAda, kNow + 25h, 24h), 0) << "the window moves on";
    EXPECT_DOUBLE_EQ(usage.cpu_seconds("user:nobody", kNow, 24h), 0);
}

TEST(Usage, FadesByHalfInEachHalfLife) {
    Usage usage(24h);
    usage.add(kAda, kNow, 8'000);
    EXPECT_DOUBLE_EQ(usage.recent_cpu_seconds(kAda, kNow), 8);
    EXPECT_DOUBLE_EQ(usage.recent_cpu_seconds(kAda, kNow + 24h), 4);
    usage.add(kAda, kNow + 24h, 1'000);
    EXPECT_DOUBLE_EQ(usage.recent_cpu_seconds(kAda, kNow + 48h), 2.5);
}

TEST(Usage, IsTheSameInWhateverOrderJobsEnd) {
    Usage forth(24h), back(24h);
    for (int i = 0; i < 5; ++i) forth.add(kAda, kNow + i * 7h, 1'000 * i);
    for (int i = 4; i >= 0; --i) back.add(kAda, kNow + i * 7h, 1'000 * i);
    EXPECT_NEAR(forth.recent_cpu_seconds(kAda, kNow + 40h), back.recent_cpu_seconds(kAda, kNow + 40h), 1e-9);
    EXPECT_DOUBLE_EQ(forth.cpu_seconds(kAda, kNow + 40h, 20h), back.cpu_seconds(kAda, kNow + 40h, 20h));
}

TEST(Usage, LosesNothingWhenTheClockIsSetBack) {
    Usage usage(24h);
    usage.add(kAda, kNow, 3'000);
    EXPECT_DOUBLE_EQ(usage.recent_cpu_seconds(kAda, kNow - 100h), 3);
    EXPECT_DOUBLE_EQ(usage.cpu_seconds(kAda, kNow - 1h, 2h), 3);
}

TEST(Usage, ForgetsWhatNoWindowCanReach) {
    Usage usage(24h, 48h);
    usage.add(kAda, kNow - 100h, 1'000);
    usage.add(kAda, kNow, 1'000);
    EXPECT_DOUBLE_EQ(usage.cpu_seconds(kAda, kNow, 200h), 1);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
