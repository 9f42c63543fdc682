// The pages of docs/reference are written from the programs' own tables. This test fails when a page says something
// else; LABHUB_WRITE_REFERENCE=1 makes it write them.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "agent/config/agent_config.hpp"
#include "coordinator/cli/command_line.hpp"
#include "coordinator/daemon/settings.hpp"
#include "shared/base/files.hpp"

namespace labhub {
namespace {

constexpr const char* kWritten =
    "<!-- Written from the program's own tables by build/dev/tests/test_reference; see tests/unit/docs. -->\n\n";

void expect_page(const std::string& name, const std::string& text) {
    const char* const source = std::getenv("LABHUB_SOURCE");
    const std::filesystem::path page = std::filesystem::path(source ? source : ".") / "docs/reference" / name;
    if (std::getenv("LABHUB_WRITE_REFERENCE")) {
        ASSERT_TRUE(write_file(page, text));
    }
    const auto written = read_file(page);
    ASSERT_TRUE(written) << written.error().to_string();
    EXPECT_TRUE(*written == text) << page
                                  << " is out of date: run LABHUB_WRITE_REFERENCE=1 build/dev/tests/test_reference";
}

TEST(Reference, SaysWhatTheAgentsConfigurationMayHold) {
    agent::config::AgentConfig config;
    expect_page("agent.md", "# labhub-agent: the configuration file\n\n" + std::string(kWritten) +
                                "TOML. Durations are written as `\"1h30m\"`, `\"500ms\"` or plain seconds; relative "
                                "paths begin in the file's folder.\n\n" +
                                agent::config::options_of(config).reference());
}

TEST(Reference, SaysWhatTheCoordinatorsConfigurationMayHold) {
    coordinator::daemon::Settings settings;
    expect_page("coordinator.md", "# labhub-coordinator: the configuration file\n\n" + std::string(kWritten) +
                                      "TOML. Durations are written as `\"1h30m\"`, `\"500ms\"` or plain seconds; "
                                      "relative paths begin in the file's folder.\n\n" +
                                      coordinator::daemon::options_of(settings).reference());
}

TEST(Reference, SaysWhatTheCommandLineTakes) {
    const char* const arguments[] = {"labhub", "--help-all"};
    const auto line = cli::parse_command_line(2, arguments);
    ASSERT_TRUE(line && line->text);
    expect_page("labhub.md",
                "# labhub: the command line\n\n" + std::string(kWritten) + "```\n" + *line->text + "```\n");
}

}  // namespace
}  // namespace labhub
