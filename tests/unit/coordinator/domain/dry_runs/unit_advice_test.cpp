#include "coordinator/domain/dry_runs/unit_advice.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::dry_runs {
namespace {

MetricInfo metric(std::string unit, double low, double high) {
    MetricInfo info;
    info.name = "it";
    info.kind = MetricKind::actuator;
    info.unit = std::move(unit);
    info.minimum = low;
    info.maximum = high;
    return info;
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(UnitAdvice, TakesAFlowThatIsTooFastForMillilitresAMinute) {
    const auto advice = unit_advice(metric("mL/s", 0, 10), 0.5, 25);
    EXPECT_TRUE(says(advice, "0.5 mL/min")) << advice;
    EXPECT_TRUE(says(advice, "0.00833 mL/s")) << advice;
}

TEST(UnitAdvice, TakesALargerOneForMicrolitres) {
    EXPECT_TRUE(says(unit_advice(metric("mL/s", 0, 10), 5, 25), "µL/s"));
    EXPECT_TRUE(says(unit_advice(metric("mL/s", 0, 10), 500, 25), "µL/min"));
}

TEST(UnitAdvice, TakesAShareForPercent) {
    const auto stirrer = metric("%", 0, 100);
    EXPECT_TRUE(is_share_for_percent(stirrer, 0.4));
    EXPECT_TRUE(says(unit_advice(stirrer, 0.4, 25), "40 %"));
    EXPECT_FALSE(is_share_for_percent(stirrer, 40));
    EXPECT_FALSE(is_share_for_percent(stirrer, 0));
    EXPECT_FALSE(is_share_for_percent(metric("%", -100, 100), 0.4));  // a controller's output
}

TEST(UnitAdvice, TakesEightBitsForPercent) { EXPECT_TRUE(says(unit_advice(metric("%", 0, 100), 255, 25), "100 %")); }

TEST(UnitAdvice, SaysNothingWhereNothingSuggestsItself) {
    EXPECT_EQ(unit_advice(metric("mL/s", 0, 10), -1, 25), "");
    EXPECT_EQ(unit_advice(metric("Cel", 0, 100), 300, 25), "");
    EXPECT_EQ(unit_advice(metric("mL/s", 0, 10), 1e9, 25), "");
}

}  // namespace
}  // namespace labhub::coordinator::dry_runs
