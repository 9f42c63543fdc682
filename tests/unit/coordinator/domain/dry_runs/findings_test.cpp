#include "coordinator/domain/dry_runs/findings.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::dry_runs {
namespace {

using namespace std::chrono_literals;

constexpr UtcMillis kStart{1'800'000'000'000};

MetricInfo actuator(std::string name, std::string unit, double low, double high) {
    MetricInfo info;
    info.name = std::move(name);
    info.kind = MetricKind::actuator;
    info.unit = std::move(unit);
    info.minimum = low;
    info.maximum = high;
    info.safe_value = 0.0;
    return info;
}

class FindingsTest : public testing::Test {
  protected:
    void set(std::chrono::milliseconds at, const std::string& metric, double value, int line) {
        CommandSeen command;
        command.time = kStart + at;
        command.line = line;
        command.asked[metric] = value;
        command.is_applied = true;
        findings_.command(command);
    }
    void refuse(std::chrono::milliseconds at, const std::string& metric, Value value, int line,
                const std::string& code) {
        CommandSeen command;
        command.time = kStart + at;
        command.line = line;
        command.asked[metric] = std::move(value);
        command.code = code;
        command.message = "no";
        findings_.command(command);
    }
    Finding only() const {
        const auto all = findings_.list();
        EXPECT_EQ(all.size(), 1u);
        return all.at(0);
    }
    static bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

    Findings findings_{kStart,
                       {actuator("pump_A_in", "mL/s", 0, 10), actuator("pump_A_out", "mL/s", 0, 10),
                        actuator("peltier", "%", -100, 100), actuator("stirrer", "%", 0, 100)}};
};

TEST_F(FindingsTest, NamesThePumpAndTheLineThatLetAVialRunOver) {
    set(10s, "pump_A_in", 0.006, 12);
    findings_.vessel(kStart + 15min, "overflow", "A", 30, 30);
    const Finding overflow = only();
    EXPECT_EQ(overflow.severity, Severity::error);
    EXPECT_EQ(overflow.line, 12);
    EXPECT_TRUE(says(overflow.message, "pump_A_in brings 0.006 mL/s since 0m10s (line 12)")) << overflow.message;
    EXPECT_TRUE(says(overflow.advice, "pump_A_out is off")) << overflow.advice;
}

TEST_F(FindingsTest, TellsOneThingOnceHoweverOftenItHappens) {
    for (int i = 0; i < 5; ++i) findings_.vessel(kStart + i * 1min, "overflow", "A", 30, 30);
    EXPECT_EQ(only().times, 5);
    EXPECT_EQ(only().time, kStart);
}

TEST_F(FindingsTest, TellsOfOneBlockThatCooksAllVialsOnce) {
    set(0s, "peltier", 100, 30);
    for (const char* vial : {"A", "B", "C", "D"}) findings_.vessel(kStart + 44min, "culture_hot", vial, 42.1, 42);
    EXPECT_EQ(only().line, 30);
    EXPECT_TRUE(says(only().message, "peltier heats with 100 %")) << only().message;
}

TEST_F(FindingsTest, TakesAFlowThatRenewsAVialAllTheTimeForAWrongUnit) {
    set(10s, "pump_A_in", 0.5, 20);
    findings_.look(kStart + 30s);
    EXPECT_TRUE(findings_.list().empty());  // a rinse
    findings_.look(kStart + 2min);
    EXPECT_EQ(only().kind, "wrong_unit");
    EXPECT_EQ(only().line, 20);
    EXPECT_TRUE(says(only().advice, "mL/min")) << only().advice;
}

TEST_F(FindingsTest, LetsAFlowThatACultureStandsBe) {
    set(0s, "pump_A_in", 0.02, 20);
    findings_.look(kStart + 8h);
    EXPECT_TRUE(findings_.list().empty());
}

TEST_F(FindingsTest, AFlowThatIsSetAgainToTheSameGoesOn) {
    for (int i = 0; i < 10; ++i) set(i * 30s, "pump_A_in", 0.5, 20);
    findings_.look(kStart + 5min);
    EXPECT_EQ(only().time, kStart);
}

TEST_F(FindingsTest, TellsWhatIsOutOfRangeByMetricWithItsLimit) {
    refuse(5s, "pump_A_in", 500.0, 9, "out_of_range");
    const Finding refused = only();
    EXPECT_EQ(refused.severity, Severity::error);
    EXPECT_EQ(refused.subject, "pump_A_in");
    EXPECT_DOUBLE_EQ(refused.limit.value(), 10);
    EXPECT_TRUE(says(refused.message, "0 to 10 mL/s")) << refused.message;
    EXPECT_TRUE(says(refused.advice, "µL/min")) << refused.advice;
    EXPECT_EQ(findings_.actuators().at("pump_A_in").refused, 1);
}

TEST_F(FindingsTest, TheExceptionThatFollowsARefusalIsNoErrorOfItsOwn) {
    refuse(5s, "stirrer", 4000.0, 9, "out_of_range");
    findings_.failure(kStart + 5s, "OutOfRange", "stirrer can't be set to 4000", 9, "");
    EXPECT_EQ(findings_.count(Severity::error), 1u);
    EXPECT_EQ(findings_.count(Severity::note), 1u);
}

TEST_F(FindingsTest, AnExceptionIsAnErrorWithItsLine) {
    findings_.failure(kStart + 5s, "ZeroDivisionError", "division by zero", 33, "");
    EXPECT_EQ(only().line, 33);
    EXPECT_TRUE(says(only().message, "ZeroDivisionError: division by zero"));
}

TEST_F(FindingsTest, WhatIsHeldBackByAnAlarmIsAWarning) {
    refuse(5s, "peltier", 10.0, 9, "conflict");
    EXPECT_EQ(only().severity, Severity::warning);
}

TEST_F(FindingsTest, ListsTheWorstFirstThenByTime) {
    findings_.left_on(kStart + 1s, actuator("stirrer", "%", 0, 100), 40.0);
    findings_.vessel(kStart + 2s, "dry", "B", 600, 0);
    findings_.vessel(kStart + 9s, "overflow", "A", 30, 30);
    findings_.failure(kStart + 3s, "E", "", 1, "");
    const auto all = findings_.list();
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].kind, "exception");
    EXPECT_EQ(all[1].kind, "overflow");
    EXPECT_EQ(all[2].kind, "dry");
    EXPECT_EQ(all[3].kind, "left_on");
}

TEST_F(FindingsTest, CountsWhatEachActuatorWasTold) {
    set(1s, "pump_A_in", 0, 1);
    set(2s, "pump_A_in", 0.009, 1);
    set(3s, "pump_A_in", 0, 1);
    const auto& use = findings_.actuators().at("pump_A_in");
    EXPECT_EQ(use.commands, 3);
    EXPECT_DOUBLE_EQ(use.least.value(), 0);
    EXPECT_DOUBLE_EQ(use.most.value(), 0.009);
    EXPECT_EQ(use.last, "0");
    EXPECT_EQ(use.steps.size(), 3u);
}

TEST_F(FindingsTest, AScriptThatGoesWrongInEverNewWaysIsBounded) {
    for (int i = 0; i < 10'000; ++i) findings_.failure(kStart + i * 1s, "E" + std::to_string(i), "", i, "");
    EXPECT_LE(findings_.list().size(), 200u);
}

TEST(Moment, IsSaidAsPeopleDo) {
    EXPECT_EQ(moment_text(0s), "0m00s");
    EXPECT_EQ(moment_text(2h + 13min + 5s), "2h13m05s");
}

}  // namespace
}  // namespace labhub::coordinator::dry_runs
