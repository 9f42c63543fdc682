#include "coordinator/api/schema.hpp"

#include <set>

#include <gtest/gtest.h>

#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

struct Inner {
    int count = 0;
    std::optional<double> level;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (count, level))
struct Outer {
    std::string name;
    bool on = false;
    std::vector<Inner> items;
    std::optional<std::map<std::string, Value>> values;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (name, on, items, values))

Result<Outer> decode_text(std::string_view text) {
    LABHUB_TRY(const auto parsed, parse_json(text));
    return decode<Outer>(parsed);
}

std::string refusal(std::string_view text) {
    const auto decoded = decode_text(text);
    return decoded ? "accepted" : decoded.error().to_string();
}

TEST(Schema, DecodesWhatItEncodes) {
    const std::string text =
        R"({"name":"a","on":true,"items":[{"count":3,"level":0.5},{"count":4,"level":null}],"values":{"led":true,"x":1.5}})";
    const auto decoded = decode_text(text);
    ASSERT_TRUE(decoded) << decoded.error().to_string();
    EXPECT_EQ(to_json(encode(*decoded)), text);
}

TEST(Schema, NamesTheFieldThatIsWrong) {
    EXPECT_EQ(refusal(R"({"on":true,"items":[]})"), "'name' is missing");
    EXPECT_EQ(refusal(R"({"name":5,"on":true,"items":[]})"), "'name' must be text (got 5)");
    EXPECT_EQ(refusal(R"({"name":"a","on":1,"items":[]})"), "'on' must be true or false (got 1)");
    EXPECT_EQ(refusal(R"({"name":"a","on":true,"items":[{"count":1.5}]})"),
              "'items[0].count' must be a whole number (got 1.5)");
    EXPECT_EQ(refusal(R"({"name":"a","on":true,"items":[{"count":1,"level":"x"}]})"),
              "'items[0].level' must be a number (got \"x\")");
    EXPECT_EQ(refusal(R"({"name":"a","on":true,"items":[],"colour":1})"),
              "unknown field 'colour' (the fields are: name, on, items, values)");
    EXPECT_EQ(refusal(R"({"name":"a","on":true,"items":[],"values":{"led":[1]}})"),
              "'values.led': a value must be a boolean, a number or text");
    EXPECT_EQ(refusal(R"([])"), "the body must be an object (got array)");
}

TEST(Schema, RefusesWhatIsNoJson) {
    for (const char* const text : {"{", "{\"name\":NaN}", "{\"name\":\"\xff\"}", "{} {}", ""})
        EXPECT_FALSE(decode_text(text)) << text;
}

TEST(Schema, DescribesItself) {
    const auto described = schema<Outer>();
    EXPECT_EQ(to_json(described.at("required")), R"(["name","on","items"])");
    EXPECT_EQ(to_json(described.at("properties").at("items").at("items").at("properties").at("level").at("type")),
              R"(["number","null"])");
}

TEST(Operations, AreEachThereOnceAndDescribeThemselves) {
    std::set<std::string> routes, ids;
    for (const auto& operation : all_operations()) {
        EXPECT_TRUE(routes.insert(operation.verb + " " + operation.path).second)
            << operation.verb << " " << operation.path;
        EXPECT_TRUE(ids.insert(operation.id).second) << operation.id;
        EXPECT_FALSE(operation.summary.empty()) << operation.id;
        EXPECT_TRUE(operation.run) << operation.id;
    }
}

TEST(Operations, HaveEveryRouteOfTheHubContract) {
    std::set<std::string> routes;
    for (const auto& operation : all_operations()) routes.insert(operation.verb + " " + operation.path);
    for (const char* const route : {"GET /health",
                                    "GET /metrics",
                                    "GET /api/hardware/status",
                                    "GET /api/hardware/sensors",
                                    "GET /api/hardware/sensors/photodiodes",
                                    "GET /api/hardware/sensors/temperature",
                                    "GET /api/hardware/sensors/current",
                                    "POST /api/hardware/control",
                                    "POST /api/hardware/led",
                                    "POST /api/hardware/ring-light",
                                    "POST /api/hardware/peltier",
                                    "POST /api/hardware/pump",
                                    "POST /api/hardware/stirrer",
                                    "POST /api/experiments/start",
                                    "GET /api/experiments",
                                    "GET /api/experiments/{id}/status",
                                    "POST /api/experiments/{id}/stop",
                                    "DELETE /api/experiments/{id}",
                                    "GET /api/experiments/{id}/results",
                                    "GET /api/experiments/{id}/download",
                                    "GET /api/experiments/{id}/logs",
                                    "GET /api/containers",
                                    "GET /api/containers/{id}/logs",
                                    "POST /api/containers/{id}/stop",
                                    "POST /api/maintenance/cleanup"})
        EXPECT_TRUE(routes.contains(route)) << route;
}

TEST(Operations, OnlyHealthIsOpenToStrangers) {
    for (const auto& operation : all_operations()) {
        EXPECT_EQ(operation.access == Access::anyone, operation.path == "/health") << operation.path;
    }
}

TEST(OpenApi, DescribesEveryOperationWithItsPathParameters) {
    const auto document = openapi_document(all_operations());
    EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
    for (const auto& operation : all_operations()) {
        std::string verb = operation.verb;
        for (char& c : verb) c = static_cast<char>(c | 0x20);
        const auto& described = document.at("paths").at(operation.path).at(verb);
        EXPECT_EQ(described.at("operationId").as_string(), operation.id);
        const auto braces = static_cast<std::size_t>(std::count(operation.path.begin(), operation.path.end(), '{'));
        const auto wanted = braces + operation.query.size();
        EXPECT_EQ(wanted,
                  described.as_object().contains("parameters") ? described.at("parameters").as_array().size() : 0u)
            << operation.id;
    }
}

}  // namespace
}  // namespace labhub::coordinator::api
