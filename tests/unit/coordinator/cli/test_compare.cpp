#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/compare.hpp"
#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string metric(const std::string& name, double from, double to) {
    std::string values[2];
    for (int i = 0; i <= 60; ++i) {
        values[0] += (i ? "," : "") + std::to_string(from + i * 0.01);
        values[1] += (i ? "," : "") + (i > 40 ? std::string("null") : std::to_string(to + i * 0.01));
    }
    const auto run = [](double least, const std::string& list) {
        return R"({"n":61,"mean":)" + std::to_string(least + 0.3) + R"(,"min":)" + std::to_string(least) +
               R"(,"max":)" + std::to_string(least + 0.6) + R"(,"last":)" + std::to_string(least + 0.6) +
               R"(,"values":[)" + list + R"(],"damaged_blocks":0})";
    };
    return R"({"metric":")" + name + R"(","unit":"Cel","runs":[)" + run(from, values[0]) + "," + run(to, values[1]) +
           R"(],"differences":[{"mean":)" + std::to_string(to - from) +
           R"(,"min":0.5,"max":0.5,"last":0.5,"largest":0.5,"largest_at_ms":40000}]})";
}

boost::json::object reply(const std::string& metrics) {
    return parse_json(
               R"({"status":"success","runs":[{"experiment_id":"e1","device":"sim-1/vessel","status":"completed",)"
               R"("started_at":1700000000000,"duration_ms":60000},{"experiment_id":"e2","device":"sim-2/vessel",)"
               R"("status":"running","started_at":1700000100000,"duration_ms":40000}],"differs":[)"
               R"({"what":"params.setpoint","values":[0.5,0.6]},{"what":"script","values":[")" +
               std::string(64, 'a') + R"(",")" + std::string(64, 'b') +
               R"("]},{"what":"params.list","values":[null,[1,2]]}],"step_ms":1000,"steps":61,"metrics":[)" + metrics +
               "]}")
        ->as_object();
}

std::string shown(const boost::json::object& answer, CompareCommand command = {}, bool is_styled = false) {
    return compare_text(answer, command, 80, is_styled, UtcMillis{1'700'000'200'000});
}

TEST(Compare, SaysWhichRunsTheyAreAndWhatDiffers) {
    const std::string text = shown(reply(metric("temp", 20, 20.5)));
    EXPECT_THAT(text, HasSubstr("A  e1          completed  sim-1/vessel"));
    EXPECT_THAT(text, HasSubstr("params.setpoint  0.5            0.6\n"));
    EXPECT_THAT(text, HasSubstr("params.list      –              [1,2]\n"));
    EXPECT_THAT(text, HasSubstr("aaaaaaaaaaaa…"));
    EXPECT_THAT(text, HasSubstr("temp  °C\n"));
    EXPECT_THAT(text, HasSubstr("B − A  +0.5  +0.5  +0.5  +0.5  farthest apart after 40s: +0.5\n"));
}

TEST(Compare, DrawsBothOverOneAxisOfTheTimeSinceTheBeginning) {
    const std::string styled = shown(reply(metric("temp", 20, 20.5)), {}, true);
    EXPECT_THAT(styled, HasSubstr("\x1b[36m━━\x1b[0m A   \x1b[33m━━\x1b[0m B"));
    const auto axes = [](const std::string& text) {
        std::size_t count = 0;
        for (auto at = text.find("└"); at != std::string::npos; at = text.find("└", at + 1)) ++count;
        return count;
    };
    EXPECT_EQ(axes(styled), 1u) << "in colours they share a plot";
    EXPECT_THAT(styled, HasSubstr("30s"));
    const std::string plain = shown(reply(metric("temp", 20, 20.5)));
    EXPECT_EQ(axes(plain), 2u) << "without, they are above each other";
    EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
    for (const auto line : split(plain, '\n')) EXPECT_LE(width_of(line), 90u) << line;
}

TEST(Compare, ShowsThoseThatDifferMostFirst) {
    std::string metrics = metric("near", 20, 20);
    for (const char* const name : {"a", "b", "c"}) metrics += "," + metric(name, 20, 20.1);
    metrics += "," + metric("far", 20, 25);
    const std::string text = shown(reply(metrics));
    EXPECT_LT(text.find("far  °C"), text.find("\na  °C"));
    EXPECT_THAT(text, Not(HasSubstr("near  °C")));
    EXPECT_THAT(text, HasSubstr("1 more metrics are closer"));
    CompareCommand named;
    named.metrics = {"near", "far"};
    EXPECT_THAT(shown(reply(metrics), named), HasSubstr("near  °C"));
    CompareCommand table;
    table.is_table = true;
    const std::string figures = shown(reply(metrics), table);
    EXPECT_THAT(figures, HasSubstr("near"));
    EXPECT_THAT(figures, Not(HasSubstr("└")));
}

TEST(Compare, TakesRunsWithoutReadings) { EXPECT_THAT(shown(reply("")), HasSubstr("neither has readings")); }

TEST(ElapsedTicks, BeginAtNothing) {
    const auto ticks = elapsed_ticks(0, 3'600'000, 80);
    ASSERT_GT(ticks.size(), 3u);
    EXPECT_EQ(ticks.front().label, "0s");
    EXPECT_EQ(ticks[1].label, "10m");
    EXPECT_EQ(ticks.back().label, "1h");
}

}  // namespace
}  // namespace labhub::cli
