#include "coordinator/mirror/topics.hpp"

#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/mirror/leftovers.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::mirror {
namespace {

using ::testing::HasSubstr;

const DeviceAddress kDevice{NodeId{"sim-1"}, "vessel"};

MetricInfo stirrer() {
    MetricInfo metric;
    metric.name = "stirrer";
    metric.kind = MetricKind::actuator;
    metric.unit = "%";
    metric.minimum = 0;
    metric.maximum = 100;
    metric.safe_value = 0.0;
    return metric;
}

TEST(Topics, NameAMetricByItsPath) {
    const Topics topics("lab");
    EXPECT_EQ(topics.metric(kDevice, "stirrer"), "labhub/lab/sim-1/vessel/stirrer");
    EXPECT_EQ(topics.device_state(kDevice), "labhub/lab/sim-1/vessel/state");
    EXPECT_EQ(topics.result(kDevice, "stirrer"), "labhub/lab/sim-1/vessel/stirrer/result");
}

TEST(Topics, ReadBackWhatASetIsAbout) {
    const Topics topics("lab");
    const auto target = topics.parse_set("labhub/lab/sim-1/vessel/stirrer/set");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->device, kDevice);
    EXPECT_EQ(target->metric, "stirrer");
}

TEST(Topics, CarryNamesOfOthersReversibly) {
    const Topics topics("lab");
    const DeviceAddress device{NodeId{"Hall 2"}, "Tank ä"};
    for (const auto& [name, level] :
         std::vector<std::pair<std::string, std::string>>{{"Inputs/A", "Inputs%2FA"},
                                                          {"Supply Voltage", "Supply Voltage"},
                                                          {"a+b#c$", "a%2Bb%23c%24"},
                                                          {"100 %", "100 %25"},
                                                          {"%2F", "%252F"},
                                                          {"Temperatur °C", "Temperatur °C"},
                                                          {"state", "%73tate"},
                                                          {"states", "states"},
                                                          {"set", "set"}}) {
        EXPECT_EQ(topics.metric(device, name), "labhub/lab/Hall 2/Tank ä/" + level);
        EXPECT_EQ(name_of_level(level), name);
        const auto target = topics.parse_set("labhub/lab/Hall 2/Tank ä/" + level + "/set");
        ASSERT_TRUE(target) << level;
        EXPECT_EQ(target->device, device);
        EXPECT_EQ(target->metric, name);
        const auto place = topics.parse_place(topics.metric(device, name));
        ASSERT_TRUE(place) << level;
        EXPECT_EQ(place->metric, name);
    }
    EXPECT_EQ(topics.node_state(NodeId{"state"}), "labhub/lab/%73tate/state");
    EXPECT_EQ(topics.parse_set("labhub/lab/n/d/Inputs%2fA/set")->metric, "Inputs/A") << "small digits are read too";
    EXPECT_EQ(topics.parse_set("labhub/lab/n/d/state/set")->metric, "state") << "where nothing else can be meant";
    for (const char* broken : {"labhub/lab/n/d/a%2/set", "labhub/lab/n/d/a%zz/set", "labhub/lab/n/d/a%0Ab/set",
                               "labhub/lab/n%2Fx/d/a/set", "labhub/lab/n/d/%FF/set"})
        EXPECT_FALSE(topics.parse_set(broken)) << broken;
    EXPECT_FALSE(topics.parse_place("labhub/lab/n/d/Inputs%2fA")) << "which the mirror never writes";
}

TEST(Topics, TakeNothingElseForASet) {
    const Topics topics("lab");
    for (const char* other :
         {"labhub/lab/sim-1/vessel/stirrer", "labhub/lab/sim-1/vessel/set", "labhub/lab/sim-1/vessel/a/b/set",
          "labhub/other/sim-1/vessel/stirrer/set", "labhub/lab//vessel/stirrer/set", "labhub/lab/set", "/set", ""})
        EXPECT_FALSE(topics.parse_set(other)) << other;
}

TEST(SetRequest, IsTheValueAlone) {
    const auto request = parse_set_request(stirrer(), " 40.5\n");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->value, Value{40.5});
    EXPECT_TRUE(request->id.empty());
}

TEST(SetRequest, IsTextInQuotes) {
    MetricInfo light = stirrer();
    light.type = ValueType::text;
    const auto request = parse_set_request(light, R"("#ff0000")");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->value, Value{std::string("#ff0000")});
}

TEST(SetRequest, IsAnObjectWithAnId) {
    const auto request = parse_set_request(stirrer(), R"({"value": 40, "id": "wish-1"})");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->value, Value{std::int64_t{40}});
    EXPECT_EQ(request->id, CommandId{"wish-1"});
}

