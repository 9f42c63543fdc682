#include "coordinator/domain/telemetry/intake.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace labhub::coordinator::telemetry {
namespace {

using namespace std::chrono_literals;

ingest::DeviceSchemaPtr schema(const std::string& node) {
    auto made = std::make_shared<ingest::DeviceSchema>();
    made->device = {NodeId{node}, "v"};
    made->metrics.resize(1);
    made->metrics[0].name = "temp";
    return made;
}

ingest::Samples samples(const ingest::DeviceSchemaPtr& of, std::size_t count) {
    ingest::Samples made{of, {}, false, false, std::nullopt};
    for (std::size_t i = 0; i < count; ++i)
        made.samples.push_back({0, Quality::good, UtcMillis{static_cast<std::int64_t>(i)}, 1.0});
    return made;
}

TEST(Intake, GivesWhatCameInOneBurstAsOneGroupInOrder) {
    Intake intake(1'000);
    const auto a = schema("a"), b = schema("b");
    intake.put(a);
    EXPECT_TRUE(intake.put(samples(a, 2)));
    EXPECT_TRUE(intake.put(samples(b, 3)));
    EXPECT_EQ(intake.waiting(), 5u);
    const auto taken = intake.take(std::nullopt);
    ASSERT_TRUE(taken);
    ASSERT_EQ(taken->samples.size(), 2u);
    EXPECT_EQ(taken->samples[1]->schema, b);
    EXPECT_EQ(taken->schemas.size(), 1u);
    EXPECT_EQ(intake.waiting(), 5u) << "they are not stored yet";
    intake.done();
    EXPECT_EQ(intake.waiting(), 0u);
}

TEST(Intake, KeepsTheNewestSchemaOfEachDeviceAndOnlySoMany) {
    Intake intake(1'000);
    const auto older = schema("a"), newer = schema("a");
    intake.put(older);
    intake.put(newer);
    const auto taken = intake.take(std::nullopt);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->schemas, std::vector<ingest::DeviceSchemaPtr>{newer});
    EXPECT_TRUE(intake.take_refused().empty());
    auto huge = std::make_shared<ingest::DeviceSchema>();
    huge->device = {NodeId{"b"}, "v"};
    huge->metrics.resize(Intake::kMostSchemaMetrics);
    intake.put(huge);
    intake.put(newer);
    EXPECT_EQ(intake.take_refused(), std::set<NodeId>{NodeId{"a"}}) << "its node is asked for it again";
    EXPECT_EQ(intake.take(std::nullopt)->schemas.size(), 1u);
}

TEST(Intake, TakesABatchLargerThanItsBoundWhenItIsEmpty) {
    Intake intake(10);
    EXPECT_TRUE(intake.put(samples(schema("a"), 50)));
}

TEST(Intake, BoundsTheBytesThatWait) {
    Intake intake(1'000, 5'000);
    intake.set_failing(true);
    auto text = samples(schema("a"), 1);
    text.samples[0].value = std::string(3'000, 'x');
    EXPECT_TRUE(intake.put(text));
    EXPECT_FALSE(intake.put(text));
    EXPECT_EQ(intake.look().size(), 2u) << "the one that was refused is told";
    text.samples[0].value = std::string(1'000'000, 'x');
    EXPECT_FALSE(intake.put(text));
    EXPECT_TRUE(intake.look().empty()) << "it is too large even for that";
    EXPECT_TRUE(intake.take(std::nullopt));
    EXPECT_EQ(intake.waiting_bytes(), 0u);
    EXPECT_TRUE(intake.put(text)) << "one is taken whatever its size";
}

TEST(Intake, BoundsMessagesThatCarryNothingButAPosition) {
    Intake intake(1'000, 100'000);
    intake.set_failing(true);
    int taken = 0;
    while (taken < 10'000 && intake.put({schema("a"), {}, false, false, taken})) ++taken;
    EXPECT_LT(taken, 10'000);
    EXPECT_LE(intake.waiting_bytes(), 100'000u);
}

TEST(Intake, LetsTheWriterWaitForRoom) {
    Intake intake(10);
    const auto a = schema("a");
    EXPECT_TRUE(intake.put(samples(a, 10)));
    std::thread reader([&] { EXPECT_TRUE(intake.take(std::nullopt)); });
    EXPECT_TRUE(intake.put(samples(a, 10)));
    reader.join();
    EXPECT_EQ(intake.refused(), 0u);
}

TEST(Intake, RefusesAtOnceWhileTheStoreFailsAndNamesTheNodesOnceThereIsRoom) {
    Intake intake(10);
    const auto a = schema("a"), b = schema("b");
    intake.set_failing(true);
    EXPECT_TRUE(intake.put(samples(a, 10)));
    const auto begun = Steady::now();
    EXPECT_FALSE(intake.put(samples(a, 1)));
    EXPECT_FALSE(intake.put(samples(b, 2)));
    EXPECT_LT(Steady::now() - begun, 1s);
    EXPECT_EQ(intake.refused(), 3u);
    EXPECT_TRUE(intake.take_refused().empty()) << "the store still fails";
    intake.set_failing(false);
    EXPECT_TRUE(intake.take_refused().empty()) << "there is no room yet";
    EXPECT_TRUE(intake.take(std::nullopt));
    EXPECT_EQ(intake.take_refused(), (std::set<NodeId>{NodeId{"a"}, NodeId{"b"}}));
    EXPECT_TRUE(intake.take_refused().empty());
}

TEST(Intake, ShowsWhatWaitsAndWhatWasRefusedOnceWhileTheStoreFails) {
    Intake intake(10);
    const auto a = schema("a");
    intake.set_failing(true);
    EXPECT_TRUE(intake.put(samples(a, 10)));
    EXPECT_EQ(intake.look().size(), 1u);
    EXPECT_FALSE(intake.put(samples(a, 1)));
    EXPECT_EQ(intake.look().size(), 1u) << "the one that was refused";
    EXPECT_TRUE(intake.look().empty());
    EXPECT_EQ(intake.take(std::nullopt)->seen, 1u);
}

TEST(Intake, WaitsOnlyOnceForAStoreThatIsStuck) {
    Intake intake(10);
    const auto a = schema("a");
    EXPECT_TRUE(intake.put(samples(a, 10)));
    EXPECT_FALSE(intake.put(samples(a, 1)));
    const auto begun = Steady::now();
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(intake.put(samples(a, 1)));
    EXPECT_LT(Steady::now() - begun, 1s);
}

TEST(Intake, ReturnsEmptyAtTheGivenTimeAndNothingAfterItsEnd) {
    Intake intake(10);
    const auto taken = intake.take(Steady::now() + 1ms);
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->samples.empty());
    EXPECT_TRUE(intake.put(samples(schema("a"), 1)));
    intake.close();
    EXPECT_TRUE(intake.sleep(1h));
    EXPECT_TRUE(intake.take(std::nullopt)) << "what waits is still given";
    EXPECT_FALSE(intake.take(std::nullopt));
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
