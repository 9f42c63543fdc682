#include "shared/base/json.hpp"
#include "tests/integration/agent/agent_lab.hpp"

namespace labhub::test {
namespace {

using Ssh = AgentLab;

TEST_F(Ssh, APlainOpenSshClientCanLookAndSet) {
    start();
    const Output status = ssh("status");
    EXPECT_EQ(status.status, 0);
    EXPECT_NE(status.out.find("node    sim-1"), std::string::npos) << status.out;
    EXPECT_NE(status.out.find("vessel"), std::string::npos);
    const Output set = ssh("set stirrer=40 led=on");
    EXPECT_EQ(set.status, 0) << set.err;
    EXPECT_NE(set.out.find("stirrer  =  40 %"), std::string::npos) << set.out;
    EXPECT_EQ(output("stirrer"), 40);
    EXPECT_EQ(output("led"), 1);
    EXPECT_EQ(ssh("get stirrer").out, "40 %\n");
    EXPECT_NE(ssh("status").out.find("set by hand"), std::string::npos);
    EXPECT_EQ(ssh("hold").status, 0);
    EXPECT_EQ(output("stirrer"), 0);
}

TEST_F(Ssh, SensorsAreJsonForPrograms) {
    start();
    const Output output = ssh("sensors --json");
    ASSERT_EQ(output.status, 0);
    const auto json = parse_json(output.out);
    ASSERT_TRUE(json) << output.out;
    const auto& readings = json->at("readings").as_object();
    EXPECT_EQ(readings.size(), 31u);
    EXPECT_EQ(readings.at("vial_A_temp").at("unit").as_string(), "Cel");
}

TEST_F(Ssh, RefusesWhatIsOutOfRangeUnknownOrNotAllowedAndSaysWhatIsRight) {
    start();
    const Output range = ssh("set stirrer=400");
    EXPECT_EQ(range.status, 1);
    EXPECT_TRUE(range.out.empty());
    EXPECT_NE(range.err.find("0 to 100 %"), std::string::npos) << range.err;
    const Output light = ssh("set ring_light=purple");
    EXPECT_EQ(light.status, 1);
    EXPECT_FALSE(light.err.empty());
    EXPECT_EQ(ssh("set vial_A_temp=37").status, 1);
    EXPECT_EQ(ssh("get nothing").status, 1);
    const Output word = ssh("reboot");
    EXPECT_EQ(word.status, 2);
    EXPECT_NE(word.err.find("status, sensors"), std::string::npos);
    const Output viewer = ssh("set stirrer=1", "vic");
    EXPECT_EQ(viewer.status, 1);
    EXPECT_NE(viewer.err.find("operator"), std::string::npos);
    EXPECT_EQ(ssh("sensors", "vic").status, 0);
    EXPECT_EQ(output("stirrer"), 0);
}

TEST_F(Ssh, KeepsTheHostKeyToItsOwnerAndOverARestart) {
    start_vessel();
    start_agent();
    const auto shown =
        run_program({program("labhub-agent"), "host-key", "--config", (folder_ / "agent.toml").string()}, folder_);
    ASSERT_EQ(shown.status, 0) << shown.err;
    EXPECT_NE(shown.out.find("SHA256:"), std::string::npos);
    const auto key = folder_ / "data" / "ssh_host_ed25519_key";
    EXPECT_EQ(std::filesystem::status(key).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    agent_.kill();
    start_agent();
    EXPECT_EQ(
        run_program({program("labhub-agent"), "host-key", "--config", (folder_ / "agent.toml").string()}, folder_).out,
        shown.out);
}

TEST_F(Ssh, LogsCommandsWithTheKeysFingerprint) {
    start();
    ssh("set stirrer=12");
    const Output logs = ssh("logs 20");
    ASSERT_EQ(logs.status, 0);
    EXPECT_NE(logs.out.find("ssh ada (operator, SHA256:"), std::string::npos) << logs.out;
    EXPECT_NE(logs.out.find("set stirrer=12"), std::string::npos);
}

TEST_F(Ssh, AMistakeInTheConfigurationStopsTheStart) {
    const auto file = folder_ / "bad.toml";
    std::FILE* const out = std::fopen(file.c_str(), "w");
    std::fputs("[node]\nid = \"sim-1\"\ndata_dir = \"d\"\n[[device]]\nid = \"v\"\nport = \"p\"\nperiod = \"1ms\"\n",
               out);
    std::fclose(out);
    const auto started = run_program({program("labhub-agent"), "--config", file.string()}, folder_);
    EXPECT_EQ(started.status, 2);
    EXPECT_NE(started.err.find("bad.toml:7:10: [[device]] period"), std::string::npos) << started.err;
    EXPECT_EQ(run_program({program("labhub-agent"), "check", "--config", file.string()}, folder_).status, 2);
}

}  // namespace
}  // namespace labhub::test
