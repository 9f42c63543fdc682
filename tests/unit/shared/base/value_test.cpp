#include "shared/base/value.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace labhub {
namespace {

MetricInfo stirrer() {
    MetricInfo metric;
    metric.name = "stirrer";
    metric.kind = MetricKind::actuator;
    metric.unit = "%";
    metric.minimum = 0;
    metric.maximum = 100;
    return metric;
}

MetricInfo of_type(ValueType type) {
    MetricInfo metric = stirrer();
    metric.type = type;
    return metric;
}

TEST(CheckSetpoint, ConvertsToTheMetricsOwnType) {
    EXPECT_EQ(check_setpoint(stirrer(), Value{std::int64_t{40}}).value(), Value{40.0});
    EXPECT_EQ(check_setpoint(of_type(ValueType::integer), Value{40.0}).value(), Value{std::int64_t{40}});
    EXPECT_EQ(check_setpoint(of_type(ValueType::boolean), Value{std::int64_t{1}}).value(), Value{true});
    EXPECT_EQ(check_setpoint(of_type(ValueType::boolean), Value{false}).value(), Value{false});
    EXPECT_EQ(check_setpoint(of_type(ValueType::text), Value{std::string("red")}).value(), Value{std::string("red")});
}

TEST(CheckSetpoint, SaysTheRangeAndUnit) {
    const auto refused = check_setpoint(stirrer(), Value{100.5});
    EXPECT_EQ(refused.error().code, ErrorCode::out_of_range);
    EXPECT_EQ(refused.error().to_string(), "stirrer can't be set to 100.5 (allowed: 0 to 100 %)");
    EXPECT_TRUE(check_setpoint(stirrer(), Value{100.0})) << "limits are inclusive";
    EXPECT_FALSE(check_setpoint(stirrer(), Value{-0.001}));
}

TEST(CheckSetpoint, RefusesWhatIsNotFinite) {
    for (const double number :
         {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
        EXPECT_EQ(check_setpoint(stirrer(), Value{number}).error().code, ErrorCode::out_of_range);
        EXPECT_FALSE(check_setpoint(of_type(ValueType::integer), Value{number}));
        EXPECT_FALSE(check_setpoint(of_type(ValueType::boolean), Value{number}));
    }
}

TEST(CheckSetpoint, RefusesTheWrongType) {
    EXPECT_EQ(check_setpoint(stirrer(), Value{true}).error().message, "stirrer takes a number, not boolean");
    EXPECT_EQ(check_setpoint(stirrer(), Value{std::string("40")}).error().code, ErrorCode::malformed);
    EXPECT_EQ(check_setpoint(stirrer(), Value{}).error().code, ErrorCode::malformed);
    EXPECT_FALSE(check_setpoint(of_type(ValueType::integer), Value{0.5}));
    EXPECT_FALSE(check_setpoint(of_type(ValueType::boolean), Value{std::int64_t{2}}));
    EXPECT_FALSE(check_setpoint(of_type(ValueType::text), Value{1.0}));
}

TEST(CheckSetpoint, RefusesASensor) {
    auto sensor = stirrer();
    sensor.kind = MetricKind::sensor;
    EXPECT_EQ(check_setpoint(sensor, Value{1.0}).error().code, ErrorCode::forbidden);
}

TEST(ParseValue, ReadsTextByTheMetricsType) {
    EXPECT_EQ(parse_value(stirrer(), "0.5").value(), Value{0.5});
    EXPECT_EQ(parse_value(of_type(ValueType::boolean), "on").value(), Value{true});
    EXPECT_EQ(parse_value(of_type(ValueType::boolean), "0").value(), Value{false});
    EXPECT_EQ(parse_value(of_type(ValueType::text), "on").value(), Value{std::string("on")});
    for (const auto* text : {"", "x", "1x", " 1", "nan", "inf", "1e999", "0x10"})
        EXPECT_FALSE(parse_value(stirrer(), text)) << text;
    EXPECT_FALSE(parse_value(of_type(ValueType::boolean), "yes"));
}

TEST(RangeText, NamesTheLimitsThereAre) {
    auto metric = stirrer();
    EXPECT_EQ(range_text(metric), "0 to 100 %");
    metric.maximum.reset();
    EXPECT_EQ(range_text(metric), "at least 0 %");
    metric.minimum.reset();
    EXPECT_EQ(range_text(metric), "");
    metric.maximum = 5;
    metric.unit.clear();
    EXPECT_EQ(range_text(metric), "at most 5");
}

TEST(FindMetric, NamesTheChoices) {
    auto second = stirrer();
    second.name = "led";
    const std::vector metrics{stirrer(), second};
    EXPECT_EQ((*find_metric(metrics, "led"))->name, "led");
    const auto missing = find_metric(metrics, "lamp");
    EXPECT_EQ(missing.error().to_string(), "no metric named 'lamp' (there are: stirrer, led)");
}

TEST(Finite, TurnsNanIntoNoValue) {
    EXPECT_EQ(finite(1.5), Value{1.5});
    EXPECT_EQ(finite(std::nan("")), Value{});
    EXPECT_EQ(finite(std::numeric_limits<double>::infinity()), Value{});
}

TEST(ValueText, IsShortAndExact) {
    EXPECT_EQ(to_string(Value{}), "null");
    EXPECT_EQ(to_string(Value{true}), "true");
    EXPECT_EQ(to_string(Value{40.0}), "40");
    EXPECT_EQ(to_string(Value{std::int64_t{-1}}), "-1");
}

}  // namespace
}  // namespace labhub
