#include "agent/config/agent_config.hpp"

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::config {
namespace {

using namespace std::chrono_literals;

constexpr const char* kKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGXi6z9sBsvsqrhGRu5CkolU06BmGg02vmqbzozMyPbc ada@lab";

class AgentConfigTest : public testing::Test {
  protected:
    Result<AgentConfig> load_text(const std::string& text) {
        const auto written = write_file(folder_.path() / "agent.toml", text);
        if (!written) return written.error();
        return load(folder_.path() / "agent.toml");
    }
    std::string good(const std::string& more = {}) {
        return "[node]\nid = \"sim-1\"\ndata_dir = \"data\"\n[[device]]\nid = \"vessel\"\nport = \"/dev/ttyACM0\"\n" +
               more;
    }
    test::TemporaryFolder folder_;
};

TEST_F(AgentConfigTest, TakesDefaultsForWhatIsNotSaid) {
    const auto config = load_text(good());
    ASSERT_TRUE(config) << config.error().to_string();
    EXPECT_EQ(config->node.group, "labhub");
    EXPECT_EQ(config->node.data_dir, folder_.path() / "data");
    EXPECT_EQ(config->ssh.host_key, folder_.path() / "data" / "ssh_host_ed25519_key");
    EXPECT_EQ(config->devices.at(0).period, 1s);
    EXPECT_EQ(config->safety.manual_hold, 10min);
    EXPECT_EQ(config->mqtt.primary_host, "labhub");
}

TEST_F(AgentConfigTest, ReadsKeysDevicesAndSamplingPeriods) {
    const auto config =
        load_text(good("[device.sampling]\nvial_A_temp = \"20ms\"\n[[ssh.authorized_key]]\nname = \"ada\"\n"
                       "role = \"operator\"\nkey = \"" +
                       std::string(kKey) + "\"\n"));
    ASSERT_TRUE(config) << config.error().to_string();
    EXPECT_EQ(config->devices.at(0).sampling.at("vial_A_temp"), 20ms);
    EXPECT_EQ(config->ssh.authorized_keys.at(0).name, "ada");
}

TEST_F(AgentConfigTest, ReadsAlarmsForItsOneDevice) {
    const auto config =
        load_text(good("[[alarm]]\nmetric = \"vial_A_temp\"\nhighhigh = 45\nno_data = \"10s\"\n"
                       "actuators = [\"peltier\"]\n"));
    ASSERT_TRUE(config) << config.error().to_string();
    const AlarmConfig& alarm = config->alarms.at(0);
    EXPECT_EQ(alarm.device, "vessel");
    EXPECT_EQ(alarm.limits.highhigh, 45.0);
    EXPECT_FALSE(alarm.limits.high);
    EXPECT_EQ(alarm.limits.no_data, 10s);
    EXPECT_EQ(alarm.reaction, "safe");
}

TEST_F(AgentConfigTest, RefusesAlarmsThatCanNotBe) {
    const std::string begin = "[[alarm]]\nmetric = \"vial_A_temp\"\n";
    EXPECT_NE(load_text(good(begin + "high = 45\nlow = 46\n")).error().to_string().find("lowlow < low"),
              std::string::npos);
    EXPECT_FALSE(load_text(good(begin + "device = \"other\"\nhigh = 45\n")));
    EXPECT_FALSE(load_text(good(begin + "high = 45\n" + begin + "high = 46\n")));
    EXPECT_FALSE(load_text(good(begin + "quality = false\n"))) << "there is nothing to watch";
}

TEST_F(AgentConfigTest, NamesEachMistakeWithItsPlaceAndWhatWouldBeRight) {
    const std::tuple<std::string, const char*, const char*> mistakes[] = {
        {good("[mqtt]\nprot = 1\n"), "agent.toml:8:1: mqtt.prot", "mqtt.port"},
        {good("[mqtt]\nport = 70000\n"), "agent.toml:8:8: mqtt.port", "1 to 65535"},
        {good("[mqtt]\nkeepalive = \"1s\"\n"), "mqtt.keepalive", "5s"},
        {good("[device.sampling]\nx = \"10ms\"\n"), "sampling", "20ms"},
        {good("[safety]\nmanual_hold = \"soon\"\n"), "safety.manual_hold", "15m"},
        {good("[ssh]\nlisten = \"localhost\"\n"), "ssh.listen", "127.0.0.1:2222"},
        {good("[[ssh.authorized_key]]\nname = \"a\"\nrole = \"root\"\nkey = \"" + std::string(kKey) + "\"\n"), "role",
         "coordinator, operator, viewer"},
        {good("[[ssh.authorized_key]]\nname = \"a\"\nrole = \"viewer\"\nkey = \"ssh-ed25519 AAAA\"\n"), "key",
         "authorized_keys"},
        {good("[[device]]\nid = \"vessel\"\nport = \"/dev/ttyACM1\"\n"), "given twice", "a name of its own"},
        {good("[[device]]\nid = \"other\"\nport = \"/dev/ttyACM0\"\n"), "two devices", "a port of its own"},
        {good("[[device]]\nid = \"other\"\n"), "port is missing", "Serial port"},
        {"[node]\nid = \"a\"\ndata_dir = \"d\"\n", "no device", "[[device]]"},
        {"[node]\nid = \"a/b\"\n", "node.id", "letters"},
        {"[node]\nid = \"a\"\ngroup = \"STATE\"\ndata_dir = \"d\"\n", "node.group", "any other name"},
    };
    for (const auto& [text, what, right] : mistakes) {
        const auto loaded = load_text(text);
        ASSERT_FALSE(loaded) << text;
        EXPECT_NE(loaded.error().to_string().find("agent.toml"), std::string::npos) << loaded.error().to_string();
        EXPECT_NE(loaded.error().to_string().find(what), std::string::npos) << loaded.error().to_string();
        EXPECT_NE(loaded.error().to_string().find(right), std::string::npos) << loaded.error().to_string();
    }
}

TEST(ParseEndpoint, ReadsBothFamiliesAndRefusesTheRest) {
    EXPECT_EQ(parse_endpoint("127.0.0.1:0")->port(), 0);
    EXPECT_EQ(parse_endpoint("[::1]:2222")->port(), 2222);
    for (const char* text :
         {"", "127.0.0.1", ":22", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "host:22", "1.2.3:4"})
        EXPECT_FALSE(parse_endpoint(text)) << text;
}

}  // namespace
}  // namespace labhub::agent::config
