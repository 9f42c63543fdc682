#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/config/nearest.hpp"
#include "shared/config/options.hpp"

namespace labhub::config {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Key {
    std::string name;
    std::string role = "user";
};

struct Settings {
    std::string id;
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::int64_t spool_bytes = 64 << 20;
    double rate = 1.5;
    bool is_enabled = true;
    std::chrono::milliseconds grace = 5s;
    std::filesystem::path data_dir;
    std::vector<std::string> command = {"crun"};
    std::map<std::string, std::chrono::milliseconds> sampling;
    std::vector<Key> keys;
};

Options table_of(Settings& settings) {
    Options options;
    options.add("node.id", &settings.id, "Name of this node", name("node id").required());
    options.add("node.data_dir", &settings.data_dir, "Where state is kept");
    options.add("mqtt.host", &settings.host, "Host of the broker", not_empty());
    options.add("mqtt.port", &settings.port, "TCP port of the broker", range(1, 65535));
    options.add("spool.bytes", &settings.spool_bytes, "Most bytes kept", at_least(4096));
    options.add("rate", &settings.rate, "Samples per second", range(0.1, 50));
    options.add("enabled", &settings.is_enabled, "Whether it runs");
    options.add("grace", &settings.grace, "Time to end", range(100ms, 1h));
    options.add("runtime.command", &settings.command, "How to call the runtime", range(1, 8));
    options.add("sampling", &settings.sampling, "Period of single metrics", range(20ms, 1h));
    options.list("ssh.authorized_key", &settings.keys, "Who may log in", [](Options& item, Key& key) {
        item.add("name", &key.name, "Who this is", required());
        item.add("role", &key.role, "What they may do", one_of({"user", "coordinator"}));
    });
    return options;
}

std::string failure_of(std::string_view text) {
    Settings settings;
    const auto loaded = table_of(settings).load_text(text, "agent.toml");
    if (loaded) return "loaded";
    EXPECT_EQ(loaded.error().code, ErrorCode::malformed);
    return loaded.error().to_string();
}

TEST(Options, LoadsEveryTypeOfTarget) {
    Settings settings;
    const auto loaded = table_of(settings).load_text(R"(
rate = 2
enabled = false
grace = "1m30s"
node = { id = "sim-1", data_dir = "state" }
[mqtt]
host = "broker.lab"
port = 8883
[spool]
bytes = 1_000_000
[runtime]
command = ["runc", "--debug"]
[sampling]
vial_A_temp = "100ms"
"peltier_current" = 2
[[ssh.authorized_key]]
name = "Ada"
[[ssh.authorized_key]]
name = "hub"
role = "coordinator"
)",
                                                     "agent.toml", "/etc/labhub");
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_EQ(settings.id, "sim-1");
    EXPECT_EQ(settings.data_dir, "/etc/labhub/state");
    EXPECT_EQ(settings.host, "broker.lab");
    EXPECT_EQ(settings.port, 8883);
    EXPECT_EQ(settings.spool_bytes, 1'000'000);
    EXPECT_EQ(settings.rate, 2.0);
    EXPECT_FALSE(settings.is_enabled);
    EXPECT_EQ(settings.grace, 90s);
    EXPECT_EQ(settings.command, (std::vector<std::string>{"runc", "--debug"}));
    EXPECT_EQ(settings.sampling.at("vial_A_temp"), 100ms);
    EXPECT_EQ(settings.sampling.at("peltier_current"), 2s);
    ASSERT_EQ(settings.keys.size(), 2u);
    EXPECT_EQ(settings.keys[0].role, "user");
    EXPECT_EQ(settings.keys[1].name, "hub");
}

TEST(Options, TellsANumberThatIsNotSetFromEveryNumber) {
    std::optional<double> low, high;
    Options options;
    options.add("low", &low, "The lower limit");
    options.add("high", &high, "The upper limit", at_least(0));
    ASSERT_TRUE(options.load_text("high = 40"));
    EXPECT_FALSE(low);
    EXPECT_EQ(high, 40.0);
    EXPECT_FALSE(options.load_text("high = -1"));
    EXPECT_FALSE(options.load_text("low = \"cold\""));
    EXPECT_NE(options.reference().find("| `low` | number |  |"), std::string::npos) << options.reference();
}

TEST(Options, KeepsDefaultsOfWhatTheFileDoesNotSay) {
    Settings settings;
    ASSERT_TRUE(table_of(settings).load_text("node.id = 'n1'"));
    EXPECT_EQ(settings.port, 1883);
    EXPECT_EQ(settings.command, std::vector<std::string>{"crun"});
    EXPECT_TRUE(settings.keys.empty());
}

TEST(Options, SaysWhereAKeyIsUnknownAndWhichIsMeant) {
    EXPECT_EQ(failure_of("node.id = 'n'\n[mqtt]\n  prot = 1"),
              "agent.toml:3:3: mqtt.prot is not a known key (did you mean mqtt.port?)");
    EXPECT_THAT(failure_of("node.id = 'n'\n[qmtt]\nport = 1"), HasSubstr("did you mean mqtt?"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[mqtt]\nzzzzzzz = 1"), HasSubstr("known here: mqtt.host, mqtt.port"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[[ssh.authorized_key]]\nname='a'\nrolle='user'"),
                HasSubstr("agent.toml:4:1: [[ssh.authorized_key]] rolle is not a known key (did you mean role?)"));
}

