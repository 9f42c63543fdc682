#include <map>

#include "tests/integration/agent/agent_lab.hpp"

namespace labhub::test {
namespace {

using sparkplug::MessageType;
using namespace std::chrono_literals;
using Outage = AgentLab;

constexpr const char* kNodeCommands = "spBv1.0/labhub/NCMD/sim-1";

/// Sample times of one metric that came as data, and whether only as history.
std::map<std::int64_t, bool> samples(const std::vector<Seen>& seen, const std::string& name) {
    std::map<std::int64_t, bool> times;
    for (const Seen& each : seen) {
        if (each.topic.type != MessageType::ddata) continue;
        // A replayed message holds several samples of a metric.
        for (const auto& metric : each.payload.metrics)
            if (metric.name == name) times.emplace(metric.timestamp->count, metric.is_historical);
    }
    return times;
}

/// The last position a message carried; of live ones alone, which carry theirs only when all before them was sent.
std::int64_t last_position(const std::vector<Seen>& seen, bool live_only = false) {
    std::int64_t last = 0;
    for (const Seen& each : seen) {
        if (each.topic.type != MessageType::ddata || each.payload.metrics.empty()) continue;
        if (live_only && each.payload.metrics[0].is_historical) continue;
        const auto& properties = each.payload.metrics[0].properties;
        const auto found = properties.find(sparkplug::property::kSpoolPosition);
        if (found != properties.end()) last = std::max(last, std::get<std::int64_t>(found->second));
    }
    return last;
}

std::size_t rows_waiting(const Output& status) {
    const auto at = status.out.find("spool   ");
    return at == std::string::npos ? 0 : std::stoul(status.out.substr(at + 8));
}

TEST_F(Outage, OfTheBrokerIsFollowedByANewBirthWithTheNextBdSeqAndByWhatWasMissed) {
    start();
    {
        Observer before(broker_.port());
        before.wait_for(MessageType::ddata);
    }
    broker_.kill();
    ASSERT_TRUE(eventually([&] { return ssh("status").out.find("not connected") != std::string::npos; }));
    const std::size_t rows = rows_waiting(ssh("status"));
    ASSERT_TRUE(eventually([&] { return rows_waiting(ssh("status")) > rows + 20; })) << "sampling goes on";
    broker_.restart();
    Observer after(broker_.port());
    ASSERT_TRUE(eventually([&] { return ssh("status").out.find("not connected") == std::string::npos; }));
    // The agent may have been back before the observer.
    after.command(kNodeCommands, sparkplug::node_metric::kRebirth, true);
    const Seen birth = after.wait_for(MessageType::nbirth);
    EXPECT_GE(sparkplug::bd_seq_of(birth.payload).value_or(0), 1);
    ASSERT_TRUE(after.wait([&](const std::vector<Seen>& seen) {
        std::size_t historical = 0;
        for (const auto& [time, is_historical] : samples(seen, "vial_A_temp")) historical += is_historical ? 1 : 0;
        return historical > rows + 20 && last_position(seen, true) > 0;
    }));
    // From the first stored sample on, none is missing.
    const auto times = samples(after.all(), "vial_A_temp");
    std::int64_t last = 0;
    for (const auto& [time, is_historical] : times) {
        EXPECT_TRUE(last == 0 || time - last < 400) << "a hole in the readings";
        last = time;
    }
}

TEST_F(Outage, OfTheHostEndsWithWhatItHasNotAcknowledged) {
    start();
    Observer observer(broker_.port());
    observer.publish("spBv1.0/STATE/labhub", R"({"online":true,"timestamp":1000})", true);
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return last_position(seen) > 0; }));
    observer.publish("spBv1.0/STATE/labhub", R"({"online":false,"timestamp":1000})", true);
    const std::size_t rows = rows_waiting(ssh("status"));
    ASSERT_TRUE(eventually([&] { return rows_waiting(ssh("status")) > rows + 10; }));
    const auto count_history = [](const std::vector<Seen>& seen) {
        std::size_t historical = 0;
        for (const Seen& each : seen) {
            if (each.topic.type != MessageType::ddata) continue;
            for (const auto& metric : each.payload.metrics)
                historical += metric.name == "vial_A_temp" && metric.is_historical ? 1 : 0;
        }
        return historical;
    };
    const std::size_t before = count_history(observer.all());
    observer.publish("spBv1.0/STATE/labhub", R"({"online":true,"timestamp":2000})", true);
    EXPECT_TRUE(observer.wait([&](const std::vector<Seen>& seen) { return count_history(seen) >= before + 10; }));
}

TEST_F(Outage, AcknowledgedReadingsAreForgotten) {
    start();
    Observer observer(broker_.port());
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return last_position(seen) > 0; }));
    ASSERT_TRUE(eventually([&] { return rows_waiting(ssh("status")) > 20; }));
    observer.command(kNodeCommands, sparkplug::node_metric::kAcknowledge, last_position(observer.all()));
    EXPECT_TRUE(eventually([&] { return rows_waiting(ssh("status")) < 15; }));
}

TEST_F(Outage, OfTheAgentLeavesTheVesselSafeWithinTheDeadManAndLosesNothingStored) {
    Observer observer(broker_.port());
    start();
    observer.wait_for(MessageType::ddata);
    ASSERT_EQ(ssh("set stirrer=40").status, 0);
    const double set_at = events().back().monotonic_ms;
    const auto killed_at = std::chrono::steady_clock::now();
    agent_.kill();
    const Seen death = observer.wait_for(MessageType::ndeath);
    EXPECT_EQ(sparkplug::bd_seq_of(death.payload), 0) << "the Will";
    ASSERT_TRUE(eventually([&] { return output("stirrer") == 0; }));
    EXPECT_LT(std::chrono::steady_clock::now() - killed_at, kDeadMan + 1s);
    EXPECT_GT(events().back().monotonic_ms, set_at);
    start_agent();
    const Seen birth = observer.wait_for(MessageType::nbirth, 1);
    EXPECT_EQ(sparkplug::bd_seq_of(birth.payload), 1);
    // Unacknowledged rows of the former life come again as history.
    EXPECT_TRUE(observer.wait([&](const std::vector<Seen>& seen) {
        bool is_after = false;
        for (const Seen& each : seen) {
            is_after = is_after || (each.topic.type == MessageType::nbirth && sparkplug::bd_seq_of(each.payload) == 1);
            const auto* const metric = each.topic.type == MessageType::ddata ? metric_of(each, "vial_A_temp") : nullptr;
            if (is_after && metric && metric->is_historical && *metric->timestamp < *death.payload.timestamp + 60s)
                return true;
        }
        return false;
    }));
}

}  // namespace
}  // namespace labhub::test
