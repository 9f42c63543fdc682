#include "coordinator/domain/telemetry/recorder.hpp"

#include <stdlib.h>

#include <condition_variable>
#include <filesystem>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

namespace labhub::coordinator::telemetry {
namespace {

using namespace std::chrono_literals;
using Positions = std::map<NodeId, std::int64_t>;

struct TemporaryFolder {
    std::filesystem::path path;
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "labhub-recorder-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

ingest::DeviceSchemaPtr schema(const std::string& node) {
    auto made = std::make_shared<ingest::DeviceSchema>();
    made->device = {NodeId{node}, "v"};
    made->metrics.resize(2);
    made->metrics[0].name = "temp";
    made->metrics[1].name = "led";
    return made;
}

struct RecorderTest : testing::Test {
    TemporaryFolder folder;
    asio::io_context main;
    ManualClock clock{UtcMillis{1'700'000'000'000}};
    std::unique_ptr<store::TelemetryStore> store = store::TelemetryStore::open(folder.path / "telemetry").value();
    fleet::Fleet fleet{main.get_executor(), clock};
    Recorder recorder{*store, fleet, main.get_executor(), clock};
    std::mutex mutex;
    std::condition_variable changed;
    Positions acknowledged;
    std::set<NodeId> asked;

    void start() {
        recorder.start(
            [this](NodeId node, std::int64_t position) {
                const std::lock_guard lock(mutex);
                acknowledged[node] = position;
                changed.notify_all();
            },
            [this](NodeId node) {
                const std::lock_guard lock(mutex);
                asked.insert(node);
                changed.notify_all();
            });
    }
    template <class Condition>
    bool wait_until(Condition condition) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, 15s, condition);
    }
    ingest::Samples samples(const ingest::DeviceSchemaPtr& of, double value, std::chrono::milliseconds after,
                            std::optional<std::int64_t> position = {}) {
        return {of, {{0, Quality::good, clock.utc_now() + after, value}}, false, false, position};
    }
};

TEST_F(RecorderTest, AcknowledgesTheLastPositionOfEachNodeOnceItIsStored) {
    start();
    const auto a = schema("a"), b = schema("b");
    EXPECT_TRUE(recorder.samples(samples(a, 1, 1ms, 7)));
    EXPECT_TRUE(recorder.samples(samples(b, 1, 1ms, 3)));
    EXPECT_TRUE(recorder.samples(samples(a, 2, 2ms, 8)));
    const Positions expected{{NodeId{"a"}, 8}, {NodeId{"b"}, 3}};
    EXPECT_TRUE(wait_until([&] { return acknowledged == expected; }));
    EXPECT_EQ(recorder.counts().stored, 3u);
}

TEST_F(RecorderTest, StoresEachSampleOnceAndCountsTheRest) {
    start();
    const auto a = schema("a");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(recorder.samples(samples(a, 1, 1ms, i)));
    recorder.stop();
    EXPECT_EQ(recorder.counts().stored, 1u);
    EXPECT_EQ(recorder.counts().duplicates, 2u);
    EXPECT_EQ(acknowledged, (Positions{{NodeId{"a"}, 2}}));
}

TEST_F(RecorderTest, TellsListenersOfEverythingAndStoresNothingTransient) {
    std::size_t heard = 0;
    recorder.listen([&](const std::shared_ptr<const SampleGroup>& group) { heard += group->size(); });
    start();
    const auto a = schema("a");
    auto passing = samples(a, 1, 1ms), old = samples(a, 2, 2ms);
    passing.transient = true;
    old.historical = true;
    EXPECT_TRUE(recorder.samples(std::move(passing)));
    EXPECT_TRUE(recorder.samples(std::move(old)));
    recorder.stop();
    EXPECT_EQ(heard, 2u);
    EXPECT_EQ(recorder.counts().stored, 1u);
}

TEST_F(RecorderTest, StoresTheValuesOfABirth) {
    start();
    const auto a = schema("a");
    recorder.device_born({a, clock.utc_now(), samples(a, 5, 0ms).samples});
    recorder.stop();
    EXPECT_EQ(recorder.counts().stored, 1u);
}

TEST_F(RecorderTest, CountsHowLongStoringTook) {
    start();
    const auto a = schema("a");
    EXPECT_TRUE(recorder.samples(samples(a, 1, -120ms)));
    EXPECT_TRUE(recorder.samples(samples(a, 2, -20s)));
    recorder.stop();
    const auto counts = recorder.counts().stored_within.samples;
    const auto place = std::find(StoredWithin::kMilliseconds.begin(), StoredWithin::kMilliseconds.end(), 150);
    EXPECT_EQ(counts[static_cast<std::size_t>(place - StoredWithin::kMilliseconds.begin())], 1u);
    EXPECT_EQ(counts.back(), 1u);
}

ingest::NodeBorn birth(const std::string& node, const std::string& life, std::int64_t acknowledged) {
    return {NodeId{node}, UtcMillis{}, 0, {{"Node Info/Spool Life", life}, {"Node Control/Acknowledge", acknowledged}}};
}

TEST_F(RecorderTest, ANodeIsAcknowledgedAtItsBirthWhatAnEarlierRunHasStored) {
    start();
    const auto a = schema("a");
    recorder.node_born(birth("a", "boot-1/0", 0));
    EXPECT_TRUE(recorder.samples(samples(a, 1, 1ms, 7)));
    recorder.stop();
    store.reset();
    store = store::TelemetryStore::open(folder.path / "telemetry").value();

    Positions told;
    Recorder next{*store, fleet, main.get_executor(), clock};
    next.start([&told](NodeId node, std::int64_t position) { told[node] = position; });
    const auto born = [&](ingest::NodeBorn with) {
        told.clear();
        next.node_born(std::move(with));
        return told;
    };
    const Positions up_to_7{{NodeId{"a"}, 7}};
    EXPECT_EQ(born(birth("a", "boot-1/0", 3)), up_to_7) << "at once, before any sample";
    EXPECT_EQ(born(birth("a", "boot-1/0", 3)), up_to_7) << "the first word may have been lost";
    EXPECT_EQ(born(birth("a", "boot-1/0", 7)), Positions{}) << "it knows";
    EXPECT_EQ(born(birth("a", "boot-1/1", 0)), Positions{}) << "its spool was begun anew";
    EXPECT_EQ(born(birth("b", "boot-1/0", 0)), Positions{}) << "another node";
    EXPECT_EQ(born(birth("a", "", 0)), Positions{}) << "it says nothing of lives";
    next.stop();
}

TEST_F(RecorderTest, ANodeWhoseMetricsFoundNoRoomIsAcknowledgedAgainAfterABirthWithoutThem) {
    store::TelemetryOptions options;
    options.series_bound = 1;
    const auto small = store::TelemetryStore::open(folder.path / "small", options).value();
    Recorder bounded{*small, fleet, main.get_executor(), clock};
    Positions told;
    std::mutex told_mutex;
    bounded.start([&](NodeId node, std::int64_t position) {
        const std::lock_guard lock(told_mutex);
        told[node] = position;
    });
    const auto a = schema("a");
    const auto send = [&](std::uint32_t metric, std::int64_t position) {
        const auto time = UtcMillis{position};
        EXPECT_TRUE(bounded.samples({a, {{metric, Quality::good, time, 1.0}}, false, false, position}));
    };
    bounded.node_born(birth("a", "boot-1/0", 0));
    send(0, 1);
    send(1, 2);  // no series to be had for it
    send(0, 3);  // would cover it
    bounded.node_born(birth("a", "boot-1/0", 0));
    send(0, 2);
    bounded.stop();
    EXPECT_EQ(told, (Positions{{NodeId{"a"}, 2}}));
    EXPECT_EQ(small->spool_position(NodeId{"a"}, "boot-1/0"), 2);
}

struct FleetNewsTest : testing::Test {
    TemporaryFolder folder;
    asio::io_context main;
    ManualClock clock;
    fleet::Fleet fleet{main.get_executor(), clock};
    FleetNews news{fleet, main.get_executor()};
    ingest::DeviceSchemaPtr a = schema("a");

