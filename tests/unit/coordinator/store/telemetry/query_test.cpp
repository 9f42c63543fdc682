#include <algorithm>
#include <cmath>
#include <random>

#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

/// 200,000 samples over two days, half of them sealed at each moment, with late ones, nulls and bad readings.
class Query : public StoreFixture {
  protected:
    void SetUp() override {
        open();
        std::mt19937 random(11);
        std::vector<std::pair<std::int64_t, Value>> late;
        for (int part = 0; part < 10; ++part) {
            std::vector<NewSample> samples;
            for (int i = 0; i < 20'000; ++i) {
                const std::int64_t time = kStart + (part * 20'000 + i) * 900 + random() % 5;
                Value value = std::sin(static_cast<double>(time) / 1e6) + static_cast<double>(random() % 100) / 1000;
                Quality quality = Quality::good;
                if (random() % 50 == 0) value = Value{};
                if (random() % 60 == 0) value = -1e9, quality = Quality::bad;
                expected_.push_back({UtcMillis{time}, value, quality});
                if (random() % 40 == 0)
                    late.emplace_back(time, value), late_quality_.push_back(quality);
                else
                    samples.push_back({series("x"), quality, UtcMillis{time}, value});
            }
            ASSERT_TRUE(store_->append(std::span<const NewSample>(samples)));
            if (part == 4 || part == 7) ASSERT_TRUE(store_->settle());
        }
        std::vector<NewSample> samples;
        for (std::size_t i = 0; i < late.size(); ++i)
            samples.push_back({series("x"), late_quality_[i], UtcMillis{late[i].first}, late[i].second});
        ASSERT_TRUE(store_->append(std::span<const NewSample>(samples)));
    }

    SeriesPoints ask(SeriesQuery question) {
        question.series = {series("x")};
        auto answer = store_->query_here(question);
        EXPECT_TRUE(answer) << answer.error().to_string();
        return answer ? std::move(answer->front()) : SeriesPoints{};
    }

    std::vector<Sample> expected_;
    std::vector<Quality> late_quality_;
};

struct Exact {
    std::uint64_t count = 0;
    std::vector<double> numbers;
};

void check_steps(const std::vector<Sample>& expected, std::int64_t from, std::int64_t to, std::int64_t step,
                 Aggregate aggregate, const std::vector<Sample>& points) {
    std::map<std::int64_t, Exact> buckets;
    for (const auto& sample : expected) {
        if (sample.time.count < from || sample.time.count > to) continue;
        auto& bucket = buckets[from + (sample.time.count - from) / step * step];
        ++bucket.count;
        if (sample.quality != Quality::bad)
            if (const auto* number = std::get_if<double>(&sample.value)) bucket.numbers.push_back(*number);
    }
    std::size_t next = 0;
    for (const auto& [time, bucket] : buckets) {
        if (aggregate != Aggregate::count && bucket.numbers.empty()) continue;
        ASSERT_LT(next, points.size());
        const Sample& point = points[next++];
        ASSERT_EQ(point.time.count, time);
        const double value = *as_number(point.value);
        double sum = 0;
        for (const double number : bucket.numbers) sum += number;
        switch (aggregate) {
            case Aggregate::count: ASSERT_EQ(value, static_cast<double>(bucket.count)); break;
            case Aggregate::last: ASSERT_EQ(value, bucket.numbers.back()); break;
            case Aggregate::average: ASSERT_NEAR(value, sum / bucket.numbers.size(), 1e-9); break;
            case Aggregate::minimum:
                ASSERT_EQ(value, *std::min_element(bucket.numbers.begin(), bucket.numbers.end()));
                break;
            case Aggregate::maximum:
                ASSERT_EQ(value, *std::max_element(bucket.numbers.begin(), bucket.numbers.end()));
                break;
        }
    }
    EXPECT_EQ(next, points.size());
}

TEST_F(Query, StepsAreExactWhateverTheirLengthAndPlace) {
    const std::int64_t end = kStart + 200'000 * 900;
    for (const std::int64_t step : {700, 60'000, 3'600'000, 90'000'000})
        for (const auto aggregate :
             {Aggregate::average, Aggregate::minimum, Aggregate::maximum, Aggregate::last, Aggregate::count}) {
            SeriesQuery question;
            question.from = {step == 700 ? end - 40'000'000 : kStart + 1'234'567};
            question.to = {end - 7'654'321};
            question.step = std::chrono::milliseconds{step};
            question.aggregate = aggregate;
            const auto answer = ask(question);
            check_steps(expected_, question.from.count, question.to.count, step, aggregate, answer.points);
        }
}

TEST_F(Query, DownsamplingKeepsEveryExtremeAtItsTrueTime) {
    for (const std::int64_t span : {200'000LL * 900, 30'000'000LL, 4'000'000LL}) {
        SeriesQuery question;
        question.from = {kStart + 100'000};
        question.to = {kStart + span};
        question.max_points = 500;
        const auto answer = ask(question);
        EXPECT_TRUE(answer.is_downsampled);
        EXPECT_LE(answer.points.size(), 500u);
        EXPECT_GT(answer.points.size(), 300u);
        std::map<std::int64_t, double> known;
        double smallest = 1e300, largest = -1e300;
        for (const auto& sample : expected_) {
            const auto* number = std::get_if<double>(&sample.value);
            if (!number || sample.quality == Quality::bad || sample.time < question.from || sample.time > question.to)
                continue;
            known[sample.time.count] = *number;
            smallest = std::min(smallest, *number);
            largest = std::max(largest, *number);
        }
        std::int64_t before = 0;
        double shown_smallest = 1e300, shown_largest = -1e300;
        for (const auto& point : answer.points) {
            EXPECT_GT(point.time.count, before);
            before = point.time.count;
            const double number = std::get<double>(point.value);
            ASSERT_TRUE(known.contains(point.time.count));
            EXPECT_EQ(known[point.time.count], number);
            shown_smallest = std::min(shown_smallest, number);
            shown_largest = std::max(shown_largest, number);
        }
        EXPECT_EQ(shown_smallest, smallest);
        EXPECT_EQ(shown_largest, largest);
    }
}

TEST_F(Query, AShortRangeGivesTheSamplesThemselves) {
    SeriesQuery question;
    question.from = {expected_[150'000].time};
    question.to = {expected_[150'399].time};
    question.max_points = 400;
    const auto answer = ask(question);
    EXPECT_FALSE(answer.is_downsampled);
    ASSERT_EQ(answer.points.size(), 400u);
    for (std::size_t i = 0; i < 400; ++i) {
        EXPECT_EQ(answer.points[i].time, expected_[150'000 + i].time);
        EXPECT_EQ(answer.points[i].value, expected_[150'000 + i].value);
        EXPECT_EQ(answer.points[i].quality, expected_[150'000 + i].quality);
    }
}

TEST_F(Query, SealingChangesNoAnswer) {
    SeriesQuery question;
    question.from = {kStart};
    question.to = {kStart + 200'000 * 900};
    question.step = std::chrono::milliseconds{10'000'000};
    question.aggregate = Aggregate::count;
    const auto before = ask(question);
    ASSERT_TRUE(store_->settle());
    const auto after = ask(question);
    ASSERT_EQ(before.points.size(), after.points.size());
    std::int64_t all = 0;
    for (std::size_t i = 0; i < before.points.size(); ++i) {
        EXPECT_EQ(before.points[i].value, after.points[i].value);
        all += std::get<std::int64_t>(after.points[i].value);
    }
    EXPECT_EQ(all, 200'000);
}

TEST_F(Query, SaysWhatIsWrongWithAQuestion) {
    SeriesQuery question;
    question.series = {series("x")};
    question.from = {10};
    question.to = {5};
    EXPECT_EQ(store_->query_here(question).error().code, ErrorCode::out_of_range);
    question.to = {20};
    question.max_points = 1;
    EXPECT_EQ(store_->query_here(question).error().code, ErrorCode::out_of_range);
    question.step = std::chrono::milliseconds{0};
    EXPECT_EQ(store_->query_here(question).error().code, ErrorCode::out_of_range);
    question.step = std::chrono::milliseconds{1};
    question.to = {10'000'000};
    EXPECT_EQ(store_->query_here(question).error().code, ErrorCode::out_of_range);
    question.step.reset();
    question.max_points = 100;
    question.series = {SeriesId{4711}};
    EXPECT_EQ(store_->query_here(question).error().code, ErrorCode::not_found);
}

struct Span {
    double minimum = 1e300, maximum = -1e300;
    int count = 0;
    void add(double value) {
        minimum = std::min(minimum, value);
        maximum = std::max(maximum, value);
        ++count;
    }
};

/// Eight hours at 10 Hz, three weeks of one a minute, and a burst.
std::vector<std::pair<std::int64_t, double>> uneven_readings() {
    std::mt19937 random(5);
    std::vector<std::pair<std::int64_t, double>> readings;
    std::int64_t time = kStart;
    for (const auto [period, count] : {std::pair{100, 300'000}, {60'000, 30'000}, {100, 20'000}})
        for (int i = 0; i < count; ++i) readings.emplace_back(time += period, static_cast<double>(random()) / 7);
    return readings;
}

TEST_F(StoreFixture, EachBucketOfAnUnevenSeriesHasItsOwnExtremes) {
    open();
    const auto readings = uneven_readings();
    std::vector<NewSample> samples;
    for (const auto& [time, value] : readings)
        samples.push_back({series("x"), Quality::good, UtcMillis{time}, Value{value}});
    ASSERT_TRUE(store_->append(std::span<const NewSample>(samples)));
    ASSERT_TRUE(store_->settle());
    constexpr std::int64_t kBuckets = 100;
    SeriesQuery question;
    question.series = {series("x")};
    question.from = {readings.front().first};
    question.to = {readings.back().first};
    question.max_points = 2 * kBuckets;
    const auto answer = store_->query_here(question);
    ASSERT_TRUE(answer) << answer.error().to_string();
    const std::int64_t width = (question.to - question.from).count() / kBuckets + 1;
    std::vector<Span> exact(kBuckets), shown(kBuckets);
    for (const auto& [time, value] : readings) exact[(time - question.from.count) / width].add(value);
    for (const auto& point : answer->front().points)
        shown[(point.time - question.from).count() / width].add(std::get<double>(point.value));
    for (std::size_t i = 0; i < exact.size(); ++i) {
        ASSERT_GT(shown[i].count, 0) << "bucket " << i << " of " << exact[i].count << " readings is empty";
        Span around = shown[i];
        if (i > 0) around.add(shown[i - 1].minimum), around.add(shown[i - 1].maximum);
        if (i + 1 < shown.size()) around.add(shown[i + 1].minimum), around.add(shown[i + 1].maximum);
        EXPECT_LE(around.minimum, exact[i].minimum) << i;
        EXPECT_GE(around.maximum, exact[i].maximum) << i;
        if (exact[i].count > 1'000) continue;  // of so many a chunk at a border may be told by its neighbour
        EXPECT_EQ(shown[i].minimum, exact[i].minimum) << i;
        EXPECT_EQ(shown[i].maximum, exact[i].maximum) << i;
    }
}

TEST_F(StoreFixture, TextsAndSwitchesAreAnsweredToo) {
    open();
    std::vector<std::pair<std::int64_t, Value>> texts, switches;
    for (int i = 0; i < 5'000; ++i) {
        texts.emplace_back(kStart + i * 1'000, "step " + std::to_string(i / 1'000));
        switches.emplace_back(kStart + i * 1'000, i % 2 == 0);
    }
    put("state", texts);
    put("led", switches);
    ASSERT_TRUE(store_->settle());
    SeriesQuery question;
    question.series = {series("state"), series("led")};
    question.from = {kStart};
    question.to = {kStart + 5'000'000};
    question.max_points = 20;
    const auto answer = store_->query_here(question);
    ASSERT_TRUE(answer);
    ASSERT_EQ((*answer)[0].points.size(), 10u);
    EXPECT_EQ((*answer)[0].points.back().value, Value{std::string("step 4")});
    EXPECT_EQ((*answer)[1].points.size(), 20u);
    question.step = std::chrono::milliseconds{1'000'000};
    question.aggregate = Aggregate::last;
    const auto last = store_->query_here(question);
    ASSERT_TRUE(last);
    ASSERT_EQ((*last)[0].points.size(), 5u);
    EXPECT_EQ((*last)[0].points[1].value, Value{std::string("step 1")});
}

}  // namespace
}  // namespace labhub::coordinator::store
