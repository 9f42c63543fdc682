// The program labhub-vessel-sim from outside: its link, its options, its end.

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

#include <gtest/gtest.h>

#include "tests/unit/firmware-bridge/sim/sim_process.hpp"

namespace labhub::firmware_bridge {
namespace {

namespace fs = std::filesystem;

TEST(VesselSim, RemovesItsLinkWhenItIsTerminated) {
    SimProcess sim;
    ASSERT_TRUE(sim.start());
    EXPECT_TRUE(fs::is_character_file(sim.link()));
    const int status = sim.end(SIGTERM);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_FALSE(fs::exists(fs::symlink_status(sim.link())));
}

TEST(VesselSim, ReplacesTheLinkOfOneThatWasKilled) {
    SimProcess sim;
    ASSERT_TRUE(sim.start());
    sim.end(SIGKILL);
    EXPECT_TRUE(fs::is_symlink(sim.link()));
    EXPECT_TRUE(sim.start());
}

TEST(VesselSim, LeavesAloneWhatIsNoLink) {
    SimProcess sim;
    std::ofstream(sim.link()) << "precious";
    EXPECT_FALSE(sim.start());
    EXPECT_EQ(fs::file_size(sim.link()), 8u);
}

TEST(VesselSim, RefusesOptionsThatMakeNoSense) {
    for (const auto& wrong :
         {"--speed=0", "--garbage=2", "--flips=-1", "--noise-to=moon", "--mu-max=-1", "--no-such-option"}) {
        SimProcess sim;
        EXPECT_FALSE(sim.start({wrong})) << wrong;
        const int status = sim.end(SIGTERM);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << wrong;
    }
}

TEST(VesselSim, BeginsItsEventsWithTheBoot) {
    SimProcess sim;
    ASSERT_TRUE(sim.start({"--seed", "7", "--speed", "600"}));
    const auto events = sim.events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].at("event"), "boot");
    EXPECT_EQ(events[0].at("serial"), "sim-7");
    EXPECT_GT(events[0].at("monotonic_ms").to_number<double>(), 0);
}

}  // namespace
}  // namespace labhub::firmware_bridge
