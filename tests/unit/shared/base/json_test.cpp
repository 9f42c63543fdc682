#include "shared/base/json.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace labhub {
namespace {

namespace json = boost::json;

TEST(ToJson, WritesNumbersAsPeopleDo) {
    const json::value value{0.5,
                            40.0,
                            -1e-7,
                            1e300,
                            std::int64_t{-3},
                            std::uint64_t{18446744073709551615u},
                            std::nan(""),
                            std::numeric_limits<double>::infinity()};
    EXPECT_EQ(to_json(value), "[0.5,40,-1e-07,1e+300,-3,18446744073709551615,null,null]");
}

TEST(ToJson, EscapesText) {
    const json::value value{{"a\"b", "line\nä\x01"}};
    EXPECT_EQ(to_json(value), R"({"a\"b":"line\nä\u0001"})");
}

TEST(ToJson, ReadsBackTheSame) {
    const auto text = R"({"a":[1,2.25,true,null,"x",{}],"b":{"c":[]}})";
    EXPECT_EQ(to_json(parse_json(text).value()), text);
}

TEST(ToPrettyJson, IndentsByTwo) {
    EXPECT_EQ(to_pretty_json(parse_json(R"({"a":[1,2],"b":{},"c":[]})").value()),
              "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}\n");
}

TEST(ParseJson, SaysWhereTheFaultIs) {
    EXPECT_NE(parse_json("{\n  \"a\": 1,\n  \"b\": x\n}").error().message.find("line 3, column 8"), std::string::npos)
        << parse_json("{\n  \"a\": 1,\n  \"b\": x\n}").error().message;
    EXPECT_NE(parse_json("1 2").error().message.find("line 1, column 3"), std::string::npos)
        << parse_json("1 2").error().message;
}

TEST(ParseJson, IsStrict) {
    for (const auto* text :
         {"", "{", "[1,]", "{'a':1}", "NaN", "// x\n1", "01", "\"\\x\"", "\"\xff\"", "{\"a\":1}}", "nul"}) {
        const auto refused = parse_json(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error().code, ErrorCode::malformed);
    }
}

TEST(ParseJson, BoundsTheDepth) {
    EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')));
    EXPECT_FALSE(parse_json(std::string(33, '[') + std::string(33, ']')));
    EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST(ValueInJson, GoesThereAndBack) {
    for (const Value& value : {Value{true}, Value{std::int64_t{-7}}, Value{0.25}, Value{std::string("#ff0000")}})
        EXPECT_EQ(value_from_json(value_to_json(value)).value(), value) << to_string(value);
    EXPECT_TRUE(value_to_json(Value{}).is_null());
}

TEST(ValueInJson, TakesOnlyWhatAValueCanBe) {
    for (const auto* text : {"null", "[]", "{}", "1e999", "-1e999"})
        EXPECT_EQ(value_from_json(parse_json(text).value()).error().code, ErrorCode::malformed) << text;
}

}  // namespace
}  // namespace labhub
