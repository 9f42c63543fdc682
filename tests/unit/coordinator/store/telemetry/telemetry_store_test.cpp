#include <algorithm>
#include <fstream>
#include <random>

#include "shared/sqlite/database.hpp"
#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;

class TelemetryStoreTest : public StoreFixture {};

std::vector<Reading> readings_at(std::int64_t time) {
    return {{"temp", 20.0 + static_cast<double>(time), UtcMillis{time}, Quality::good},
            {"led", true, UtcMillis{time}, Quality::good},
            {"ring_light", std::string("#ff0000"), UtcMillis{time}, Quality::good},
            {"current", Value{}, UtcMillis{time}, Quality::bad}};
}

TEST_F(TelemetryStoreTest, StoresEachReadingOnce) {
    auto& store = open();
    auto first = store.append({{kVessel, readings_at(1)}, {kVessel, readings_at(2)}});
    ASSERT_TRUE(first) << first.error().to_string();
    EXPECT_EQ(first->stored, 8u);
    auto again = store.append({{kVessel, readings_at(2)}, {kVessel, readings_at(3)}});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->stored, 4u);
    EXPECT_EQ(again->duplicates, 4u);
    EXPECT_EQ(store.statistics().samples, 12u);
}

TEST_F(TelemetryStoreTest, MergesSeriesIntoRowsByTime) {
    auto& store = open();
    ASSERT_TRUE(store.append({{kVessel, readings_at(2)},
                              {kVessel, readings_at(1)},
                              {kVessel, {{"temp", 7.5, UtcMillis{3}, Quality::good}}},
                              {kVessel, {{"other", 1.0, UtcMillis{4}, Quality::good}}}}));
    EXPECT_EQ(*run(store.metrics_of(kVessel)),
              (std::vector<std::string>{"temp", "led", "ring_light", "current", "other"}));
    std::vector<TelemetryRow> rows;
    std::function<Result<void>(const TelemetryRow&)> each = [&rows](const TelemetryRow& row) -> Result<void> {
        return rows.push_back(row), Result<void>{};
    };
    ASSERT_TRUE(run(store.each_row(kVessel, {"temp", "current", "ring_light"}, UtcMillis{1}, UtcMillis{4}, each)));
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0].time, UtcMillis{1});
    EXPECT_EQ(rows[0].values, (std::vector<Value>{21.0, Value{}, std::string("#ff0000")}));
    EXPECT_EQ(rows[2].values, (std::vector<Value>{7.5, Value{}, Value{}}));
    EXPECT_EQ(rows[3].values, (std::vector<Value>(3)));
}

TEST_F(TelemetryStoreTest, FirstOfTwoValuesOfOneMomentStays) {
    auto& store = open();
    EXPECT_EQ(put("temp", {{5, 1.0}, {5, 2.0}, {9, 3.0}, {5, 4.0}}).duplicates, 2u);
    EXPECT_EQ(put("temp", {{5, 9.0}}).duplicates, 1u);
    ASSERT_TRUE(store.settle());
    EXPECT_EQ(put("temp", {{5, 9.0}, {9, 9.0}}).duplicates, 2u);
    ASSERT_EQ(all("temp").size(), 2u);
    EXPECT_EQ(all("temp")[0].value, Value{1.0});
}

