#include "agent/twin/vessel_start.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::twin {
namespace {

Reading good(std::string metric, double value) { return {std::move(metric), value, UtcMillis{1}, Quality::good}; }

TEST(VesselStart, TakesTemperaturesFromTheLastReadings) {
    const auto beginning =
        beginning_from({good("vial_A_temp", 31.5), good("io_temp_out", 0.83), good("io_temp_in", 0.72)}, {});
    EXPECT_DOUBLE_EQ(beginning.start.celsius[0].value(), 31.5);
    EXPECT_FALSE(beginning.start.celsius[1].has_value());
    EXPECT_NEAR(beginning.start.block.value(), 33, 1e-9);
    EXPECT_NEAR(beginning.start.ambient.value(), 22, 1e-9);
}

TEST(VesselStart, ReadsTheDensityOffThePhotodiodesWhereTheLampIsOn) {
    // 10^(-0.5 * 1.0) of the lamp's 2 V, above the dark.
    const auto lit = beginning_from({good("vial_B_180_degree", 0.012 + 0.632456), good("vial_B_reference", 2.012)}, {});
    EXPECT_NEAR(lit.start.od[1].value(), 1.0, 1e-3);
    const auto dark = beginning_from({good("vial_B_180_degree", 0.013), good("vial_B_reference", 0.0125)}, {});
    EXPECT_FALSE(dark.start.od[1].has_value());
}

TEST(VesselStart, LeavesOutWhatCantBe) {
    Reading bad = good("vial_A_temp", 30);
    bad.quality = Quality::bad;
    const auto beginning = beginning_from({bad, good("vial_B_temp", 400)}, {});
    EXPECT_FALSE(beginning.start.celsius[0].has_value());
    EXPECT_FALSE(beginning.start.celsius[1].has_value());
    EXPECT_FALSE(beginning.assumptions.empty());
}

}  // namespace
}  // namespace labhub::agent::twin
