#include "agent/ssh_server/exec_grammar.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::ssh_server {
namespace {

TEST(ExecGrammar, UnderstandsEachCommand) {
    EXPECT_TRUE(std::holds_alternative<StatusCommand>(parse_exec("status")->what));
    EXPECT_FALSE(std::get<SensorsCommand>(parse_exec("sensors")->what).json);
    EXPECT_TRUE(std::get<SensorsCommand>(parse_exec("  sensors\t--json \n")->what).json);
    EXPECT_EQ(std::get<GetCommand>(parse_exec("get vial_A_temp")->what).metric, "vial_A_temp");
    EXPECT_TRUE(std::holds_alternative<HoldCommand>(parse_exec("hold")->what));
    EXPECT_EQ(std::get<LogsCommand>(parse_exec("logs")->what).lines, 50u);
    EXPECT_EQ(std::get<LogsCommand>(parse_exec("logs 7")->what).lines, 7u);
    EXPECT_TRUE(std::holds_alternative<VersionCommand>(parse_exec("version")->what));
}

TEST(ExecGrammar, ReadsSettingsInOrder) {
    const auto command = parse_exec("set stirrer=40 ring_light=#ff0000 --device vessel note=a=b --lease 01hq");
    ASSERT_TRUE(command) << command.error().to_string();
    EXPECT_EQ(command->device, "vessel");
    const auto& set = std::get<SetCommand>(command->what);
    EXPECT_EQ(set.lease, "01hq");
    ASSERT_EQ(set.values.size(), 3u);
    EXPECT_EQ(set.values[1], (std::pair<std::string, std::string>{"ring_light", "#ff0000"}));
    EXPECT_EQ(set.values[2].second, "a=b");
}

TEST(ExecGrammar, TakesTheDeviceWithEqualsToo) { EXPECT_EQ(parse_exec("hold --device=b")->device, "b"); }

TEST(ExecGrammar, SaysWhatWouldBeRight) {
    const std::pair<const char*, const char*> wrongs[] = {
        {"", "one of: status"},
        {"reboot", "one of: status"},
        {"status now", "help"},
        {"sensors --jsn", "help"},
        {"get", "get METRIC"},
        {"get a b", "help"},
        {"set", "set stirrer=40"},
        {"set stirrer", "METRIC=VALUE"},
        {"set stirrer 40", "METRIC=VALUE"},
        {"set =40", "METRIC=VALUE"},
        {"set stirrer=", "METRIC=VALUE"},
        {"set stirrer=1 --force", "--device ID"},
        {"logs many", "1 to 500"},
        {"logs 0", "1 to 500"},
        {"logs -1", "1 to 500"},
        {"hold --device", "--device ID"},
        {"hold --device ../x", "letters"},
    };
    for (const auto& [line, right] : wrongs) {
        const auto parsed = parse_exec(line);
        ASSERT_FALSE(parsed) << line;
        EXPECT_EQ(parsed.error().code, ErrorCode::malformed) << line;
        EXPECT_NE(parsed.error().detail.find(right), std::string::npos) << line << ": " << parsed.error().to_string();
    }
}

TEST(ExecGrammar, HasNoShellInIt) {
    for (const char* line :
         {"status; reboot", "status && reboot", "$(reboot)", "`reboot`", "status | cat", "/bin/sh -c status"})
        EXPECT_FALSE(parse_exec(line)) << line;
    EXPECT_EQ(std::get<SetCommand>(parse_exec("set led=$(reboot)")->what).values[0].second, "$(reboot)");
}

TEST(ExecGrammar, ShowsStrangeBytesEscaped) {
    const auto parsed = parse_exec(std::string_view("\x1b[2J\x00\xff", 6));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace labhub::agent::ssh_server
