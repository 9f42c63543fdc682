#include "agent/fleet/fleet.hpp"

#include <stdlib.h>

#include <set>

#include <gtest/gtest.h>

#include "agent/fleet/descriptors.hpp"
#include "agent/fleet/signal.hpp"

namespace labhub::agent::fleet {
namespace {

TEST(FleetSignal, IsTheSameForTheSameSeedAndDiffersBetweenNodesAndMetrics) {
    EXPECT_EQ(simulated_value(1, 2, 3, 4), simulated_value(1, 2, 3, 4));
    std::set<double> values;
    for (std::uint32_t node = 1; node <= 20; ++node) values.insert(simulated_value(1, node, 0, 0));
    EXPECT_GT(values.size(), 10u);
    EXPECT_NE(simulated_value(1, 1, 3, 0), simulated_value(2, 1, 3, 0));
}

TEST(FleetSignal, MovesInStepsOfItsSensor) {
    for (std::uint64_t sample = 0; sample < 1'000; ++sample) {
        const double celsius = simulated_value(1, 1, 0, sample);
        EXPECT_GT(celsius, 36);
        EXPECT_LT(celsius, 38);
        EXPECT_LE(to_string(Value{celsius}).size(), 5u) << celsius;
    }
}

TEST(FleetSignal, NamesEveryMetricDifferently) {
    const auto metrics = simulated_metrics(100);
    std::set<std::string> names;
    for (const auto& metric : metrics) {
        EXPECT_TRUE(check_name("metric", metric.name)) << metric.name;
        names.insert(metric.name);
    }
    EXPECT_EQ(names.size(), 100u);
    EXPECT_EQ(metrics[0].name, "temperature_01");
    EXPECT_EQ(metrics[8].name, "temperature_02");
}

TEST(FleetLedger, WritesEveryReadingBeforeItReturns) {
    std::string folder = "/tmp/labhub-ledger-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    auto ledger = Ledger::open(folder + "/ledger", Ledger::Begin::empty);
    ASSERT_TRUE(ledger);
    ASSERT_TRUE(
        ledger->record("fleet-00001", "vessel",
                       {{"ph_01", 7.01, UtcMillis{1'000}, Quality::good}, {"pump_01", 12.0, UtcMillis{1'000}}}));
    ASSERT_TRUE(ledger->record("fleet-00001", "vessel", {{"ph_01", Value{}, UtcMillis{2'000}, Quality::bad}}));
    EXPECT_EQ(read_file(folder + "/ledger").value(),
              "fleet-00001,vessel,ph_01,1000,7.01\nfleet-00001,vessel,pump_01,1000,12\n"
              "fleet-00001,vessel,ph_01,2000,null\n");
    std::filesystem::remove_all(folder);
}

TEST(FleetLedger, SaysWhichFileCantBeMade) {
    const auto ledger = Ledger::open("/nowhere/ledger", Ledger::Begin::empty);
    ASSERT_FALSE(ledger);
    EXPECT_NE(ledger.error().to_string().find("/nowhere/ledger"), std::string::npos);
}

TEST(FleetDescriptors, AreRaisedForWhatFits) { EXPECT_TRUE(make_room_for(10)); }

TEST(FleetNode, HasANumberOfFiveDigits) { EXPECT_EQ(node_name(7), "fleet-00007"); }

}  // namespace
}  // namespace labhub::agent::fleet
