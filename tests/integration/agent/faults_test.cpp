#include <csignal>

#include "tests/integration/agent/agent_lab.hpp"

namespace labhub::test {
namespace {

using sparkplug::MessageType;
using namespace std::chrono_literals;
using Faults = AgentLab;

TEST_F(Faults, GarbageOnTheLineHoldsUpNeitherReadingsNorCommands) {
    start_vessel({"--garbage", "0.002"});
    start_agent();
    Observer observer(broker_.port());
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return seen.size() > 30; }));
    EXPECT_TRUE(eventually([&] { return ssh("set stirrer=40").status == 0; }));
    EXPECT_TRUE(eventually([&] { return output("stirrer") == 40; }));
}

TEST_F(Faults, ANoisyLineCostsNeitherACommandNorTheLink) {
    start_vessel({"--garbage", "0.001", "--flips", "0.001", "--seed", "11"});
    start_agent();
    Observer observer(broker_.port());
    ASSERT_TRUE(eventually([&] { return ssh("get stirrer").status == 0; }));
    for (int n = 1; n <= 25; ++n) {
        const Output set = ssh("set stirrer=" + std::to_string(n) + " pump_A_in=0.5");
        ASSERT_EQ(set.status, 0) << set.err;
        ASSERT_EQ(output("stirrer"), n);
    }
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return seen.size() > 100; }));
    EXPECT_EQ(ssh("hold").status, 0);
    EXPECT_EQ(output("stirrer"), 0);
    EXPECT_EQ(output("pump_A_in"), 0);
    for (const Seen& each : observer.all()) EXPECT_NE(each.topic.type, MessageType::ddeath);
    EXPECT_EQ(agent_log().find("the device is lost"), std::string::npos);
    for (const VesselEvent& event : events()) EXPECT_NE(event.event, "dead_man");
}

TEST_F(Faults, ALineThatSpoilsEveryHundredthByteLosesNoDeviceAndLeavesNothingOn) {
    start_vessel({"--garbage", "0.01", "--seed", "12"});
    start_agent();
    Observer observer(broker_.port());
    ASSERT_TRUE(eventually([&] { return ssh("get stirrer").status == 0; }, 60s));
    for (int n = 1; n <= 10; ++n) {
        const Output set = ssh("set stirrer=" + std::to_string(n));
        ASSERT_EQ(set.status, 0) << set.err;
        ASSERT_EQ(output("stirrer"), n);
    }
    const std::size_t before = observer.all().size();
    EXPECT_TRUE(observer.wait([&](const std::vector<Seen>& seen) { return seen.size() > before + 10; }));
    EXPECT_EQ(agent_log().find("the device is lost"), std::string::npos);
    agent_.signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return output("stirrer") == 0; }));
}

TEST_F(Faults, ABoardThatVanishesDiesAndIsBornAgainWhenItReturns) {
    Observer observer(broker_.port());
    start();
    observer.wait_for(MessageType::ddata);
    vessel_.kill();
    const Seen death = observer.wait_for(MessageType::ddeath);
    EXPECT_TRUE(death.payload.seq);
    // The last data before the death says that there is no value any more.
    const auto all = observer.all();
    const Seen* last = nullptr;
    for (const Seen& each : all) {
        if (each.topic.type == MessageType::ddeath) break;
        if (each.topic.type == MessageType::ddata) last = &each;
    }
    ASSERT_NE(last, nullptr);
    EXPECT_EQ(last->payload.metrics[0].quality, Quality::bad);
    EXPECT_EQ(last->payload.metrics[0].value, Value{});
    EXPECT_NE(ssh("status").out.find("lost:"), std::string::npos);
    EXPECT_EQ(ssh("get vial_A_temp").status, 1);
    EXPECT_EQ(ssh("set stirrer=40").status, 1);
    start_vessel();
    const Seen birth = observer.wait_for(MessageType::dbirth, 1);
    EXPECT_EQ(metric_of(birth, "vial_A_temp")->quality, Quality::good);
    EXPECT_TRUE(eventually([&] { return ssh("set stirrer=40").status == 0; }));
    const auto seqs = observer.all();
    for (std::size_t i = 1; i < seqs.size(); ++i)
        EXPECT_EQ(seqs[i].payload.seq, static_cast<std::uint8_t>(seqs[i - 1].payload.seq.value_or(0) + 1))
            << "over deaths and births";
}

TEST_F(Faults, ANodeWithoutItsBoardIsThereAndSaysSo) {
    Observer observer(broker_.port());
    start_agent();
    observer.wait_for(MessageType::nbirth);
    EXPECT_NE(ssh("status").out.find("lost:"), std::string::npos);
    EXPECT_EQ(ssh("sensors").status, 1);
    start_vessel();
    observer.wait_for(MessageType::dbirth);
}

TEST_F(Faults, ANodeWithoutItsBrokerServesSsh) {
    broker_.kill();
    start();
    EXPECT_EQ(ssh("set stirrer=40").status, 0);
    EXPECT_NE(ssh("status").out.find("not connected"), std::string::npos);
}

TEST_F(Faults, AFrozenBrokerIsNoticedAndLeft) {
    start();
    broker_.freeze();
    EXPECT_TRUE(eventually([&] { return ssh("status").out.find("not connected") != std::string::npos; }, 40s));
    EXPECT_EQ(ssh("set stirrer=40").status, 0) << "control goes on";
    broker_.thaw();
    EXPECT_TRUE(eventually([&] { return ssh("status").out.find("not connected") == std::string::npos; }, 40s));
}

}  // namespace
}  // namespace labhub::test