    /// The main thread's turn: how many handlers ran.
    std::size_t turn() {
        main.restart();
        return main.poll();
    }
    void enrol() {
        link::Enrolment enrolment;
        enrolment.node = NodeId{"a"};
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;  // nobody listens there
        fleet.enrol(std::move(enrolment), "nobody", folder.path / "key");
    }
    void be_born() {
        news.node_born(NodeId{"a"}, 0, [](fleet::Fleet& told) { told.node_born(NodeId{"a"}, UtcMillis{}, {}); });
        news.tell([this](fleet::Fleet& told) { told.device_born(a->device, UtcMillis{}, a->metrics, {}); });
        turn();
    }
    void send(int count) {
        for (int i = 0; i < count; ++i)
            news.live({a, {{0, Quality::good, UtcMillis{++time}, static_cast<double>(i)}}, false, false, {}});
    }
    std::int64_t time = 0;
};

TEST_F(FleetNewsTest, TellsEverySampleWhereTheMainThreadKeepsUp) {
    enrol();
    be_born();
    send(50);
    turn();
    EXPECT_EQ(fleet.device(a->device).value()->recent.size(), 50u);
    EXPECT_EQ(fleet.device(a->device).value()->latest.at("temp").value, Value{49.0});
}

TEST_F(FleetNewsTest, TellsTheLatestOfAFlood) {
    enrol();
    be_born();
    send(100'000);
    turn();
    EXPECT_LE(fleet.device(a->device).value()->recent.size(), fleet::Fleet::kRecentSamples);
    EXPECT_EQ(fleet.device(a->device).value()->latest.at("temp").value, Value{99'999.0});
}

TEST_F(FleetNewsTest, WakesNobodyForSamplesOfAStranger) {
    be_born();
    send(10);
    EXPECT_EQ(turn(), 0u);
}

TEST_F(FleetNewsTest, KeepsTheOrderOfSamplesAndEvents) {
    enrol();
    be_born();
    send(1);
    news.tell([](fleet::Fleet& told) { told.node_stale(NodeId{"a"}, "silent"); });
    turn();
    EXPECT_EQ(fleet.device(a->device).value()->latest.at("temp").quality, Quality::stale);
    news.tell([](fleet::Fleet& told) { told.node_stale(NodeId{"a"}, "silent"); });
    send(1);
    turn();
    EXPECT_EQ(fleet.device(a->device).value()->latest.at("temp").quality, Quality::good);
}

TEST_F(FleetNewsTest, CarriesNoDevicesOfAStrangerAndWantsThemOnceItIsEnrolled) {
    int told = 0;
    const auto count = [&told](fleet::Fleet&) { ++told; };
    be_born();
    EXPECT_TRUE(news.tell_of(NodeId{"a"}, 1, count));
    turn();
    EXPECT_EQ(told, 0);
    enrol();
    be_born();
    EXPECT_FALSE(news.tell_of(NodeId{"a"}, 1, count)) << "its devices' births were not carried";
    EXPECT_TRUE(news.tell_of(NodeId{"a"}, 1, count));
    turn();
    EXPECT_EQ(told, 2);
}

TEST_F(FleetNewsTest, CarriesTheFirstBirthOfAStrangerThatItWasToldIsEnrolled) {
    int told = 0;
    const auto count = [&told](fleet::Fleet&) { ++told; };
    be_born();
    enrol();
    news.know(NodeId{"a"});
    EXPECT_TRUE(news.node_born(NodeId{"a"}, 0, count));
    EXPECT_TRUE(news.tell_of(NodeId{"a"}, 1, count)) << "before the main thread has looked";
    turn();
    EXPECT_EQ(told, 2);
}

TEST_F(FleetNewsTest, RefusesBirthsWhileTooMuchWaitsButNoDeaths) {
    int told = 0, taken = 0;
    const auto count = [&told](fleet::Fleet&) { ++told; };
    while (taken < 1'000 && news.tell_of(NodeId{"a"}, 20'000, count)) ++taken;
    EXPECT_EQ(taken, 25) << "half a million metrics";
    EXPECT_FALSE(news.node_born(NodeId{"a"}, 1, count));
    news.tell(count);
    turn();
    EXPECT_EQ(told, taken + 1);
    EXPECT_TRUE(news.tell_of(NodeId{"a"}, 1, count));
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
