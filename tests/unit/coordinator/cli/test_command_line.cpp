#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/command_line.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;

Result<CommandLine> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "labhub");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

TEST(CommandLine, ReadsRunWithItsLimits) {
    const auto line =
        parse({"run", "/proc/self/maps", "--device", "sim-1/vessel", "--time-limit", "1h", "--memory=512m", "--out",
               "here", "--name", "first", "--env", "A=1", "--env", "B=2", "--no-queue", "--json"});
    ASSERT_TRUE(line) << line.error().to_string();
    const auto& run = std::get<RunRequest>(line->command);
    EXPECT_EQ(run.script, "/proc/self/maps");
    EXPECT_EQ(run.devices, std::vector<std::string>{"sim-1/vessel"});
    EXPECT_EQ(run.time_limit, "1h");
    EXPECT_EQ(run.memory, "512m");
    EXPECT_EQ(run.out, "here");
    EXPECT_EQ(run.id, "first");
    EXPECT_EQ(run.environment, (std::vector<std::string>{"A=1", "B=2"}));
    EXPECT_FALSE(run.is_queued);
    EXPECT_TRUE(std::get<RunRequest>(parse({"run", "/proc/self/maps"})->command).is_queued);
    EXPECT_TRUE(line->is_json);
}

TEST(CommandLine, ReadsWhatARunNeeds) {
    const auto line = parse(
        {"run", "--device", "a/v", "--needs", "ph,stirrer", "--device", "b/v", "--needs", "do", "/proc/self/maps"});
    ASSERT_TRUE(line) << line.error().to_string();
    const auto& run = std::get<RunRequest>(line->command);
    EXPECT_EQ(run.devices, (std::vector<std::string>{"a/v", "b/v"}));
    EXPECT_EQ(run.needs, (std::vector<std::string>{"ph", "stirrer", "do"}));
    EXPECT_EQ(run.script, "/proc/self/maps");
}

TEST(CommandLine, TakesJsonBeforeAndAfterTheCommand) {
    EXPECT_TRUE(parse({"--json", "nodes"})->is_json);
    EXPECT_TRUE(parse({"nodes", "--json"})->is_json);
    EXPECT_FALSE(parse({"nodes"})->is_json);
}

TEST(CommandLine, ReadsTheOtherCommands) {
    EXPECT_TRUE(std::get<LogsRequest>(parse({"logs", "x", "-f"})->command).follow);
    EXPECT_EQ(std::get<LogsRequest>(parse({"logs", "x", "--tail", "5"})->command).tail, 5u);
    EXPECT_EQ(std::get<ResultsCommand>(parse({"results", "x", "-o", "f.zip"})->command).to, "f.zip");
    EXPECT_EQ(std::get<VerifyCommand>(parse({"results", "verify", "x"})->command).what, "x");
    EXPECT_EQ(std::get<StopCommand>(parse({"stop", "x"})->command).id, "x");
    EXPECT_FALSE(std::get<PauseCommand>(parse({"pause", "x"})->command).makes_safe);
    const auto pause = std::get<PauseCommand>(parse({"pause", "x", "--safe", "--reason", "foam"})->command);
    EXPECT_TRUE(pause.makes_safe);
    EXPECT_EQ(pause.id + pause.reason, "xfoam");
    EXPECT_EQ(std::get<ResumeCommand>(parse({"resume", "x"})->command).id, "x");
    EXPECT_EQ(std::get<ReadCommand>(parse({"read"})->command).device, "");
    const auto set = parse({"set", "a/b", "stirrer=40", "led=on"});
    EXPECT_EQ(std::get<SetCommand>(set->command).assignments, (std::vector<std::string>{"stirrer=40", "led=on"}));
    const auto up = parse({"up", "--data", "d", "--port", "0", "--simulate", "3", "--speed", "600", "--seed", "7"});
    ASSERT_TRUE(up && up->up);
    EXPECT_EQ(up->up->simulated_nodes, 3u);
    EXPECT_EQ(up->up->speed, 600);
    EXPECT_EQ(up->up->port, 0);
}

TEST(CommandLine, SaysWhatIsWrongAndWhereHelpIs) {
    EXPECT_THAT(parse({}).error().to_string(), HasSubstr("labhub --help"));
    EXPECT_THAT(parse({"run"}).error().to_string(), HasSubstr("SCRIPT is required (see `labhub run --help`)"));
    EXPECT_THAT(parse({"results"}).error().to_string(), HasSubstr("ID is required (see `labhub results --help`)"));
    EXPECT_FALSE(parse({"results", "verify"}));
    EXPECT_THAT(parse({"run", "/no/such/file.py"}).error().to_string(), HasSubstr("/no/such/file.py"));
    EXPECT_THAT(parse({"up", "--port", "70000"}).error().to_string(), HasSubstr("70000"));
    EXPECT_THAT(parse({"up", "--speed", "-1"}).error().to_string(), HasSubstr("speed"));
    EXPECT_FALSE(parse({"fly"}));
    EXPECT_FALSE(parse({"logs", "x", "-f", "--tail", "5"}));
    EXPECT_FALSE(parse({"set", "a/b"}));
}

TEST(CommandLine, ReadsWhatIsToBeWatched) {
    const auto line = parse({"alarms", "set", "vial_A_temp", "--high", "40", "--low", "-5.5", "--delay", "30s"});
    ASSERT_TRUE(line) << line.error().to_string();
    const auto& set = std::get<AlarmSetRequest>(std::get<AlarmsCommand>(line->command));
    EXPECT_EQ(set.metric, "vial_A_temp");
    EXPECT_EQ(set.high, 40.0);
    EXPECT_EQ(set.low, -5.5);
    EXPECT_FALSE(set.highhigh);
    EXPECT_EQ(set.delay, "30s");
    EXPECT_FALSE(parse({"alarms"}));
    EXPECT_FALSE(parse({"alarms", "set"}));
    EXPECT_FALSE(parse({"alarms", "set", "vial_A_temp", "--reaction", "shout"}));
    EXPECT_FALSE(parse({"alarms", "set", "vial_A_temp", "--high", "hot"}));
}

TEST(CommandLine, GivesHelpAndVersionAsText) {
    EXPECT_THAT(*parse({"--help"})->text, HasSubstr("LABHUB_TOKEN_FILE"));
    EXPECT_THAT(*parse({"run", "--help"})->text, HasSubstr("--time-limit"));
    EXPECT_THAT(*parse({"--version"})->text, HasSubstr("labhub "));
}

}  // namespace
}  // namespace labhub::cli
