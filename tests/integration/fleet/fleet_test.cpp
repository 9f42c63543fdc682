// A simulated fleet and the coordinator's side of it: everything that any driver produced is stored once, whatever
// happens to the broker and to the coordinator.
#include <stdlib.h>

#include <csignal>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "coordinator/domain/telemetry/recorder.hpp"
#include "coordinator/ingest/ingest.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "tests/integration/agent/process.hpp"
#include "tests/support/mosquitto/private_broker.hpp"

namespace labhub {
namespace {

using namespace std::chrono_literals;
using test::eventually;
namespace fs = std::filesystem;

/// What the coordinator has of the way from broker to disk.
class Coordinator {
  public:
    Coordinator(std::uint16_t port, const fs::path& folder)
        : store_(coordinator::store::TelemetryStore::open(folder / "telemetry").value()),
          fleet_(main_.get_executor(), clock_),
          recorder_(*store_, fleet_, main_.get_executor(), clock_),
          ingest_(options(port), clock_, recorder_) {
        recorder_.start([this](NodeId node, std::int64_t position) { ingest_.acknowledge(node, position); },
                        [this](NodeId node) { ingest_.request_rebirth(node); });
        if (auto started = ingest_.start(); !started) throw std::runtime_error(started.error().to_string());
    }
    ~Coordinator() {
        ingest_.stop();
        recorder_.stop();
    }
    coordinator::ingest::Counters counters() const { return ingest_.counters(); }
    coordinator::telemetry::RecorderCounts counts() const { return recorder_.counts(); }
    coordinator::store::TelemetryStore& store() { return *store_; }

  private:
    static coordinator::ingest::Options options(std::uint16_t port) {
        coordinator::ingest::Options made;
        made.broker.host = "127.0.0.1";
        made.broker.port = port;
        made.group = "labhub";
        made.rebirth_interval = 1s;
        return made;
    }
    SystemClock clock_;
    asio::io_context main_;
    std::unique_ptr<coordinator::store::TelemetryStore> store_;
    coordinator::fleet::Fleet fleet_;
    coordinator::telemetry::Recorder recorder_;
    coordinator::ingest::Ingest ingest_;
};

struct FleetTest : testing::Test {
    static constexpr int kNodes = 20;
    fs::path folder;
    test::PrivateBroker broker{"max_queued_messages 100000\n"};
    test::Process agent;

