#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/domain/telemetry/query_selection.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using ::testing::HasSubstr;

const std::vector<SeriesName> kKnown{{1, "sim-1/vessel", "vial_A_temp"},
                                     {2, "sim-1/vessel", "vial_B_temp"},
                                     {3, "sim-1/vessel", "stirrer"},
                                     {4, "sim-2/vessel", "vial_A_temp"},
                                     {5, "plc/line", "Tank/Inlet/flow"}};

std::vector<std::int64_t> ids_of(const Selection& selection, const std::vector<SeriesName>& known = kKnown) {
    std::vector<std::int64_t> ids;
    for (const auto& one : known)
        if (selection.includes(one.id, one.device, one.metric)) ids.push_back(one.id);
    return ids;
}

std::string refusal_of(const Selection& selection) {
    const auto found = check_found(selection, kKnown);
    return found ? "" : found.error().to_string();
}

TEST(Selection, MatchesPatternsAsFileNamesDo) {
    EXPECT_TRUE(matches("*", ""));
    EXPECT_TRUE(matches("a*c", "abbbc"));
    EXPECT_TRUE(matches("*a*b*", "xxaxxbxx"));
    EXPECT_TRUE(matches("vial_?_temp", "vial_A_temp"));
    EXPECT_FALSE(matches("vial_?_temp", "vial__temp"));
    EXPECT_FALSE(matches("", "a"));
    EXPECT_FALSE(matches("a", "A"));
    const std::string hostile(2'000, 'a');
    EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*a*b", hostile)) << "and at once";
}

TEST(Selection, ChoosesByIdByNameAndByPattern) {
    EXPECT_EQ(ids_of({{"2", "sim-2/*/vial_A_temp"}, "", {}}), (std::vector<std::int64_t>{2, 4}));
    EXPECT_EQ(ids_of({{"*/vial_A_temp"}, "", {}}), (std::vector<std::int64_t>{1, 4}));
    EXPECT_EQ(ids_of({{"plc/line/Tank/Inlet/flow"}, "", {}}), (std::vector<std::int64_t>{5}));
    EXPECT_EQ(ids_of({{}, "sim-1/vessel", {"vial_*"}}), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(ids_of({{}, "sim-*/*", {"stirrer", "vial_B_temp"}}), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(ids_of({}).size(), kKnown.size());
}

TEST(Selection, TakesNamesOfOthersAsTheyAre) {
    const std::vector<SeriesName> known{
        {5, "plc/line", "Tank/Inlet/flow"}, {6, "plc/Linie Süd", "Temperatur °C"}, {7, "plc/line", "a*b, \\c"}};
    using Ids = std::vector<std::int64_t>;
    EXPECT_EQ(ids_of({{"plc/Linie Süd/Temperatur °C"}, "", {}}, known), Ids{6});
    EXPECT_EQ(ids_of({{}, "plc/Linie S?d", {"Temperatur ?C"}}, known), Ids{6}) << "? is a character";
    EXPECT_EQ(ids_of({{}, "plc/*", {"Tank/Inlet/flow"}}, known), Ids{5});
    EXPECT_EQ(ids_of({{}, "", {"a\\*b, \\\\c"}}, known), Ids{7});
    EXPECT_FALSE(matches("a\\*b", "aXb"));
    EXPECT_FALSE(matches("a\\?b", "aXb"));
    EXPECT_TRUE(matches("*\\*b*", "a*b, \\c"));
    for (const auto& one : known) {
        const auto word = pattern_of(one.device + "/" + one.metric);
        EXPECT_EQ(literal(word), one.device + "/" + one.metric);
        EXPECT_FALSE(has_wildcard(word)) << word;
        const auto words = comma_list(word + "," + word);
        EXPECT_EQ(words, (std::vector<std::string>{word, word}));
        EXPECT_EQ(ids_of({words, "", {}}, known), Ids{one.id});
    }
    EXPECT_EQ(comma_list(pattern_of(" x ")), (std::vector<std::string>{"\\ x\\ "}));
    EXPECT_TRUE(matches(comma_list(" " + pattern_of(" x ") + " ").at(0), " x "));
}

TEST(Selection, NamesWhatWasLikelyMeant) {
    EXPECT_THAT(refusal_of({{"sim-1/vesel/vial_A_tmp"}, "", {}}),
                HasSubstr("no series 'sim-1/vesel/vial_A_tmp' (did you mean sim-1/vessel/vial_A_temp"));
    EXPECT_THAT(refusal_of({{}, "", {"strrer"}}), HasSubstr("no metric 'strrer' (did you mean stirrer?)"));
    EXPECT_THAT(refusal_of({{}, "sim-3/vessel", {}}), HasSubstr("did you mean sim-1/vessel, sim-2/vessel?"));
    EXPECT_THAT(refusal_of({{"*/nothing_like_it_at_all"}, "", {}}), HasSubstr("there are: "));
    EXPECT_THAT(refusal_of({{"77"}, "", {}}), HasSubstr("no series '77'"));
    EXPECT_THAT(refusal_of({{}, "plc/line", {"stirrer"}}), HasSubstr("each of them alone"));
    EXPECT_EQ(check_found({{"1"}, "", {}}, {}).error().code, ErrorCode::not_found);
    EXPECT_TRUE(check_found({}, {})) << "nothing stored yet is no error where nothing was named";
}

TEST(Selection, RefusesWhatCanNotBeASeries) {
    EXPECT_THAT(check_selection({{"vial_A_temp"}, "", {}}).error().to_string(), HasSubstr("node/device/metric"));
    EXPECT_TRUE(check_selection({{"12", "*temp", "a/b/c"}, "", {}}));
    EXPECT_EQ(check_selection({{std::string(9'000, '*')}, "", {}}).error().code, ErrorCode::too_large);
}

TEST(Selection, SplitsListsAtCommas) {
    EXPECT_EQ(comma_list(" a, b ,,c "), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_TRUE(comma_list(" , ").empty());
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
