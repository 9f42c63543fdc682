#include "shared/runtime/backoff.hpp"

#include <set>

#include <gtest/gtest.h>

namespace labhub {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsMost) {
    Backoff backoff(milliseconds{100}, milliseconds{1'000});
    for (const std::int64_t bound : {100, 200, 400, 800, 1'000, 1'000, 1'000}) {
        const auto wait = backoff.next();
        EXPECT_GE(wait, milliseconds{bound / 2});
        EXPECT_LE(wait, milliseconds{bound});
    }
}

TEST(Backoff, BeginsAgainAfterASuccess) {
    Backoff backoff(milliseconds{100}, milliseconds{60'000});
    for (int i = 0; i < 8; ++i) (void)backoff.next();
    backoff.reset();
    EXPECT_LE(backoff.next(), milliseconds{100});
}

TEST(Backoff, DoesNotBringAFleetBackInOneMoment) {
    std::set<std::int64_t> waits;
    for (int i = 0; i < 100; ++i) waits.insert(Backoff(milliseconds{100'000}, milliseconds{100'000}).next().count());
    EXPECT_GT(waits.size(), 50u);
}

}  // namespace
}  // namespace labhub
