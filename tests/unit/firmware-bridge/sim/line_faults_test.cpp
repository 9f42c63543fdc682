#include "firmware-bridge/sim/line_faults.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace labhub::firmware_bridge::sim {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes pass(LineFaults faults, std::size_t size) {
    const Bytes sent(size, 0x55);
    const auto came = faults.pass(sent);
    return Bytes(came.begin(), came.end());
}

struct LineFaultsTest : ::testing::Test {
    LineFaults line(double garbage, double flips, bool is_noisy = true, unsigned seed = 1) const {
        LineFaultOptions options;
        options.garbage_rate = garbage;
        options.flip_rate = flips;
        return LineFaults(options, is_noisy, seed, clock);
    }
    ManualClock clock;
};

TEST_F(LineFaultsTest, StraysAreAddedAtTheirRate) {
    const auto came = pass(line(0.01, 0), 100'000);
    EXPECT_NEAR(static_cast<double>(came.size()), 101'000, 150);
}

TEST_F(LineFaultsTest, FlipsTurnOneBitOverAtTheirRate) {
    const auto came = pass(line(0, 0.01), 100'000);
    ASSERT_EQ(came.size(), 100'000u);
    const auto flipped = std::count_if(came.begin(), came.end(), [](std::uint8_t byte) { return byte != 0x55; });
    EXPECT_NEAR(static_cast<double>(flipped), 1000, 150);
    for (const auto byte : came) EXPECT_LE(__builtin_popcount(byte ^ 0x55u), 1);
}

TEST_F(LineFaultsTest, AreTheSameForTheSameSeed) {
    EXPECT_EQ(pass(line(0.1, 0.1, true, 5), 1000), pass(line(0.1, 0.1, true, 5), 1000));
    EXPECT_NE(pass(line(0.1, 0.1, true, 5), 1000), pass(line(0.1, 0.1, true, 6), 1000));
}

TEST_F(LineFaultsTest, SpareAWayThatIsNotNoisy) { EXPECT_EQ(pass(line(0.5, 0.5, false), 1000), Bytes(1000, 0x55)); }

}  // namespace
}  // namespace labhub::firmware_bridge::sim
