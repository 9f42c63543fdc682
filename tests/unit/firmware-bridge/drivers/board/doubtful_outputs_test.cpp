#include "firmware-bridge/drivers/board/doubtful_outputs.hpp"

#include <gtest/gtest.h>

namespace labhub::firmware_bridge {
namespace {

MetricInfo actuator(std::string name, Value safe) {
    MetricInfo metric;
    metric.name = std::move(name);
    metric.kind = MetricKind::actuator;
    metric.safe_value = std::move(safe);
    return metric;
}

struct DoubtfulOutputsTest : ::testing::Test {
    const std::vector<MetricInfo> metrics{actuator("pump", 0.0), actuator("valve", 1.0), MetricInfo{}};
    DoubtfulOutputs outputs;
};

TEST_F(DoubtfulOutputsTest, GoToTheirSafeValues) {
    outputs.add(metrics, {{"valve", 5.0}, {"no_such", 1.0}});
    const auto batch = outputs.take(10);
    ASSERT_EQ(batch.to_safe.size(), 1u);
    EXPECT_EQ(batch.to_safe[0].metric, "valve");
    EXPECT_EQ(batch.to_safe[0].value, Value(1.0));
    outputs.settled(batch);
    EXPECT_TRUE(outputs.is_empty());
}

TEST_F(DoubtfulOutputsTest, AreEveryActuatorAfterASafeWithoutAnswer) {
    outputs.add_all(metrics);
    EXPECT_EQ(outputs.take(10).to_safe.size(), 2u);
    EXPECT_EQ(outputs.take(1).to_safe.size(), 1u);
}

TEST_F(DoubtfulOutputsTest, GiveWayToALaterWrite) {
    outputs.add_all(metrics);
    EXPECT_EQ(outputs.take(10, {{"pump", 3.0}}).to_safe.size(), 1u);
    outputs.written({{"pump", 3.0}});
    EXPECT_EQ(outputs.take(10).to_safe.size(), 1u);
}

TEST_F(DoubtfulOutputsTest, StayWhenTheyCameIntoDoubtAgainMeanwhile) {
    outputs.add(metrics, {{"pump", 3.0}});
    const auto batch = outputs.take(10);
    outputs.add(metrics, {{"pump", 4.0}});
    outputs.settled(batch);
    EXPECT_FALSE(outputs.is_empty());
}

}  // namespace
}  // namespace labhub::firmware_bridge