TEST(SetRequest, SaysWhatIsWrongWithIt) {
    for (const auto& [payload, wrong] :
         std::vector<std::pair<const char*, const char*>>{{"", "empty"},
                                                          {"{", ""},
                                                          {"fast", "fast"},
                                                          {"{}", "'value'"},
                                                          {R"({"value": [1]})", ""},
                                                          {R"({"value": 1, "speed": 2})", "'speed'"},
                                                          {R"({"value": 1, "id": "a/b"})", "command id"},
                                                          {R"({"value": 1, "id": 7})", "'id'"}}) {
        const auto request = parse_set_request(stirrer(), payload);
        ASSERT_FALSE(request) << payload;
        EXPECT_EQ(request.error().code, ErrorCode::malformed) << payload;
        EXPECT_THAT(request.error().message, HasSubstr(wrong)) << payload;
    }
}

TEST(MirrorTopics, TellWhatARetainedOneIsAbout) {
    const Topics topics("lab");
    const auto parts = [&](std::string_view topic) {
        const auto place = topics.parse_place(topic);
        return place ? place->node.value + "|" + place->device + "|" + place->metric : std::string("none");
    };
    EXPECT_EQ(parts("labhub/lab/sim-1"), "sim-1||");
    EXPECT_EQ(parts("labhub/lab/sim-1/state"), "sim-1||");
    EXPECT_EQ(parts("labhub/lab/sim-1/vessel/state"), "sim-1|vessel|");
    EXPECT_EQ(parts("labhub/lab/sim-1/vessel/temp"), "sim-1|vessel|temp");
    for (const char* other : {"labhub/lab/state", "labhub/lab/sim-1/vessel/temp/set", "labhub/lab/sim-1/vessel",
                              "labhub/other/sim-1", "labhub/lab/", "labhub/lab/.a/vessel/temp", "spBv1.0/STATE/x"})
        EXPECT_EQ(parts(other), "none") << other;
}

std::vector<std::string> ended(Leftovers& leftovers, const fleet::Fleet& fleet, Steady::time_point now) {
    std::vector<std::string> topics;
    leftovers.look(fleet, now, [&](const std::string& topic) { return topics.push_back(topic), true; });
    return topics;
}

TEST(MirrorLeftovers, EndsWhatTheRegistryKnowsToBeGoneAndKeepsWhatItCannotKnow) {
    asio::io_context io;
    const ManualClock clock;
    fleet::Fleet fleet(io.get_executor(), clock);
    link::Enrolment enrolment;
    enrolment.node = kDevice.node;
    enrolment.ssh_host = "127.0.0.1";
    enrolment.ssh_port = 1;
    fleet.enrol(std::move(enrolment), "coordinator", "/nonexistent/key");
    Leftovers leftovers(Topics("lab"));
    for (const char* topic :
         {"labhub/lab/gone/vessel/temp", "labhub/lab/gone", "labhub/lab/sim-1", "labhub/lab/sim-1/vessel/stirrer",
          "labhub/lab/sim-1/vessel/old", "labhub/lab/sim-1/other/temp", "labhub/lab/sim-1/vessel/stirrer/set"})
        leftovers.add(topic);
    const std::vector<std::string> strangers{"labhub/lab/gone/vessel/temp", "labhub/lab/gone"};
    EXPECT_EQ(ended(leftovers, fleet, clock.steady_now()), strangers);
    EXPECT_EQ(leftovers.size(), 3u) << "its node has not been heard";
    fleet.device_born(kDevice, clock.utc_now(), {stirrer()}, {});
    EXPECT_EQ(ended(leftovers, fleet, clock.steady_now()), std::vector<std::string>{"labhub/lab/sim-1/vessel/old"});
    EXPECT_EQ(leftovers.size(), 1u) << "the other device may be away";
    EXPECT_TRUE(ended(leftovers, fleet, clock.steady_now() + std::chrono::hours{1}).empty());
}

TEST(MirrorJson, ShowsAReadingWithUnitTimeAndQuality) {
    const Reading reading{"stirrer", 40.0, UtcMillis{1'700'000'000'123}, Quality::stale};
    EXPECT_EQ(reading_json(reading, "%"),
              R"({"value":40,"unit":"%","time":"2023-11-14T22:13:20.123Z","quality":"stale"})");
}

TEST(MirrorJson, ShowsNoValueAsNull) {
    const Reading reading{"stirrer", std::monostate{}, UtcMillis{0}, Quality::bad};
    EXPECT_THAT(reading_json(reading, "%"), HasSubstr(R"("value":null)"));
}

TEST(MirrorJson, SaysWhyASetWasRefused) {
    const Error error{ErrorCode::conflict, "sim-1/vessel is leased", "by job:x"};
    EXPECT_EQ(
        refused_json(CommandId{"wish-1"}, error),
        R"({"id":"wish-1","ok":false,"error":"conflict","message":"sim-1/vessel is leased","detail":"by job:x"})");
}

}  // namespace
}  // namespace labhub::coordinator::mirror
