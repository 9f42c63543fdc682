#include "coordinator/domain/telemetry/comparison.hpp"

#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using std::chrono::milliseconds;
using store::kStart;
using store::kVessel;

class ComparisonTest : public store::StoreFixture {
  protected:
    static ComparedRun run_of(std::int64_t from, std::int64_t to) {
        return {kVessel, UtcMillis{kStart + from}, UtcMillis{kStart + to}};
    }
    Result<Comparison> compare_two(ComparedRun a, ComparedRun b, std::vector<std::string> metrics = {},
                                   std::size_t steps = 200) {
        return run(compare(*store_, {a, b}, std::move(metrics), steps));
    }
};

TEST_F(ComparisonTest, AlignsTwoRunsByTheTimeSinceTheyBegan) {
    open();
    // The first rises by one each second, the second a day later does so from ten on.
    for (int i = 0; i <= 60; ++i) {
        put("temp", {{kStart + i * 1'000, double(i)}, {kStart + store::kDay + i * 1'000, double(i + 10)}});
        put("led", {{kStart + i * 1'000, i > 30}, {kStart + store::kDay + i * 1'000, i > 20}});
    }
    const auto found = compare_two(run_of(0, 60'000), run_of(store::kDay, store::kDay + 60'000));
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->step, milliseconds{1'000}) << "not finer than the readings";
    EXPECT_EQ(found->steps, 61u);
    ASSERT_EQ(found->metrics.size(), 2u);
    const ComparedMetric& led = found->metrics[0];
    const ComparedMetric& temp = found->metrics[1];
    EXPECT_EQ(temp.name, "temp");
    EXPECT_EQ(temp.runs[0].count, 61u);
    EXPECT_EQ(temp.runs[0].mean, 30.0);
    EXPECT_EQ(temp.runs[1].minimum, 10.0);
    EXPECT_EQ(temp.runs[1].maximum, 70.0);
    EXPECT_EQ(temp.runs[1].last, Value{70.0});
    EXPECT_EQ(temp.differences[0].mean, 10.0);
    EXPECT_EQ(temp.differences[0].largest, 10.0);
    EXPECT_EQ(temp.runs[0].values[42], 42.0);
    EXPECT_EQ(temp.runs[1].values[42], 52.0);
    EXPECT_EQ(led.runs[0].maximum, 1.0) << "a switch is 0 and 1";
    EXPECT_EQ(led.differences[0].largest, 1.0);
    EXPECT_EQ(led.differences[0].largest_at, milliseconds{21'000});
}

TEST_F(ComparisonTest, LeavesStepsEmptyWhereARunHasNoReadings) {
    open();
    for (int i = 0; i <= 100; ++i) put("temp", {{kStart + i * 1'000, 1.0}});
    for (int i = 0; i <= 50; ++i) put("temp", {{kStart + store::kDay + i * 1'000, 2.0}});
    const auto found = compare_two(run_of(0, 100'000), run_of(store::kDay, store::kDay + 50'000));
    ASSERT_TRUE(found) << found.error().to_string();
    const auto& runs = found->metrics.front().runs;
    ASSERT_EQ(runs[1].values.size(), found->steps);
    EXPECT_TRUE(runs[1].values[50]);
    EXPECT_FALSE(runs[1].values[51]);
    EXPECT_TRUE(runs[0].values[100]);
}

TEST_F(ComparisonTest, GivesExactFiguresFromFewSteps) {
    open();
    for (int i = 0; i < 1'000; ++i) put("temp", {{kStart + i * 100, i % 2 ? 1.0 : 3.0}});
    put("temp", {{kStart + 55'550, 99.0}});
    const auto found = compare_two(run_of(0, 99'900), run_of(0, 99'900), {"temp"}, 5);
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_LE(found->steps, 5u);
    EXPECT_EQ(found->metrics.front().runs[0].maximum, 99.0);
    EXPECT_EQ(found->metrics.front().runs[0].count, 1'001u);
    EXPECT_EQ(found->metrics.front().differences[0].mean, 0.0);
}

TEST_F(ComparisonTest, TakesTextsForWhatTheyAre) {
    open();
    put("colour", {{kStart, std::string("red")}, {kStart + 1'000, std::string("blue")}});
    const auto found = compare_two(run_of(0, 1'000), run_of(0, 1'000));
    ASSERT_TRUE(found) << found.error().to_string();
    const auto& run = found->metrics.front().runs[0];
    EXPECT_EQ(run.count, 2u);
    EXPECT_FALSE(run.mean);
    EXPECT_FALSE(found->metrics.front().differences[0].last);
}

TEST_F(ComparisonTest, SaysWhatIsNotThere) {
    open();
    put("temp", {{kStart, 1.0}});
    EXPECT_EQ(compare_two(run_of(0, 10), run_of(0, 10), {"pressure"}).error().code, ErrorCode::not_found);
    const auto empty = compare_two(run_of(1'000, 2'000), run_of(1'000, 2'000));
    ASSERT_TRUE(empty) << empty.error().to_string();
    EXPECT_TRUE(empty->metrics.empty()) << "none of its readings fall into either run";
    for (std::size_t i = 0; i <= kMostComparedMetrics; ++i) put("m" + std::to_string(i), {{kStart, 1.0}});
    EXPECT_EQ(compare_two(run_of(0, 10), run_of(0, 10)).error().code, ErrorCode::too_many);
}

TEST(RoundStep, IsARoundTimeThatIsNoShorter) {
    EXPECT_EQ(round_step(milliseconds{1}), milliseconds{1});
    EXPECT_EQ(round_step(milliseconds{3}), milliseconds{5});
    EXPECT_EQ(round_step(milliseconds{1'001}), milliseconds{2'000});
    EXPECT_EQ(round_step(milliseconds{61'000}), milliseconds{120'000});
    EXPECT_EQ(round_step(std::chrono::hours{25}), std::chrono::hours{48});
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
