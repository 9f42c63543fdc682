#include "agent/edge_node/births.hpp"

#include <map>

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
    const auto birth = device_birth(device_, {});
    ASSERT_EQ(birth.metrics.size(), device_.metrics().size());
    const auto& stirrer = birth.metrics[1];
    EXPECT_EQ(stirrer.value, Value{40.0});
    EXPECT_EQ(stirrer.properties.at(sparkplug::property::kUnit), Value{std::string("%")});
    EXPECT_EQ(stirrer.properties.at(sparkplug::property::kMaximum), Value{100.0});
    EXPECT_EQ(birth.metrics[3].quality, Quality::bad) << "never read";
}

sparkplug::Payload data_of(const BornMetrics& born, const spool::Batch& batch, spool::Position position) {
    sparkplug::Payload data;
    add_readings(data, born, batch, position > 0);
    mark(data, position, batch.clock_unsure);
    return data;
}

TEST_F(BirthsTest, TheFirstMetricOfDataCarriesTheSpoolPosition) {
    const spool::Batch batch{
        "vessel", {{"stirrer", 1.0, clock_.utc_now(), Quality::good}, {"led", {}, clock_.utc_now(), Quality::bad}}};
    const BornMetrics born(device_birth(device_, {}));
    const auto data = data_of(born, batch, 77);
    ASSERT_EQ(data.metrics.size(), 2u);
    EXPECT_EQ(data.metrics[0].properties.at(sparkplug::property::kSpoolPosition), Value{std::int64_t{77}});
    EXPECT_TRUE(data.metrics[1].properties.empty());
    EXPECT_TRUE(data.metrics[0].is_historical && data.metrics[1].is_historical);
    EXPECT_EQ(data.metrics[1].datatype, sparkplug::DataType::boolean) << "a null value needs its type";
    EXPECT_TRUE(data_of(born, batch, 0).metrics[0].properties.empty());
}

TEST_F(BirthsTest, DataOfAClockThatIsNotSureSaySo) {
    const spool::Batch batch{"vessel", {{"stirrer", 1.0, clock_.utc_now(), Quality::good}}, true};
    const auto data = data_of(BornMetrics(device_birth(device_, {})), batch, 0);
    EXPECT_EQ(data.metrics[0].properties.at(sparkplug::property::kClock), Value{std::string("unsynchronised")});
}

TEST_F(BirthsTest, LeavesOutReadingsOfMetricsTheBirthDidNotName) {
    const spool::Batch batch{
        "vessel", {{"gone", 1.0, clock_.utc_now(), Quality::good}, {"led", true, clock_.utc_now(), Quality::good}}};
    EXPECT_EQ(data_of(BornMetrics(device_birth(device_, {})), batch, 5).metrics.size(), 1u);
}

TEST_F(BirthsTest, ReadingsOlderThanWhatTheBirthToldAreHistory) {
    device_.prime({{"stirrer", 40.0, clock_.utc_now(), Quality::good}});
    const BornMetrics born(device_birth(device_, {}));
    const UtcMillis told = clock_.utc_now();
    const spool::Batch batch{"vessel",
                             {{"stirrer", 38.0, told - 1ms, Quality::good},
                              {"stirrer", 40.0, told, Quality::good},
                              {"stirrer", 41.0, told + 1ms, Quality::good}}};
    sparkplug::Payload data;
    add_readings(data, born, batch, false);
    ASSERT_EQ(data.metrics.size(), 3u);
    EXPECT_TRUE(data.metrics[0].is_historical);
    EXPECT_FALSE(data.metrics[1].is_historical || data.metrics[2].is_historical);
}

TEST_F(BirthsTest, ABatchThatComesLateIsHistory) {
    const BornMetrics born(device_birth(device_, {}));
    spool::Batch batch{"vessel", {{"stirrer", 38.0, clock_.utc_now() + 1min, Quality::good}}};
    batch.is_late = true;
    EXPECT_TRUE(data_of(born, batch, 0).metrics[0].is_historical);
}

TEST_F(BirthsTest, ExtraMetricsAreBornAndHaveData) {
    ExtraMetric alarm;
    alarm.info.name = "alarm/vial_A_temp";
    alarm.info.type = ValueType::text;
    alarm.latest = {"alarm/vial_A_temp", std::string("none"), clock_.utc_now(), Quality::good};
    const auto birth = device_birth(device_, {alarm});
    EXPECT_EQ(birth.metrics.back().name, "alarm/vial_A_temp");
    const spool::Batch batch{"vessel", {{"alarm/vial_A_temp", std::string("high"), clock_.utc_now(), Quality::good}}};
    EXPECT_EQ(data_of(BornMetrics(birth), batch, 5).metrics.size(), 1u);
}

TEST_F(BirthsTest, ANodeSaysWhatItsSpoolAndClockDo) {
    spool::Spool::State spool;
    spool.dropped = {1, 2, 30};
    spool.replaced = 1;
    sampling::ClockState clock;
    clock.is_synchronised = false;
    const auto metrics = node_metrics(spool, clock, {});
    std::map<std::string, Value> values;
    for (const auto& each : metrics) values[each.name] = each.value;
    EXPECT_EQ(values.at("Node Info/Spool Dropped"), Value{std::int64_t{33}});
    EXPECT_EQ(values.at("Node Info/Spool Dropped Alarms"), Value{std::int64_t{1}});
    EXPECT_EQ(values.at("Node Info/Spool Replaced"), Value{std::int64_t{1}});
    EXPECT_EQ(values.at("Node Info/Clock"), Value{std::string("unsynchronised")});
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
