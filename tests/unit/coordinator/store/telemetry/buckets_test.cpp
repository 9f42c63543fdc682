#include <set>

#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

constexpr int kSamples = 40'000;

/// 1 Hz in four quarters: good; some uncertain; some stale; some bad.
class Buckets : public StoreFixture {
  protected:
    void SetUp() override {
        TelemetryOptions options;
        options.seal_samples = kSamples;
        open(options);
        std::vector<NewSample> samples;
        for (int i = 0; i < kSamples; ++i) {
            constexpr Quality kQuarters[] = {Quality::good, Quality::uncertain, Quality::stale, Quality::bad};
            const Quality quality = i % 100 == 3 ? kQuarters[i * 4 / kSamples] : Quality::good;
            samples.push_back({series("x"), quality, UtcMillis{kStart + i * 1'000}, static_cast<double>(i % 1'000)});
        }
        ASSERT_TRUE(store_->append(std::span<const NewSample>(samples)));
    }
    /// The qualities of the values made of each quarter, but for those at its ends.
    std::vector<std::set<Quality>> qualities(const SeriesQuery& question) {
        const auto answer = store_->query_here(question);
        EXPECT_TRUE(answer);
        std::vector<std::set<Quality>> quarters(4);
        constexpr std::int64_t kQuarter = kSamples / 4 * 1'000, kEdge = 2'001'000;
        for (const auto& point : answer->front().points) {
            const std::int64_t since = point.time.count - kStart;
            if (since % kQuarter < kEdge || since % kQuarter > kQuarter - kEdge) continue;
            quarters[static_cast<std::size_t>(since / kQuarter)].insert(point.quality);
        }
        return quarters;
    }
    SeriesQuery all_of_it() {
        SeriesQuery question;
        question.series = {series("x")};
        question.from = {kStart};
        question.to = {kStart + kSamples * 1'000 - 1};
        return question;
    }
    const std::vector<std::set<Quality>> expected_{
        {Quality::good}, {Quality::uncertain}, {Quality::stale}, {Quality::uncertain}};
};

TEST_F(Buckets, AThinnedChartSaysTheQualityOfWhatItsPointsStandFor) {
    auto question = all_of_it();
    for (const std::size_t points : {200, 40}) {  // one opens chunks, the other reads summaries
        question.max_points = points;
        SCOPED_TRACE(points);
        EXPECT_EQ(qualities(question), expected_);
        ASSERT_TRUE(store_->settle());
        EXPECT_EQ(qualities(question), expected_);
    }
}

TEST_F(Buckets, AStepSaysTheQualityOfWhatItWasMadeOf) {
    auto question = all_of_it();
    question.step = std::chrono::seconds{1'000};
    for (const auto aggregate : {Aggregate::average, Aggregate::last, Aggregate::maximum}) {
        question.aggregate = aggregate;
        EXPECT_EQ(qualities(question), expected_);
    }
    ASSERT_TRUE(store_->settle());
    question.aggregate = Aggregate::average;
    EXPECT_EQ(qualities(question), expected_);
    question.step = std::chrono::seconds{500};
    EXPECT_EQ(qualities(question), expected_);
}

}  // namespace
}  // namespace labhub::coordinator::store