TEST_F(TelemetryStoreTest, HasEverythingAgainAfterARestartSealedOrNot) {
    open();
    put_ramp("temp", kStart, 100, 5'000);
    ASSERT_TRUE(store_->settle());
    put_ramp("temp", kStart + 1'000'000, 100, 3'000);
    ASSERT_TRUE(store_->describe(kVessel, {MetricInfo{.name = "temp", .unit = "Cel"}}));
    open();
    EXPECT_EQ(all("temp").size(), 8'000u);
    const auto info = store_->info(series("temp"));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->count, 8'000u);
    EXPECT_EQ(info->unit, "Cel");
    EXPECT_EQ(info->first, UtcMillis{kStart});
    EXPECT_EQ(info->last, UtcMillis{kStart + 1'000'000 + 299'900});
    EXPECT_EQ(put("temp", {{kStart + 100, 0.5}, {kStart + 1'000'100, 0.5}}).duplicates, 2u);
    ASSERT_TRUE(store_->settle());
    open();
    EXPECT_EQ(all("temp").size(), 8'000u);
    EXPECT_EQ(store_->statistics().samples, 8'000u);
}

TEST_F(TelemetryStoreTest, LateSamplesLandWhereTheyBelong) {
    open();
    std::vector<std::int64_t> expected(20'000);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = kStart + static_cast<std::int64_t>(i) * 7'000;
    auto shuffled = expected;
    std::mt19937 random(7);
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    for (std::size_t i = 0; i < shuffled.size();) {
        std::vector<std::pair<std::int64_t, Value>> batch;
        for (std::size_t n = 1 + random() % 900; n > 0 && i < shuffled.size(); --n, ++i)
            batch.emplace_back(shuffled[i], static_cast<double>(shuffled[i] - kStart));
        const auto size = batch.size();
        EXPECT_EQ(put("temp", batch).stored, size);
        EXPECT_EQ(put("temp", batch).duplicates, size);
        if (random() % 4 == 0) ASSERT_TRUE(store_->settle());
    }
    EXPECT_EQ(times("temp"), expected);
    ASSERT_TRUE(store_->settle());
    EXPECT_EQ(times("temp"), expected);
    for (const auto& sample : all("temp"))
        ASSERT_EQ(sample.value, Value{static_cast<double>(sample.time.count - kStart)});
}

TEST_F(TelemetryStoreTest, SmallBlocksAreMerged) {
    TelemetryOptions options;
    options.seal_samples = 1;
    auto& store = open(std::move(options));
    for (int i = 0; i < 200; ++i) {
        put_ramp("temp", kStart + i * 10'000, 100, 100);
        ASSERT_TRUE(store.tend());
    }
    const auto blocks = store.statistics().blocks;
    EXPECT_LE(blocks, 20u);
    EXPECT_GT(store.statistics().compacted_blocks, 150u);
    ASSERT_TRUE(store.settle());
    EXPECT_LE(store.statistics().blocks, 4u);
    EXPECT_EQ(all("temp").size(), 20'000u);
}

TEST_F(TelemetryStoreTest, LatestKnowsTheNewestOfEachSeries) {
    auto& store = open();
    put("temp", {{kStart, 1.0}, {kStart + 5, 2.0}, {kStart + 3, 9.0}});
    put("note", {{kStart + 1, std::string("hello")}});
    const auto empty = *store.resolve(kVessel, "never");
    const auto check = [&] {
        auto latest = run(store_->latest({series("note"), empty, series("temp")}));
        ASSERT_TRUE(latest);
        ASSERT_EQ(latest->size(), 2u);
        EXPECT_EQ((*latest)[0].second.value, Value{std::string("hello")});
        EXPECT_EQ((*latest)[1].second.value, Value{2.0});
    };
    check();
    ASSERT_TRUE(store.settle());
    check();
    open();
    check();
}

TEST_F(TelemetryStoreTest, ScansSeveralSeriesInOrderOfTimeAPageAtATime) {
    auto& store = open();
    put_ramp("a", kStart, 100, 3'000);
    ASSERT_TRUE(store.settle());
    put_ramp("b", kStart + 50, 100, 3'000);
    put_ramp("a", kStart + 300'000, 100, 100);
    auto scan = store.scan({series("b"), series("a")}, UtcMillis{kStart}, UtcMillis{kStart + 400'000});
    std::size_t seen = 0;
    std::int64_t before = 0;
    while (true) {
        const auto page = run(scan.next(500));
        ASSERT_TRUE(page);
        if (page->empty()) break;
        EXPECT_LE(page->size(), 501u);
        for (const auto& one : *page) {
            EXPECT_GE(one.sample.time.count, before);
            before = one.sample.time.count;
            EXPECT_EQ(one.series, one.sample.time.count % 100 == 50 ? 0u : 1u);
        }
        seen += page->size();
    }
    EXPECT_EQ(seen, 6'100u);
}

TEST_F(TelemetryStoreTest, RefusesImpossibleTimesAndKeepsTheRest) {
    open();
    const auto counts = put("temp", {{-5, 1.0}, {1LL << 60, 1.0}, {0, 1.0}, {4'102'444'800'000, 2.0}, {kStart, 3.0}});
    EXPECT_EQ(counts.refused, 2u);
    EXPECT_EQ(counts.stored, 3u);
    ASSERT_TRUE(store_->settle());
    EXPECT_EQ(times("temp"), (std::vector<std::int64_t>{0, kStart, 4'102'444'800'000}));
    EXPECT_EQ(put("temp", {{kStart + 1, 3.0}}).stored, 1u);
}

TEST_F(TelemetryStoreTest, DeletesWholeDaysByAgeAndBySizeOfTheirClass) {
    TelemetryOptions options;
    SeriesClass brief{"brief", {"debug_*"}, 2, std::nullopt}, small{"small", {"n1/vessel/raw"}, std::nullopt, 600'000};
    options.classes = {brief, small};
    auto& store = open(std::move(options));
    std::mt19937 random(8);
    for (int day = 0; day < 8; ++day) {
        for (const char* metric : {"debug_x", "raw", "temp"}) {
            std::vector<std::pair<std::int64_t, Value>> values;
            for (int i = 0; i < 20'000; ++i)
                values.emplace_back(kStart + day * kDay + i * 1'000, static_cast<double>(random()) / 7);
            put(metric, values);
        }
    }
    ASSERT_TRUE(store.settle());
    clock_.advance(std::chrono::hours{24 * 7});
    ASSERT_TRUE(store.settle());
    EXPECT_EQ(all("temp").size(), 160'000u);
    EXPECT_EQ(all("debug_x").size(), 140'000u) << "one day at a look";
    for (int look = 0; look < 10; ++look) ASSERT_TRUE(store.settle());
    EXPECT_EQ(all("debug_x").size(), 60'000u);
    EXPECT_EQ(all("debug_x").front().time.count, kStart + 5 * kDay);
    const auto left = all("raw").size();
    EXPECT_GE(left, 20'000u);
    EXPECT_LT(left, 160'000u);
    std::uint64_t bytes = 0;
    for (const auto& file : fs::recursive_directory_iterator(folder_ / "telemetry/partitions/small"))
        bytes += file.file_size();
    EXPECT_LE(bytes, 700'000u);
    EXPECT_GT(store.statistics().deleted_partitions, 5u);
}

/// Everything is kept for two days.
TelemetryOptions brief_options() {
    TelemetryOptions options;
    options.classes = {SeriesClass{"default", {}, 2, std::nullopt}};
    return options;
}

TEST_F(TelemetryStoreTest, AClockYearsAheadDeletesNothing) {
    auto& store = open(brief_options());
    for (int day = 0; day < 3; ++day) put_ramp("temp", kStart + day * kDay, 1'000, 100);
    clock_.step_utc(std::chrono::hours{24 * 365 * 12});
    for (int look = 0; look < 200; ++look) {
        ASSERT_TRUE(store.settle());
        clock_.advance(std::chrono::minutes{1});
    }
    EXPECT_EQ(all("temp").size(), 300u) << "ages are reckoned from the newest readings";
    clock_.step_utc(-std::chrono::hours{24 * 365 * 12});
    ASSERT_TRUE(store.settle());
    EXPECT_EQ(all("temp").size(), 300u);
}

TEST_F(TelemetryStoreTest, DeletesOneDayAtMostByAgeInTheHourAfterAStepOfTheClock) {
    auto& store = open(brief_options());
    for (int day = 0; day < 8; ++day) put_ramp("temp", kStart + day * kDay, 1'000, 100);
    const auto look_for = [&](int minutes) {
        for (int look = 0; look < minutes; ++look) {
            ASSERT_TRUE(store.settle());
            clock_.advance(std::chrono::minutes{1});
        }
    };
    clock_.step_utc(std::chrono::hours{24 * 30});
    look_for(50);
    EXPECT_EQ(all("temp").size(), 700u) << "one at the start";
    clock_.step_utc(std::chrono::hours{24 * 300});
    look_for(50);
    EXPECT_EQ(all("temp").size(), 600u) << "one after the step";
    look_for(60);
    EXPECT_EQ(all("temp").size(), 300u) << "the clock goes steadily: all that is older than two days";
}

TEST_F(TelemetryStoreTest, AChangeOfClassesTakesEffectTheNextDayAndLosesNothing) {
    open();
    put_ramp("temp", kStart, 1'000, 1'000);
    TelemetryOptions options;
    options.classes = {SeriesClass{"hot", {"temp"}, std::nullopt, std::nullopt}};
    open(options);
    put_ramp("temp", kStart + 2'000'000, 1'000, 1'000);
    put_ramp("temp", kStart + kDay, 1'000, 1'000);
    ASSERT_TRUE(store_->settle());
    EXPECT_EQ(all("temp").size(), 3'000u);
    EXPECT_TRUE(fs::exists(folder_ / "telemetry/partitions/hot"));
    open(options);
    EXPECT_EQ(all("temp").size(), 3'000u);
}

TEST_F(TelemetryStoreTest, ImportsTheEarlierLayoutOnceAndPutsItAside) {
    fs::create_directories(folder_);
    const fs::path old = folder_ / "telemetry.db";
    {
        auto database = sqlite::Database::open(old);
        ASSERT_TRUE(database->execute(
            "CREATE TABLE series (id INTEGER PRIMARY KEY, device TEXT, metric TEXT, unit TEXT);"
            "CREATE TABLE samples (series INTEGER, time_ms INTEGER, quality INTEGER, value ANY, "
            "PRIMARY KEY (series, time_ms)) WITHOUT ROWID;"
            "INSERT INTO series VALUES (1, 'n1/vessel', 'temp', 'Cel'), (2, 'n1/vessel', 'note', '');"
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 69999) "
            "INSERT INTO samples SELECT 1, 1770000000000 + i * 1000, 192, i / 4.0 FROM n;"
            "INSERT INTO samples VALUES (2, 1770000000000, 0, NULL), (2, 1770000000001, 500, 'text');"));
    }
    TelemetryOptions options;
    options.import_from = old;
    auto& store = open(options);
    EXPECT_EQ(store.statistics().samples, 70'002u);
    EXPECT_FALSE(fs::exists(old));
    EXPECT_TRUE(fs::exists(folder_ / "telemetry.db.imported"));
    EXPECT_EQ(store.info(series("temp"))->unit, "Cel");
    const auto notes = all("note");
    ASSERT_EQ(notes.size(), 2u);
    EXPECT_EQ(notes[0].quality, Quality::bad);
    EXPECT_EQ(notes[1].value, Value{std::string("text")});
    EXPECT_EQ(notes[1].quality, Quality::stale);
    EXPECT_EQ(all("temp")[69'999].value, Value{69'999 / 4.0});
    open(options);
    EXPECT_EQ(store_->statistics().samples, 70'002u);
}

TEST_F(TelemetryStoreTest, DescribesManyDevicesInOneCommitAndThoseWithRoomAlsoWhereOthersHaveNone) {
    TelemetryOptions options;
    options.series_bound = 500;
    open(options);
    std::vector<DeviceAddress> devices;
    for (int i = 0; i < 600; ++i) devices.push_back({NodeId{"n" + std::to_string(i)}, "vessel"});
    MetricInfo temp;
    temp.name = "temp";
    temp.unit = "Cel";
    const std::vector<MetricInfo> metrics{temp};
    std::vector<DescribedDevice> described;
    for (const auto& device : devices) described.push_back({device, metrics});
    const auto log = folder_ / "telemetry/journal.db-wal";
    const auto before = fs::file_size(log);
    const auto outcome = store_->describe(described);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::too_many);
    EXPECT_LT(fs::file_size(log) - before, 200'000u) << "a commit each would write some pages for each";
    EXPECT_TRUE(store_->describe(std::span(described).first(500)));
    open(options);
    const auto series = store_->series();
    ASSERT_EQ(series.size(), 500u);
    EXPECT_EQ(series.back().unit, "Cel");
}

TEST_F(TelemetryStoreTest, BoundsTheNumberOfSeries) {
    TelemetryOptions options;
    options.series_bound = 2;
    auto& store = open(std::move(options));
    EXPECT_TRUE(store.resolve(kVessel, "a"));
    EXPECT_TRUE(store.resolve(kVessel, "b"));
    const auto third = store.resolve(kVessel, "c");
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::too_many);
    EXPECT_TRUE(store.resolve(kVessel, "a"));
}

TEST_F(TelemetryStoreTest, ListsSeriesByFilter) {
    auto& store = open();
    put("temp", {{kStart, 1.0}});
    put("od", {{kStart, 1.0}});
    ASSERT_TRUE(store.append({{{NodeId{"n2"}, "vessel"}, {{"temp", 1.0, UtcMillis{kStart}, Quality::good}}}}));
    EXPECT_EQ(store.series().size(), 3u);
    EXPECT_EQ(store.series({.node = "n2", .device = {}, .metrics = {}}).size(), 1u);
    EXPECT_EQ(store.series({.node = {}, .device = "vessel", .metrics = {"temp"}}).size(), 2u);
    EXPECT_TRUE(store.find(kVessel, "od"));
    EXPECT_FALSE(store.find(kVessel, "nothing"));
}

}  // namespace
}  // namespace labhub::coordinator::store
