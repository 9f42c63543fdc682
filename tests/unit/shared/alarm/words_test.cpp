#include "shared/alarm/words.hpp"

#include <gtest/gtest.h>

namespace labhub::alarm {
namespace {

TEST(AlarmWords, AreReadBackAsTheyWereWritten) {
    for (const Severity severity : {Severity::none, Severity::minor, Severity::major, Severity::invalid})
        EXPECT_EQ(severity_from(to_string(severity)).value(), severity);
    for (const Condition condition : {Condition::none, Condition::low, Condition::lowlow, Condition::high,
                                      Condition::highhigh, Condition::no_data, Condition::bad_quality})
        EXPECT_EQ(condition_from(to_string(condition)).value(), condition);
}

TEST(AlarmWords, NameTheChoicesForAnUnknownOne) {
    const auto unknown = severity_from("fatal");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::malformed);
    EXPECT_NE(unknown.error().detail.find("minor"), std::string::npos);
    EXPECT_FALSE(condition_from("hot\x01"));
}

TEST(NodeAlarmText, SaysStateConditionAndAcknowledgement) {
    const NodeAlarm raised{Severity::major, Condition::highhigh, false};
    EXPECT_EQ(to_string(raised), "major highhigh unacknowledged");
    const NodeAlarm cleared{Severity::none, Condition::highhigh, false};
    EXPECT_EQ(to_string(cleared), "cleared highhigh unacknowledged");
    EXPECT_EQ(to_string(NodeAlarm{}), "normal");
    for (const NodeAlarm& alarm : {raised, cleared, NodeAlarm{}})
        EXPECT_EQ(node_alarm_from(to_string(alarm)).value(), alarm);
}

TEST(NodeAlarmText, RefusesWhatIsNone) {
    for (const char* const text : {"", "major", "major highhigh", "major highhigh perhaps", "big high acknowledged",
                                   "major high acknowledged again"})
        EXPECT_FALSE(node_alarm_from(text)) << text;
}

}  // namespace
}  // namespace labhub::alarm
