#include "coordinator/store/telemetry/reading.hpp"

#include <atomic>
#include <thread>

#include "coordinator/store/telemetry/questioning.hpp"
#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

TEST_F(StoreFixture, AReaderSeesEverySampleOnceWhileItIsSealed) {
    constexpr int kPerAppend = 3'000, kAppends = 60;
    TelemetryOptions options;
    options.seal_samples = 50'000;
    open(options);
    const SeriesId id = series("x");
    std::atomic<int> stored = 0;
    std::jthread writer([&] {
        for (int n = 0; n < kAppends; ++n) {
            std::vector<NewSample> samples;
            for (int i = 0; i < kPerAppend; ++i) {
                const int place = n * kPerAppend + i;
                samples.push_back({id, Quality::good, UtcMillis{kStart + place * 100}, std::int64_t{place}});
            }
            EXPECT_TRUE(store_->append(std::span<const NewSample>(samples)));
            stored += kPerAppend;
            if (n % 4 == 3) EXPECT_TRUE(store_->settle());
        }
    });
    SeriesQuery question;
    question.series = {id};
    question.to = {kStart + kDay};
    question.max_points = 200'000;
    for (bool is_over = false; !is_over;) {
        is_over = stored == kAppends * kPerAppend;
        const int at_least = stored;
        const auto answer = store_->query_here(question);
        ASSERT_TRUE(answer) << answer.error().to_string();
        const auto& points = answer->front().points;
        ASSERT_GE(points.size(), static_cast<std::size_t>(at_least));
        for (std::size_t i = 0; i < points.size(); ++i)
            ASSERT_EQ(points[i].value, Value{static_cast<std::int64_t>(i)}) << "of " << points.size();
    }
}

TEST_F(StoreFixture, AQuestionWhoseTimeIsUpEndsBeforeItReads) {
    namespace fs = std::filesystem;
    fs::create_directories(folder_ / "parts");
    auto partitions = telemetry::PartitionSet::open(folder_ / "parts/partitions");
    auto journal = telemetry::Journal::open(folder_ / "parts/journal.db");
    ASSERT_TRUE(partitions && journal);
    telemetry::Catalogue catalogue({}, 10);
    telemetry::Appender appender(catalogue, **partitions, std::move(*journal), 1'000);
    SeriesQuery question;
    {
        const std::lock_guard lock(catalogue.mutex);
        question.series = {(*catalogue.resolve(kVessel, "x"))->id};
    }
    question.to = {kStart + kDay};
    const NewSample sample{question.series[0], Quality::good, UtcMillis{kStart}, 1.0};
    ASSERT_TRUE(appender.append(std::span(&sample, 1), {}));
    const telemetry::Sources sources{catalogue, appender, **partitions};
    const auto late = telemetry::answer(sources, question, Steady::now() - std::chrono::seconds{1});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::timed_out);
    EXPECT_TRUE(telemetry::answer(sources, question, Steady::now() + std::chrono::minutes{1}));
}

}  // namespace
}  // namespace labhub::coordinator::store