TEST(Options, RefusesWrongTypes) {
    EXPECT_EQ(failure_of("node.id = 'n'\nmqtt.port = '1883'"),
              "agent.toml:2:13: mqtt.port is text (must be: integer, 1 to 65535)");
    EXPECT_THAT(failure_of("node.id = 7"), HasSubstr("agent.toml:1:11: node.id is an integer"));
    EXPECT_THAT(failure_of("node.id = 'n'\nmqtt = 5"), HasSubstr("write its keys below [mqtt]"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[ssh.authorized_key]\nname='a'"), HasSubstr("write [[ssh.authorized_key]]"));
    EXPECT_THAT(failure_of("node.id = 'n'\ngrace = 'soon'"), HasSubstr("grace is wrong: 'soon' is not a duration"));
    EXPECT_THAT(failure_of("node.id = 'n'\nenabled = 1"), HasSubstr("must be: true or false"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[runtime]\ncommand = ['a', 2]"), HasSubstr("has an integer in it"));
    EXPECT_THAT(failure_of("node.id = 'n'\nrate = 2026-01-01"), HasSubstr("is a date or time"));
}

TEST(Options, RefusesValuesOutOfRange) {
    EXPECT_EQ(failure_of("node.id = 'n'\nmqtt.port = 70000"),
              "agent.toml:2:13: mqtt.port = 70000 is out of range (must be: integer, 1 to 65535)");
    EXPECT_THAT(failure_of("node.id = 'n'\nmqtt.port = 0"), HasSubstr("out of range"));
    EXPECT_THAT(failure_of("node.id = 'n'\nspool.bytes = 5"), HasSubstr("at least 4096"));
    EXPECT_THAT(failure_of("node.id = 'n'\nrate = nan"), HasSubstr("not finite"));
    EXPECT_THAT(failure_of("node.id = 'n'\nrate = inf"), HasSubstr("not finite"));
    EXPECT_THAT(failure_of("node.id = 'n'\ngrace = '2h'"),
                HasSubstr("grace = 2h is out of range (must be: duration, 100ms to 1h)"));
    EXPECT_THAT(failure_of("node.id = 'n'\ngrace = -1"), HasSubstr("out of range"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[sampling]\na = '1ms'"), HasSubstr("sampling = 1ms is out of range"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[runtime]\ncommand = []"), HasSubstr("0 items is out of range"));
    EXPECT_THAT(failure_of("node.id = 'a b'"), HasSubstr("node.id is wrong"));
    EXPECT_THAT(failure_of("node.id = 'n'\n[[ssh.authorized_key]]\nname='a'\nrole='root'"),
                HasSubstr("'root' is none of the choices (one of: user, coordinator)"));
}

TEST(Options, DemandsWhatIsRequired) {
    EXPECT_EQ(failure_of(""), "agent.toml:1:1: node.id is missing (Name of this node; text, node id)");
    EXPECT_THAT(failure_of("node.id = 'n'\n\n[[ssh.authorized_key]]\nrole = 'user'"),
                HasSubstr("agent.toml:3:1: [[ssh.authorized_key]] name is missing"));
}

TEST(Options, SaysWhereTheSyntaxIsWrong) {
    EXPECT_THAT(failure_of("node.id = 'n'\n[mqtt\nport = 1"), HasSubstr("agent.toml:2:"));
    EXPECT_THAT(failure_of("node.id = 'n'\nnode.id = 'm'"), HasSubstr("agent.toml:2:"));
}

TEST(Options, TakesRelativePathsFromTheFilesFolder) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "labhub_config_test";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "agent.toml") << "node = { id = 'n', data_dir = '../data' }";
    Settings settings;
    ASSERT_TRUE(table_of(settings).load_file(folder / "agent.toml"));
    EXPECT_EQ(settings.data_dir, (folder / "../data").lexically_normal());
    const auto missing = table_of(settings).load_file(folder / "none.toml");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    std::filesystem::remove_all(folder);
}

TEST(Options, WritesTheReferenceFromTheSameTable) {
    Settings settings;
    const Options options = table_of(settings);
    const std::string reference = options.reference();
    EXPECT_THAT(reference, HasSubstr("| `mqtt.port` | integer, 1 to 65535 | `1883` | TCP port of the broker |\n"));
    EXPECT_THAT(reference, HasSubstr("| `node.id` | text, node id | required | Name of this node |\n"));
    EXPECT_THAT(
        reference,
        HasSubstr(
            "| `[[ssh.authorized_key]] role` | text, one of: user, coordinator | `\"user\"` | What they may do |\n"));
    EXPECT_THAT(reference, HasSubstr("| `grace` | duration, 100ms to 1h | `\"5s\"` |"));
    EXPECT_THAT(options.help(), HasSubstr("TCP port of the broker (integer, 1 to 65535; default 1883)"));
    EXPECT_TRUE(settings.keys.empty());
}

TEST(Nearest, ForgivesATypoButNotAnotherWord) {
    EXPECT_EQ(nearest("prot", {"host", "port"}), "port");
    EXPECT_EQ(nearest("colour", {"color", "sound"}), "color");
    EXPECT_EQ(nearest("temperature", {"port"}), "");
}

}  // namespace
}  // namespace labhub::config
