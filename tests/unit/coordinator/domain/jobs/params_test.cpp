#include "coordinator/domain/jobs/params.hpp"

#include <gtest/gtest.h>

#include "shared/base/json.hpp"

namespace labhub::coordinator::jobs {
namespace {

boost::json::object object(std::string_view text) { return parse_json(text)->as_object(); }

TEST(Params, ReachTheScriptAsOneTextAndAVariableForEachScalar) {
    const auto environment = params_environment(object(
        R"({"setpoint": 0.6, "strain-name": "W303", "fed": true, "pumps": ["A", "B"], "pid": {"kp": 2}, "no": null})"));
    EXPECT_EQ(environment.size(), 4u);
    EXPECT_EQ(environment.at("LABHUB_PARAM_SETPOINT"), "0.6");
    EXPECT_EQ(environment.at("LABHUB_PARAM_STRAIN_NAME"), "W303");
    EXPECT_EQ(environment.at("LABHUB_PARAM_FED"), "true");
    EXPECT_EQ(object(environment.at("LABHUB_PARAMS")).at("pid").at("kp").to_number<int>(), 2);
    EXPECT_TRUE(params_environment({}).empty());
}

TEST(Params, LeaveATextWithANulByteToTheJsonAlone) {
    const auto environment = params_environment(object(R"({"odd": "a\u0000b"})"));
    EXPECT_FALSE(environment.contains("LABHUB_PARAM_ODD"));
    EXPECT_EQ(environment.at("LABHUB_PARAMS").find('\0'), std::string::npos);
}

TEST(Params, RefuseTwoNamesThatWouldBeOneVariable) {
    const auto refused = check_params(object(R"({"flow-rate": 1, "flow_rate": 2})"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::malformed);
    EXPECT_NE(refused.error().message.find("LABHUB_PARAM_FLOW_RATE"), std::string::npos) << refused.error().message;
}

TEST(Params, RefuseNamesThatAreNone) {
    for (const char* const name : {"", "2nd", "a b", "a=b", "a\nb", "é", "-x"})
        EXPECT_FALSE(check_params({{name, 1}})) << name;
    EXPECT_FALSE(check_params({{std::string(65, 'a'), 1}}));
    EXPECT_TRUE(check_params({{"_x.y-z", 1}}));
}

TEST(Params, AreBoundedInNumberSizeAndDepth) {
    boost::json::object many;
    for (std::size_t i = 0; i <= kMostParams; ++i) many["p" + std::to_string(i)] = 1;
    EXPECT_EQ(check_params(many).error().code, ErrorCode::too_large);
    EXPECT_EQ(check_params({{"x", std::string(kMostParamsBytes, 'x')}}).error().code, ErrorCode::too_large);
    boost::json::value deep = 1;
    for (int i = 0; i < 20; ++i) deep = boost::json::array{std::move(deep)};
    EXPECT_EQ(check_params({{"x", deep}}).error().code, ErrorCode::malformed);
}

TEST(Params, AreChangedOneByOne) {
    const auto changed = changed_params(object(R"({"a": 1, "b": 2})"), object(R"({"b": null, "c": [3]})"));
    EXPECT_EQ(to_json(changed), R"({"a":1,"c":[3]})");
}

TEST(Params, DoNotHideTheEnvironmentsOwn) {
    const auto params = object(R"({"x": 1})");
    EXPECT_TRUE(check_no_clash(params, {{"X", "1"}}));
    EXPECT_EQ(check_no_clash(params, {{"LABHUB_PARAM_X", "2"}}).error().code, ErrorCode::conflict);
    EXPECT_EQ(check_no_clash(params, {{"LABHUB_PARAMS", "{}"}}).error().code, ErrorCode::conflict);
    EXPECT_TRUE(check_no_clash({}, {{"LABHUB_PARAMS", "{}"}})) << "as clients from before there were params do";
}

}  // namespace
}  // namespace labhub::coordinator::jobs
