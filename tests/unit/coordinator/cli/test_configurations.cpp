#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/up/configurations.hpp"
#include "coordinator/cli/up/hub_watch.hpp"
#include "shared/config/options.hpp"

namespace labhub::cli::up {
namespace {

using ::testing::HasSubstr;

TEST(Configurations, SurviveAFolderWithQuotesAndBlanks) {
    const Layout layout{"/tmp/my \"lab\" \\ data"};
    const Node node{"sim-1", 4022, "ssh-ed25519 AAAA", "SHA256:abc"};
    std::string id, data, listen, port, driver;
    config::Options options;
    options.add("node.id", &id, "");
    options.add("node.data_dir", &data, "");
    bool trusts_clock = false;
    options.add("node.trust_clock", &trusts_clock, "");
    std::string host;
    std::uint16_t broker = 0;
    options.add("mqtt.host", &host, "");
    options.add("mqtt.port", &broker, "");
    options.add("ssh.listen", &listen, "");
    struct Key {
        std::string name, role, key;
    };
    std::vector<Key> keys;
    options.list("ssh.authorized_key", &keys, "", [](config::Options& item, Key& key) {
        item.add("name", &key.name, "");
        item.add("role", &key.role, "");
        item.add("key", &key.key, "");
    });
    struct Device {
        std::string id, driver, port;
    };
    std::vector<Device> devices;
    options.list("device", &devices, "", [](config::Options& item, Device& device) {
        item.add("id", &device.id, "");
        item.add("driver", &device.driver, "");
        item.add("port", &device.port, "");
    });
    const auto loaded = options.load_text(agent_config(layout, node, 1883, "ssh-ed25519 CCCC", "ssh-ed25519 OOOO"));
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_EQ(data, layout.node("sim-1") / "state");
    EXPECT_TRUE(trusts_clock);
    EXPECT_EQ(listen, "127.0.0.1:4022");
    EXPECT_EQ(broker, 1883);
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys[0].role, "coordinator");
    EXPECT_EQ(keys[1].key, "ssh-ed25519 OOOO");
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(devices[0].port, layout.board("sim-1"));
}

TEST(Configurations, LetOnlyTheCoordinatorInWithoutAKeyForPeople) {
    const std::string text = agent_config(Layout{"/d"}, Node{"sim-1", 1, "", ""}, 1, "ssh-ed25519 C", "");
    EXPECT_THAT(text, HasSubstr("coordinator"));
    EXPECT_EQ(text.find("\"operator\""), std::string::npos);
}

TEST(HubWatch, FindsKeyAndFingerprintInWhatProgramsPrint) {
    const std::string printed = "public  ssh-ed25519 AAAAC3Nz host\nfingerprint SHA256:x/y+z (ED25519)\n";
    EXPECT_EQ(public_key_in(printed), "ssh-ed25519 AAAAC3Nz");
    EXPECT_EQ(fingerprint_in(printed), "SHA256:x/y+z");
    EXPECT_EQ(public_key_in("nothing"), "");
    EXPECT_EQ(fingerprint_in("nothing"), "");
}

}  // namespace
}  // namespace labhub::cli::up
