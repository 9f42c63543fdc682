#include <algorithm>
#include <cstdlib>

#include "tests/integration/agent/agent_lab.hpp"

namespace labhub::test {
namespace {

using sparkplug::MessageType;
using Births = AgentLab;

std::string source_folder() {
    const char* const value = std::getenv("LABHUB_SOURCE");
    return value ? value : ".";
}

TEST_F(Births, AreReadByMosquittoSubAndProtoc) {
    start_vessel();
    Process node(
        {"mosquitto_sub", "-p", std::to_string(broker_.port()), "-t", "spBv1.0/labhub/NBIRTH/sim-1", "-N", "-C", "1"},
        folder_ / "nbirth", folder_ / "sub.err");
    Process device({"mosquitto_sub", "-p", std::to_string(broker_.port()), "-t", "spBv1.0/labhub/DBIRTH/sim-1/vessel",
                    "-N", "-C", "1"},
                   folder_ / "dbirth", folder_ / "sub.err");
    Observer observer(broker_.port());
    start_agent();
    observer.wait_for(MessageType::dbirth);
    // The two may have subscribed too late for the first births.
    observer.command("spBv1.0/labhub/NCMD/sim-1", sparkplug::node_metric::kRebirth, true);
    ASSERT_EQ(node.wait(), 0);
    ASSERT_EQ(device.wait(), 0);
    const auto decode = [&](const std::string& file) {
        return run_program(
            {"sh", "-c",
             "protoc --decode=labhub.sparkplug_b.Payload --proto_path=\"$0\" shared/proto/sparkplug_b.proto < \"$1\"",
             source_folder(), (folder_ / file).string()},
            folder_);
    };
    const Output nbirth = decode("nbirth");
    ASSERT_EQ(nbirth.status, 0) << nbirth.err;
    for (const char* name : {"\"bdSeq\"", "\"Node Control/Rebirth\"", "\"Node Control/Acknowledge\"",
                             "\"Node Info/SSH Host Key\"", "\"Node Info/Spool Life\""})
        EXPECT_NE(nbirth.out.find(std::string("name: ") + name), std::string::npos) << nbirth.out;
    const Output dbirth = decode("dbirth");
    ASSERT_EQ(dbirth.status, 0) << dbirth.err;
    for (const char* text :
         {"name: \"vial_A_temp\"", "name: \"pump_A_in\"", "\"engUnit\"", "\"engHigh\"", "\"Cel\"", "\"mL/s\""})
        EXPECT_NE(dbirth.out.find(text), std::string::npos) << dbirth.out;
}

TEST_F(Births, ComeFirstAndSeqRisesByOneOverNodeAndDevice) {
    Observer observer(broker_.port());
    start();
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return seen.size() > 20; }));
    const auto all = observer.all();
    EXPECT_EQ(all[0].topic.type, MessageType::nbirth);
    EXPECT_EQ(all[0].payload.seq, 0);
    EXPECT_EQ(sparkplug::bd_seq_of(all[0].payload), 0);
    for (std::size_t i = 1; i < all.size(); ++i) {
        EXPECT_EQ(*all[i].payload.seq, static_cast<std::uint8_t>(*all[i - 1].payload.seq + 1));
        EXPECT_FALSE(all[i].retained);
        EXPECT_TRUE(all[i].payload.timestamp);
    }
    const auto born =
        std::find_if(all.begin(), all.end(), [](const Seen& s) { return s.topic.type == MessageType::dbirth; });
    const auto data =
        std::find_if(all.begin(), all.end(), [](const Seen& s) { return s.topic.type == MessageType::ddata; });
    ASSERT_NE(born, all.end());
    EXPECT_LT(born - all.begin(), data - all.begin());
    EXPECT_EQ(born->payload.metrics.size(), 31u);
}

TEST_F(Births, AreRepeatedWithTheSameBdSeqWhenAskedFor) {
    Observer observer(broker_.port());
    start();
    observer.wait_for(MessageType::ddata);
    observer.command("spBv1.0/labhub/NCMD/sim-1", sparkplug::node_metric::kRebirth, true);
    const Seen again = observer.wait_for(MessageType::nbirth, 1);
    EXPECT_EQ(sparkplug::bd_seq_of(again.payload), 0);
    EXPECT_EQ(again.payload.seq, 0);
    observer.wait_for(MessageType::dbirth, 1);
}

TEST_F(Births, SamplesOfAMetricRiseStrictlyInTimeWithoutHoles) {
    Observer observer(broker_.port());
    start();
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return seen.size() > 40; }));
    std::int64_t last = 0;
    for (const Seen& seen : observer.all()) {
        const auto* const metric = seen.topic.type == MessageType::ddata ? metric_of(seen, "vial_A_temp") : nullptr;
        if (!metric || metric->is_historical) continue;
        if (last != 0) {
            EXPECT_GT(metric->timestamp->count, last);
            EXPECT_LT(metric->timestamp->count, last + 400);
        }
        last = metric->timestamp->count;
    }
}

TEST_F(Births, ACleanStopLeavesADeathAndTheVesselSafe) {
    Observer observer(broker_.port());
    start();
    observer.wait_for(MessageType::ddata);
    ASSERT_EQ(ssh("set stirrer=40").status, 0);
    agent_.signal(SIGTERM);
    EXPECT_EQ(agent_.wait(), 0);
    const Seen death = observer.wait_for(MessageType::ndeath);
    EXPECT_EQ(sparkplug::bd_seq_of(death.payload), 0);
    EXPECT_FALSE(death.payload.seq);
    EXPECT_EQ(death.payload.metrics.size(), 1u);
    EXPECT_EQ(output("stirrer"), 0);
    EXPECT_NE(agent_log().find("stopped"), std::string::npos);
}

}  // namespace
}  // namespace labhub::test
