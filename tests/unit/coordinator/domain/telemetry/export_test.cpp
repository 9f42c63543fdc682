#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/domain/telemetry/export.hpp"
#include "coordinator/domain/telemetry/query.hpp"
#include "shared/base/random.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using ::testing::HasSubstr;

constexpr UtcMillis kStart{1'771'179'148'000};
const DeviceAddress kVessel{NodeId{"sim-1"}, "vessel"};

class StoredReadingsTest : public ::testing::Test {
  protected:
    StoredReadingsTest() : folder_(std::filesystem::temp_directory_path() / ("labhub-export-" + random_hex(6))) {
        store::TelemetryOptions options;
        options.has_own_thread = false;
        auto opened = store::TelemetryStore::open(folder_, options);
        EXPECT_TRUE(opened) << opened.error().to_string();
        store_ = std::move(*opened);
        MetricInfo temp, note;
        temp.name = "temp", temp.unit = "Cel", note.name = "note";
        EXPECT_TRUE(store_->describe(kVessel, {temp, note}));
    }
    ~StoredReadingsTest() override {
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    void store(int count) {
        store::ReadingBatch batch{kVessel, {}};
        for (int i = 0; i < count; ++i) {
            const UtcMillis time = kStart + std::chrono::milliseconds{100 * i};
            batch.readings.push_back({"temp", Value(20 + i % 100 / 10.0), time, Quality::good});
            if (i % 3 == 0) batch.readings.push_back({"note", Value(std::string("n")), time, Quality::good});
        }
        batch.readings.push_back({"temp", Value(), kStart - std::chrono::milliseconds{1'000}, Quality::bad});
        const auto stored = store_->append(std::vector{batch});
        ASSERT_TRUE(stored) << stored.error().to_string();
    }
    ExportRequest request(RowLayout layout, RowFormat format = RowFormat::csv) {
        ExportRequest asked;
        auto series = find_series(*store_, {{}, "sim-1/vessel", {}}, 10);
        EXPECT_TRUE(series) << series.error().to_string();
        asked.series = *series;
        asked.range = {kStart - std::chrono::hours{1}, kStart + std::chrono::hours{24}};
        asked.layout = layout;
        asked.format = format;
        asked.now = kStart;
        return asked;
    }
    static Task<void> read_all(std::shared_ptr<Export> file, std::string* out, std::size_t* largest) {
        while (true) {
            auto piece = co_await Export::next(file);
            EXPECT_TRUE(piece) << piece.error().to_string();
            if (!piece || piece->empty()) co_return;
            *largest = std::max(*largest, piece->size());
            *out += *piece;
        }
    }
    std::string exported(ExportRequest asked) {
        Exporter exporter(*store_);
        auto file = exporter.open(std::move(asked));
        EXPECT_TRUE(file);
        std::string all;
        asio::io_context io;
        asio::co_spawn(io, read_all(std::move(*file), &all, &largest_piece_), [](std::exception_ptr bug) {
            if (bug) std::rethrow_exception(bug);
        });
        io.run();
        return all;
    }

    std::filesystem::path folder_;
    std::unique_ptr<store::TelemetryStore> store_;
    std::size_t largest_piece_ = 0;
};

TEST_F(StoredReadingsTest, AreExportedWideWithARowForEachMoment) {
    store(4);
    EXPECT_EQ(exported(request(RowLayout::wide)),
              "time,temp [Cel],note\n"
              "2026-02-15T18:12:27.000Z,,\n"
              "2026-02-15T18:12:28.000Z,20,n\n"
              "2026-02-15T18:12:28.100Z,20.1,\n"
              "2026-02-15T18:12:28.200Z,20.2,\n"
              "2026-02-15T18:12:28.300Z,20.3,n\n");
}

TEST_F(StoredReadingsTest, OfBadQualityAreBlankWhereTheirQualityIsNotSaid) {
    store(1);
    const store::ReadingBatch bad{kVessel, {{"temp", Value(-999.0), kStart + std::chrono::seconds{1}, Quality::bad}}};
    ASSERT_TRUE(store_->append(std::vector{bad}));
    EXPECT_THAT(exported(request(RowLayout::wide)), HasSubstr("2026-02-15T18:12:29.000Z,,\n"));
    EXPECT_THAT(exported(request(RowLayout::wide, RowFormat::jsonl)), HasSubstr("12:29.000Z\",\"temp [Cel]\":null}\n"));
    EXPECT_THAT(exported(request(RowLayout::tall)), HasSubstr("12:29.000Z,sim-1/vessel,temp,-999,Cel,bad\n"));
    const auto manifest = describe_export(request(RowLayout::wide));
    EXPECT_THAT(std::string(manifest.at("reading").at("missing").as_string()), HasSubstr("bad quality"));
    auto said = request(RowLayout::wide);
    said.has_qualities = true;
    const auto described = describe_export(said);
    EXPECT_THAT(exported(std::move(said)), HasSubstr("12:29.000Z,-999,bad,,\n"));
    EXPECT_EQ(described.at("series").at(0).at("quality_column"), "temp [quality]");
    EXPECT_THAT(std::string(described.at("reading").at("quality").as_string()), HasSubstr("not to be trusted"));
}

TEST_F(StoredReadingsTest, AreExportedLongWithTheirQuality) {
    store(2);
    const std::string text = exported(request(RowLayout::tall));
    EXPECT_THAT(text, HasSubstr("2026-02-15T18:12:27.000Z,sim-1/vessel,temp,,Cel,bad\n"));
    EXPECT_THAT(text, HasSubstr("2026-02-15T18:12:28.000Z,sim-1/vessel,note,n,,good\n"));
    EXPECT_EQ(split(text, '\n').size(), 1u + 4u + 1u);
}

TEST_F(StoredReadingsTest, AreExportedInPiecesHoweverManyTheyAre) {
    constexpr int kCount = 60'000;
    store(kCount);
    ASSERT_TRUE(store_->settle());
    const std::string text = exported(request(RowLayout::wide));
    EXPECT_EQ(split(text, '\n').size(), static_cast<std::size_t>(kCount) + 3);
    EXPECT_LT(largest_piece_, 512u * 1024);
    EXPECT_GT(text.size(), 3 * largest_piece_);
    EXPECT_NE(exported(request(RowLayout::wide, RowFormat::jsonl)).find("\"temp [Cel]\":29.9"), std::string::npos);
}

TEST_F(StoredReadingsTest, OfNothingAreAHeaderAlone) {
    auto asked = request(RowLayout::wide);
    EXPECT_TRUE(asked.series.empty()) << "what was only described is not exported unasked";
    EXPECT_EQ(exported(std::move(asked)), "time\n");
    EXPECT_EQ(exported(request(RowLayout::wide, RowFormat::jsonl)), "");
}

TEST_F(StoredReadingsTest, AreNotExportedToMoreThanSoManyAtATime) {
    Exporter exporter(*store_);
    std::vector<std::shared_ptr<Export>> open;
    for (std::size_t i = 0; i < Exporter::kMostExports; ++i) open.push_back(*exporter.open(request(RowLayout::wide)));
    EXPECT_EQ(exporter.open(request(RowLayout::wide)).error().code, ErrorCode::too_many);
    open.pop_back();
    EXPECT_TRUE(exporter.open(request(RowLayout::wide)));
}

TEST_F(StoredReadingsTest, AreFoundByIdNameAndPattern) {
    store(2);
    const auto names = [&](Selection selection) {
        const auto found = find_series(*store_, selection, 10);
        std::string all;
        if (!found) return found.error().to_string();
        for (const auto& one : *found) all += full_name(one) + " ";
        return all;
    };
    const std::string id = std::to_string(static_cast<std::uint32_t>(*store_->find(kVessel, "temp")));
    EXPECT_EQ(names({{id}, "", {}}), "sim-1/vessel/temp ");
    EXPECT_EQ(names({{"sim-1/vessel/note", id, id}, "", {}}), "sim-1/vessel/note sim-1/vessel/temp ");
    EXPECT_EQ(names({{}, "", {"te*"}}), "sim-1/vessel/temp ");
    EXPECT_THAT(names({{"sim-1/vessel/tmp"}, "", {}}), HasSubstr("did you mean sim-1/vessel/temp"));
    EXPECT_THAT(find_series(*store_, {}, 1).error().to_string(), HasSubstr("2 series are selected (at most 1 at once"));
    EXPECT_EQ(without_ids(*store_, {{id}, "", {}})->series.front(), "sim-1/vessel/temp");
}

TEST_F(StoredReadingsTest, AreAskedForInBounds) {
    store(2);
    const auto series = *find_series(*store_, {}, 10);
    const TimeRange range{kStart, kStart + std::chrono::hours{24}};
    Resolution steps;
    steps.step = std::chrono::milliseconds{1};
    EXPECT_THAT(question_of(series, range, steps).error().to_string(), HasSubstr("5s or longer"));
    steps.step = std::chrono::milliseconds{0};
    EXPECT_EQ(question_of(series, range, steps).error().code, ErrorCode::out_of_range);
    steps.step = std::chrono::seconds{5};
    EXPECT_TRUE(question_of(series, range, steps));
    for (const std::size_t wrong : {0u, 1u, 20'001u}) {
        Resolution points;
        points.max_points = wrong;
        EXPECT_THAT(question_of(series, range, points).error().to_string(), HasSubstr("allowed: 2 to 20000"));
    }
    EXPECT_THAT(parse_aggregate("mean").error().to_string(), HasSubstr("one of avg, min, max, last, count"));
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
