#include "shared/proto/agent_rpc_convert.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace labhub::rpc {
namespace {

TEST(AgentRpcConversion, KeepsEveryKindOfValue) {
    const std::vector<labhub::Value> values{std::monostate{}, true, false,
                                            std::int64_t{-7}, 0.25, std::string("#ff0000")};
    for (const auto& value : values) EXPECT_EQ(from_rpc(to_rpc(value)), value) << labhub::to_string(value);
}

TEST(AgentRpcConversion, TurnsNumbersThatAreNotFiniteIntoNoValue) {
    Value wire;
    wire.set_number(std::nan(""));
    EXPECT_EQ(from_rpc(wire), labhub::Value(std::monostate{}));
}

TEST(AgentRpcConversion, KeepsReadingsAndSetpoints) {
    const std::vector<labhub::Reading> readings{{"a", 1.5, {10}, Quality::good},
                                                {"b", std::monostate{}, {11}, Quality::stale}};
    const auto back = from_rpc(to_rpc(readings));
    ASSERT_EQ(back.size(), 2u);
    EXPECT_EQ(back[0].metric, "a");
    EXPECT_EQ(back[0].value, labhub::Value(1.5));
    EXPECT_EQ(back[1].time, UtcMillis{11});
    EXPECT_EQ(back[1].quality, Quality::stale);
    const std::vector<labhub::Setpoint> setpoints{{"stirrer", std::int64_t{40}}};
    EXPECT_EQ(from_rpc(to_rpc(setpoints)).front().value, labhub::Value(std::int64_t{40}));
}

TEST(AgentRpcConversion, TakesAnUnknownQualityForBad) {
    Reading wire;
    wire.set_quality(77);
    EXPECT_EQ(from_rpc(wire).quality, Quality::bad);
}

TEST(AgentRpcConversion, KeepsErrorsAndKnowsAllCodes) {
    const Error back = from_rpc(to_rpc(Error{ErrorCode::out_of_range, "too fast", "0 to 100 %"}));
    EXPECT_EQ(back.code, ErrorCode::out_of_range);
    EXPECT_EQ(back.to_string(), "too fast (0 to 100 %)");
    Failure newer;
    newer.set_code("a_code_of_the_future");
    EXPECT_EQ(from_rpc(newer).code, ErrorCode::internal);
}

TEST(AgentRpcConversion, MakesTextFitForTheWire) {
    const Failure wire = to_rpc(Error{ErrorCode::malformed, "what is \xff\xfe", ""});
    Failure parsed;
    EXPECT_TRUE(parsed.ParseFromString(wire.SerializeAsString()));
}

}  // namespace
}  // namespace labhub::rpc
