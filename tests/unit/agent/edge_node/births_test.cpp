#include "agent/edge_node/births.hpp"

#include <gtest/gtest.h>

#include "agent/edge_node/commands.hpp"
#include "shared/sparkplug/codec.hpp"
#include "tests/unit/agent/support/fake_driver.hpp"

namespace labhub::agent::edge_node {
namespace {

using namespace std::chrono_literals;

class BirthsTest : public testing::Test {
  protected:
    ManualClock clock_;
    sampling::Device device_{"vessel", std::make_unique<test::FakeDriver>(clock_), clock_};
};

TEST_F(BirthsTest, ADeviceIsBornWithEveryMetricItsUnitAndItsLimits) {
    device_.prime({{"stirrer", 40.0, clock_.utc_now(), Quality::good}});
    const auto birth = device_birth(device_);
    ASSERT_EQ(birth.metrics.size(), device_.metrics().size());
    const auto& stirrer = birth.metrics[1];
    EXPECT_EQ(stirrer.value, Value{40.0});
    EXPECT_EQ(stirrer.properties.at(sparkplug::property::kUnit), Value{std::string("%")});
    EXPECT_EQ(stirrer.properties.at(sparkplug::property::kMaximum), Value{100.0});
    EXPECT_EQ(birth.metrics[3].quality, Quality::bad) << "never read";
}

TEST_F(BirthsTest, TheFirstMetricOfDataCarriesTheSpoolPosition) {
    const spool::Batch batch{
        "vessel", {{"stirrer", 1.0, clock_.utc_now(), Quality::good}, {"led", {}, clock_.utc_now(), Quality::bad}}};
    const auto data = device_data(device_, batch, 77, true);
    ASSERT_EQ(data.metrics.size(), 2u);
    EXPECT_EQ(data.metrics[0].properties.at(sparkplug::property::kSpoolPosition), Value{std::int64_t{77}});
    EXPECT_TRUE(data.metrics[1].properties.empty());
    EXPECT_TRUE(data.metrics[0].is_historical && data.metrics[1].is_historical);
    EXPECT_TRUE(device_data(device_, batch, 0, false).metrics[0].properties.empty());
}

TEST_F(BirthsTest, LeavesOutReadingsOfMetricsTheDeviceDoesNotHaveAnyMore) {
    const spool::Batch batch{
        "vessel", {{"gone", 1.0, clock_.utc_now(), Quality::good}, {"led", true, clock_.utc_now(), Quality::good}}};
    EXPECT_EQ(device_data(device_, batch, 5, true).metrics.size(), 1u);
}

std::string dcmd(std::vector<sparkplug::Metric> metrics, std::optional<UtcMillis> time) {
    sparkplug::Payload payload;
    payload.timestamp = time;
    payload.metrics = std::move(metrics);
    return *sparkplug::encode(sparkplug::MessageType::dcmd, payload);
}

TEST_F(BirthsTest, ADeviceCommandBecomesACommandOfAnOperatorWithoutALease) {
    sparkplug::Metric metric;
    metric.name = "stirrer";
    metric.value = 40.0;
    const auto command = parse_device_command("vessel", dcmd({metric}, clock_.utc_now()), clock_.utc_now());
    ASSERT_TRUE(command) << command.error().to_string();
    EXPECT_EQ(command->asker.role, safety::Role::operates);
    EXPECT_TRUE(command->lease.empty());
    EXPECT_FALSE(command->id.empty());
    EXPECT_EQ(command->deadline, clock_.utc_now() + 60s);
    EXPECT_EQ(command->setpoints.at(0).value, Value{40.0});
}

TEST_F(BirthsTest, ADeviceCommandMayBringItsIdAndDeadline) {
    sparkplug::Metric metric;
    metric.name = "stirrer";
    metric.value = 40.0;
    metric.properties["command_id"] = std::string("once");
    metric.properties["deadline_ms"] = std::int64_t{123};
    const auto command = parse_device_command("vessel", dcmd({metric}, clock_.utc_now()), clock_.utc_now());
    ASSERT_TRUE(command);
    EXPECT_EQ(command->id, CommandId{"once"});
    EXPECT_EQ(command->deadline, UtcMillis{123});
}

TEST_F(BirthsTest, GarbageIsNoCommand) {
    EXPECT_FALSE(parse_device_command("vessel", "garbage", clock_.utc_now()));
    EXPECT_FALSE(parse_device_command("vessel", "", clock_.utc_now()));
    EXPECT_FALSE(parse_node_command("garbage"));
}

TEST_F(BirthsTest, ANodeCommandAsksForARebirthOrAcknowledges) {
    const auto encode = [&](const char* name, Value value) {
        return *sparkplug::encode(sparkplug::MessageType::ncmd,
                                  sparkplug::node_command(name, std::move(value), clock_.utc_now()));
    };
    EXPECT_TRUE(parse_node_command(encode(sparkplug::node_metric::kRebirth, true))->rebirth);
    EXPECT_FALSE(parse_node_command(encode(sparkplug::node_metric::kRebirth, false))->rebirth);
    EXPECT_EQ(parse_node_command(encode(sparkplug::node_metric::kAcknowledge, std::int64_t{9}))->acknowledge, 9);
    EXPECT_FALSE(parse_node_command(encode("Something/Else", true))->rebirth);
}

}  // namespace
}  // namespace labhub::agent::edge_node
