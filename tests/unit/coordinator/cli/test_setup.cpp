#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/command_line.hpp"
#include "coordinator/cli/setup.hpp"
#include "shared/base/json.hpp"
#include "tests/unit/coordinator/cli/zip_file.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;

Result<CommandLine> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "labhub");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

TEST(Setup, TakesParametersAsJsonOrText) {
    SetupRequest setup;
    setup.params = {"a=0.6", "b=true", "c=W303", "d=[1,2]", "e=\"0.6\"", "f=", "g=x=y", "h=null", "i=1e3x"};
    const auto params = params_of(setup);
    ASSERT_TRUE(params) << params.error().to_string();
    EXPECT_EQ(to_json(*params),
              R"({"a":0.6,"b":true,"c":"W303","d":[1,2],"e":"0.6","f":"","g":"x=y","h":null,"i":"1e3x"})");
    setup.params = {"no value"};
    EXPECT_EQ(params_of(setup).error().code, ErrorCode::malformed);
    setup.params = {"=1"};
    EXPECT_FALSE(params_of(setup));
}

TEST(Setup, PutsTypedParametersOverThoseOfAFile) {
    const testing::TestFolder folder;
    SetupRequest setup;
    setup.params_file = folder.path() / "params.json";
    std::ofstream(setup.params_file) << R"({"a": 1, "b": 2})";
    setup.params = {"b=3"};
    EXPECT_EQ(to_json(*params_of(setup)), R"({"a":1,"b":3})");
    std::ofstream(setup.params_file) << "[1]";
    EXPECT_THAT(params_of(setup).error().message, HasSubstr("no JSON object"));
    std::ofstream(setup.params_file) << "{";
    EXPECT_THAT(params_of(setup).error().message, HasSubstr("params.json"));
}

TEST(Setup, NamesInputFiles) {
    const testing::TestFolder folder;
    const std::string file = (folder.path() / "a=b.csv").string();
    std::ofstream(file) << "1";
    EXPECT_EQ(local_input(file)->name, "a=b.csv");
    EXPECT_EQ(local_input(file + "=c.csv")->name, "c.csv");
    EXPECT_EQ(local_input(file + "=c.csv")->path, file);
    EXPECT_EQ(local_input(file + "=").error().code, ErrorCode::not_found);
    EXPECT_EQ(local_input("/nowhere/x").error().code, ErrorCode::not_found);
}

TEST(CommandLine, ReadsWhatAScriptIsGiven) {
    const auto line = parse({"run", "/proc/self/maps", "--param", "a=1", "--param", "b=2", "--input", "x.csv=y",
                             "--tag", "t", "--tag", "u", "--note", "n"});
    ASSERT_TRUE(line) << line.error().to_string();
    const auto& setup = std::get<RunRequest>(line->command).setup;
    EXPECT_EQ(setup.params, (std::vector<std::string>{"a=1", "b=2"}));
    EXPECT_EQ(setup.inputs, (std::vector<std::string>{"x.csv=y"}));
    EXPECT_EQ(setup.tags, (std::vector<std::string>{"t", "u"}));
    EXPECT_EQ(setup.note, "n");
    const auto again = parse({"rerun", "e1", "--param", "a=2"});
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_EQ(std::get<RunRequest>(again->command).again, "e1");
    EXPECT_EQ(std::get<RunRequest>(again->command).setup.params, (std::vector<std::string>{"a=2"}));
}

TEST(CommandLine, TellsTagsThatAreTakenAwayFromOptions) {
    const auto line = parse({"tag", "e1", "growth", "-draft", "yeast"});
    ASSERT_TRUE(line) << line.error().to_string();
    const auto& tag = std::get<TagCommand>(line->command);
    EXPECT_EQ(tag.id, "e1");
    EXPECT_EQ(tag.words, (std::vector<std::string>{"growth", "-draft", "yeast"}));
    EXPECT_FALSE(tag.note);
    EXPECT_EQ(std::get<TagCommand>(parse({"tag", "--note", "", "e1"})->command).note, "");
    EXPECT_FALSE(parse({"tag", "e1", "--colour"}));
    EXPECT_FALSE(parse({"tag"}));
}

TEST(CommandLine, ReadsWhatLooksOnAndBack) {
    EXPECT_TRUE(std::get<EventsCommand>(parse({"events", "-f", "e1"})->command).follow);
    const auto results = parse({"results", "e1", "--partial", "--file", "output/a"});
    EXPECT_TRUE(std::get<ResultsCommand>(results->command).is_partial);
    EXPECT_EQ(std::get<ResultsCommand>(results->command).file, "output/a");
    EXPECT_FALSE(parse({"results", "e1", "--list", "--file", "x"}));
    const auto list =
        parse({"experiments", "--tag", "a", "--tag", "b", "--status", "running", "--user", "ada", "--limit", "5"});
    const auto& filter = std::get<ExperimentsCommand>(list->command);
    EXPECT_EQ(filter.tags, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(filter.status, "running");
    EXPECT_EQ(filter.user, "ada");
    EXPECT_EQ(filter.limit, 5u);
    const auto compare = parse({"compare", "a", "b", "temp", "led", "--table"});
    ASSERT_TRUE(compare) << compare.error().to_string();
    EXPECT_EQ(std::get<CompareCommand>(compare->command).metrics, (std::vector<std::string>{"temp", "led"}));
    EXPECT_TRUE(std::get<CompareCommand>(compare->command).is_table);
    EXPECT_FALSE(parse({"compare", "a"}));
}

}  // namespace
}  // namespace labhub::cli