    FleetTest() {
        std::string name = (fs::temp_directory_path() / "labhub-fleet-test-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~FleetTest() override { fs::remove_all(folder); }

    void start_fleet(std::vector<std::string> more = {}) {
        const char* const bin = std::getenv("LABHUB_BIN");
        std::vector<std::string> arguments{std::string(bin ? bin : "build/dev/bin") + "/labhub-agent",
                                           "--simulate-fleet",
                                           std::to_string(kNodes),
                                           "--metrics",
                                           "5",
                                           "--rate",
                                           "5",
                                           "--ramp",
                                           "500ms",
                                           "--drain",
                                           "60s",
                                           "--replay",
                                           "500",
                                           "--broker-port",
                                           std::to_string(broker.port()),
                                           "--ledger",
                                           (folder / "ledger").string()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        agent = test::Process(arguments, folder / "progress", folder / "agent.log");
    }
    std::size_t connected() const {
        const std::string progress = test::text_of(folder / "progress");
        const std::size_t at = progress.rfind("\"connected\":");
        return at == std::string::npos ? 0 : std::strtoul(progress.c_str() + at + 12, nullptr, 10);
    }
    /// Stops sampling; the agent ends once all is acknowledged.
    void expect_a_good_end() {
        agent.signal(SIGTERM);
        EXPECT_EQ(agent.wait(90s), 0) << test::text_of(folder / "agent.log");
    }
    /// Every line of the ledger is in the store, and nothing else.
    void expect_all_stored_once(coordinator::store::TelemetryStore& store);
};

void FleetTest::expect_all_stored_once(coordinator::store::TelemetryStore& store) {
    std::map<DeviceAddress, std::map<std::pair<std::string, std::int64_t>, std::string>> ledger;
    const std::string text = read_file(folder / "ledger").value();
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ',');
        // A row can't tell a sample that couldn't be read from none: tests/e2e/ledgers.py looks for those.
        if (fields.size() != 5 || fields[4] == "null") continue;
        const DeviceAddress device{NodeId{std::string(fields[0])}, std::string(fields[1])};
        const std::int64_t time = std::strtoll(std::string(fields[3]).c_str(), nullptr, 10);
        EXPECT_TRUE(ledger[device].emplace(std::pair{std::string(fields[2]), time}, fields[4]).second) << line;
    }
    EXPECT_EQ(ledger.size(), static_cast<std::size_t>(kNodes));
    for (auto& [device, expected] : ledger) {
        std::vector<std::string> metrics;
        for (const auto& [key, value] : expected)
            if (metrics.empty() || metrics.back() != key.first) metrics.push_back(key.first);
        auto& rest = expected;
        const auto take = [&](const coordinator::store::TelemetryRow& row) -> Result<void> {
            for (std::size_t i = 0; i < metrics.size(); ++i) {
                if (std::holds_alternative<std::monostate>(row.values[i])) continue;
                const auto found = rest.find({metrics[i], row.time.count});
                EXPECT_TRUE(found != rest.end()) << metrics[i] << " at " << row.time.count << " was never produced";
                if (found == rest.end()) continue;
                EXPECT_EQ(found->second, to_string(row.values[i]));
                rest.erase(found);
            }
            return {};
        };
        asio::io_context io;
        std::optional<Result<void>> outcome;
        asio::co_spawn(io, store.each_row(device, metrics, UtcMillis{0}, UtcMillis{4'000'000'000'000}, take),
                       [&](std::exception_ptr, Result<void> result) { outcome = std::move(result); });
        io.run();
        ASSERT_TRUE(outcome && *outcome);
        EXPECT_TRUE(rest.empty()) << rest.size() << " readings of " << device.to_string() << " are missing";
    }
}

TEST_F(FleetTest, StoresEverythingOnceThroughARestartOfTheBroker) {
    Coordinator coordinator(broker.port(), folder);
    start_fleet();
    ASSERT_TRUE(eventually([&] { return connected() == kNodes; }));
    const auto stored = coordinator.counts().stored;
    ASSERT_TRUE(eventually([&] { return coordinator.counts().stored > stored + 500; }));
    broker.kill();
    ASSERT_TRUE(eventually([&] { return connected() == 0; }));
    broker.restart();
    ASSERT_TRUE(eventually([&] { return connected() == kNodes; }, 60s));
    expect_a_good_end();
    EXPECT_EQ(coordinator.counters().malformed, 0u);
    expect_all_stored_once(coordinator.store());
}

TEST_F(FleetTest, StoresEverythingOnceThroughAnAbsenceOfTheCoordinator) {
    auto coordinator = std::make_unique<Coordinator>(broker.port(), folder);
    start_fleet();
    ASSERT_TRUE(eventually([&] { return coordinator->counts().stored > 500; }));
    coordinator.reset();
    // What is produced meanwhile is sent to nobody, and is not acknowledged.
    const auto size = fs::file_size(folder / "ledger");
    ASSERT_TRUE(eventually([&] { return fs::file_size(folder / "ledger") > size + 50'000; }));
    coordinator = std::make_unique<Coordinator>(broker.port(), folder);
    expect_a_good_end();
    EXPECT_GE(coordinator->counters().rebirths_requested, 1u);
    expect_all_stored_once(coordinator->store());
}

TEST_F(FleetTest, SaysWhatTheHostHasNotAcknowledged) {
    start_fleet({"--duration", "1s", "--drain", "1s"});
    EXPECT_EQ(agent.wait(60s), 1);
    EXPECT_NE(test::text_of(folder / "agent.log").find("has not acknowledged"), std::string::npos);
}

TEST_F(FleetTest, RefusesAFleetWithAConfigurationFile) {
    start_fleet({"--config", "/dev/null"});
    EXPECT_EQ(agent.wait(20s), 2);
}

}  // namespace
}  // namespace labhub
