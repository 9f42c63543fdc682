#include "coordinator/api/alarm_body.hpp"

#include <set>

#include <gtest/gtest.h>

namespace labhub::coordinator::api {
namespace {

std::string id_of(const std::string& device, const std::string& metric) {
    AlarmRuleBody body;
    body.device = device;
    body.metric = metric;
    body.high = 1;
    const auto rule = rule_from(body, alarms::Alarms::Settings{});
    EXPECT_TRUE(rule) << rule.error().to_string();
    const auto good = alarms::check_rule(*rule);
    EXPECT_TRUE(good) << good.error().to_string();
    return rule->id.value;
}

TEST(AlarmRuleBody, HasAnIdMadeOfDeviceAndMetric) {
    EXPECT_EQ(id_of("sim-1/vessel", "vial_A_temp"), "sim-1.vessel.vial_A_temp");
    EXPECT_EQ(id_of("*", "stirrer"), "stirrer");
}

TEST(AlarmRuleBody, HasAnIdOfItsOwnWhateverTheMetricIsCalled) {
    const std::vector<std::string> metrics{
        "Inputs/A", "Inputs.A", "Inputs A", "Temperatur °C",      "Temperatur µC",
        "温度",     "-x",       ".x",       std::string(64, 'a'), std::string(64, 'a') + "b"};
    for (const std::string device : {"*", "plc/line 1"}) {
        std::set<std::string> ids;
        for (const auto& metric : metrics) EXPECT_TRUE(ids.insert(id_of(device, metric)).second) << metric;
        EXPECT_EQ(id_of(device, "Inputs/A"), id_of(device, "Inputs/A")) << "setting it again changes it";
    }
}

}  // namespace
}  // namespace labhub::coordinator::api
