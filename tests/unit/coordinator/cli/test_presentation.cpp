#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/nodes.hpp"
#include "coordinator/cli/run.hpp"
#include "coordinator/cli/setpoints.hpp"
#include "coordinator/cli/table.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;

boost::json::object vessel() {
    return parse_json(R"({"device":"sim-1/vessel","metrics":[
        {"name":"vial_A_180_degree","kind":"sensor","type":"number","unit":"V","value":0.41237},
        {"name":"vial_B_180_degree","kind":"sensor","type":"number","unit":"V","value":0.5},
        {"name":"vial_A_temp","kind":"sensor","type":"number","unit":"Cel","value":null},
        {"name":"vial_B_temp","kind":"sensor","type":"number","unit":"Cel","value":36.9},
        {"name":"led","kind":"actuator","type":"boolean","value":true,"safe_value":false},
        {"name":"stirrer","kind":"actuator","type":"number","unit":"%","value":0,"safe_value":0,"minimum":0,"maximum":100}
    ]})")
        ->as_object();
}

TEST(Table, AlignsByWhatIsSeenNotByBytes) {
    Table table({{"NAME"}, {"VALUE", Table::Align::right}, {"UNIT"}});
    table.add({"größe", "1.5", "mL/s"});
    table.add({"a", "100", ""});
    EXPECT_EQ(table.text(false),
              "NAME   VALUE  UNIT\n"
              "größe    1.5  mL/s\n"
              "a        100\n");
}

TEST(TextOf, WritesTimesAsPeopleReadThem) {
    const UtcMillis now{1'700'000'000'000};
    EXPECT_EQ(age_text(now.count - 3'500, now), "3s");
    EXPECT_EQ(age_text(now.count - 3'600'000, now), "60m");
    EXPECT_EQ(age_text(std::nullopt, now), "–");
    EXPECT_EQ(age_text(now.count + 5'000, now), "0s");
    EXPECT_EQ(span_text(now.count - 65'000, std::nullopt, now), "1m5s");
    EXPECT_EQ(span_text(now.count - 65'000, now.count - 60'000, now), "5s");
    EXPECT_EQ(scalar_text(0.123456789), "0.123457");
    EXPECT_EQ(scalar_text(nullptr), "–");
}

TEST(DeviceText, SaysWhatIsNeededWhileNoDeviceIsChosen) {
    const auto shown = [](const char* text) { return device_text(parse_json(text)->as_object()); };
    EXPECT_EQ(shown(R"({"device":"a/v","needs":{"devices":["a/v"],"metrics":[],"actuators":[]}})"), "a/v");
    EXPECT_EQ(shown(R"({"device":"","needs":{"devices":[],"metrics":["ph"],"actuators":["stirrer"]}})"),
              "any with ph, stirrer");
    EXPECT_EQ(shown(R"({"device":"","needs":{"devices":["a/v","b/v"],"metrics":[],"actuators":[]}})"),
              "any of a/v, b/v");
}

TEST(NodeWarnings, SayWhatASpoolHadNoRoomFor) {
    const UtcMillis now{1'700'000'000'000};
    const auto warnings = [&](const char* spool) {
        return node_warnings(parse_json(R"({"node":"n","spool":)" + std::string(spool) + "}")->as_object(), now);
    };
    EXPECT_THAT(warnings("null"), ::testing::IsEmpty());
    EXPECT_THAT(warnings(R"({"rows":7,"dropped":0,"replaced":0,"problem":""})"), ::testing::IsEmpty());
    EXPECT_THAT(
        warnings(R"({"rows":7,"dropped":33,"dropped_readings":30,"dropped_state_changes":0,"dropped_alarms":3,
                     "dropped_at":1699999940000,"replaced":0,"problem":""})"),
        ::testing::ElementsAre(
            "node n: its spool had no room for 33 rows (30 of readings, 3 of alarms) since its agent's start, the "
            "last 60s ago"));
    EXPECT_THAT(warnings(R"({"rows":7,"dropped":0,"replaced":1,"problem":"the disk is full"})"),
                ::testing::ElementsAre(HasSubstr("its spool fails: the disk is full"), HasSubstr("begun anew")));
}

TEST(NodeWarnings, SayWhoIsLeaving) {
    const auto node = parse_json(R"({"node":"n","spool":null,"leaving":true})");
    EXPECT_THAT(node_warnings(node->as_object(), UtcMillis{0}),
                ::testing::ElementsAre(HasSubstr("let go as soon as its devices are free")));
}

TEST(KeyReadings, ShowTheFirstSensorOfEachUnitAndWhatIsAwayFromSafe) {
    EXPECT_EQ(key_readings(vessel()), "vial_A_180_degree 0.41237 V   vial_B_temp 36.9 Cel   led true");
}

TEST(Setpoints, TakeTheTypeOfTheMetric) {
    const auto values = setpoints_of(vessel(), {"stirrer=40", "led=on"});
    ASSERT_TRUE(values) << values.error().to_string();
    EXPECT_EQ(to_json(*values), R"({"stirrer":40,"led":true})");
}

TEST(Setpoints, ReadNamesThatHoldAnEqualsSign) {
    const auto device = parse_json(
        R"({"metrics":[{"name":"a=b","kind":"actuator","type":"number"},{"name":"Inputs/A c","kind":"actuator",
                      "type":"boolean"}]})");
    ASSERT_TRUE(device) << device.error().to_string();
    const auto values = setpoints_of(device->as_object(), {"a=b=2", "Inputs/A c=on"});
    ASSERT_TRUE(values) << values.error().to_string();
    EXPECT_EQ(to_json(*values), R"({"a=b":2,"Inputs/A c":true})");
}

TEST(Setpoints, SayWhatIsWrong) {
    const auto error_of = [](std::vector<std::string> assignments) {
        return setpoints_of(vessel(), assignments).error();
    };
    EXPECT_EQ(error_of({"stirrer"}).code, ErrorCode::malformed);
    EXPECT_EQ(error_of({"=4"}).code, ErrorCode::malformed);
    EXPECT_EQ(error_of({"stirrer=fast"}).code, ErrorCode::malformed);
    EXPECT_EQ(error_of({"stirrer=1", "stirrer=2"}).code, ErrorCode::malformed);
    EXPECT_EQ(error_of({"stirer=4"}).code, ErrorCode::not_found);
    EXPECT_EQ(error_of({"vial_A_temp=4"}).code, ErrorCode::forbidden);
    EXPECT_EQ(error_of({"stirrer=140"}).code, ErrorCode::out_of_range);
    EXPECT_THAT(error_of({"stirrer=140"}).to_string(), HasSubstr("0 to 100 %"));
}

}  // namespace
}  // namespace labhub::cli
