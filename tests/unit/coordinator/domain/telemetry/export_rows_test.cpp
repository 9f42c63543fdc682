#include <gtest/gtest.h>

#include "coordinator/domain/telemetry/export_rows.hpp"
#include "coordinator/domain/telemetry/export_zip.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

constexpr UtcMillis kTime{1'771'179'148'007};

std::vector<ExportColumn> columns(bool with_units = true) {
    std::vector<ExportColumn> all{{1, "sim-1/vessel", "temp", "Cel", "", ""},
                                  {2, "sim-1/vessel", "note", "", "", ""},
                                  {3, "sim-2/vessel", "temp", "Cel", "", ""}};
    name_columns(all, with_units);
    return all;
}

TEST(ExportRows, NameColumnsAsShortAsTheyAreUnique) {
    EXPECT_EQ(columns()[0].name, "sim-1/vessel/temp [Cel]");
    EXPECT_EQ(columns()[1].name, "note");
    EXPECT_EQ(columns(false)[2].name, "sim-2/vessel/temp");
}

TEST(ExportRows, NameEachColumnOnceWhateverMetricsAreCalled) {
    std::vector<ExportColumn> all{{1, "n/d", "T", "Cel", "", ""},
                                  {2, "n/d", "T [Cel]", "", "", ""},
                                  {3, "n/d", "time", "", "", ""},
                                  {4, "n/d", "T [quality]", "", "", ""},
                                  {5, "n/d", "Druck, \"innen\"", "", "", ""},
                                  {6, "n/d", "Inputs/A", "", "", ""}};
    name_columns(all, true);
    EXPECT_EQ(all[0].name, "T [Cel]");
    EXPECT_EQ(all[1].name, "T [Cel] #2");
    EXPECT_EQ(all[2].name, "n/d/time");
    EXPECT_EQ(all[3].name, "T [quality] #4");
    RowWriter writer(all, RowFormat::csv, RowLayout::wide, std::nullopt);
    EXPECT_EQ(writer.header(), "time,T [Cel],T [Cel] #2,n/d/time,T [quality] #4,\"Druck, \"\"innen\"\"\",Inputs/A\n");
}

TEST(ExportRows, WriteWideCsv) {
    RowWriter writer(columns(), RowFormat::csv, RowLayout::wide, std::nullopt);
    EXPECT_EQ(writer.header(), "time,sim-1/vessel/temp [Cel],note,sim-2/vessel/temp [Cel]\n");
    const Value temp = 36.6, note = std::string("a \"b\", c"), none;
    std::string out;
    writer.moment(out, kTime, {{&temp}, {&note}, {}});
    writer.moment(out, kTime + std::chrono::milliseconds{1'000}, {{&none}, {}, {&temp}});
    EXPECT_EQ(out,
              "2026-02-15T18:12:28.007Z,36.6,\"a \"\"b\"\", c\",\n"
              "2026-02-15T18:12:29.007Z,,,36.6\n");
}

TEST(ExportRows, WriteWideCsvWithTheQualityBesideTheValue) {
    RowWriter writer(columns(), RowFormat::csv, RowLayout::wide, std::nullopt, true);
    EXPECT_EQ(writer.header(),
              "time,sim-1/vessel/temp [Cel],sim-1/vessel/temp [quality],note,note [quality],sim-2/vessel/temp [Cel],"
              "sim-2/vessel/temp [quality]\n");
    const Value temp = -999.0, none;
    std::string out;
    writer.moment(out, kTime, {{&temp, Quality::bad}, {}, {&none, Quality::stale}});
    EXPECT_EQ(out, "2026-02-15T18:12:28.007Z,-999,bad,,,,stale\n");
}

TEST(ExportRows, WriteNoValueOfBadQualityWhereTheQualityIsNotSaid) {
    const Value temp = -999.0;
    std::string blank, said;
    RowWriter(columns(), RowFormat::jsonl, RowLayout::wide, std::nullopt)
        .moment(blank, kTime, {{}, {&temp, Quality::bad}, {}});
    EXPECT_EQ(blank, "{\"time\":\"2026-02-15T18:12:28.007Z\",\"note\":null}\n");
    RowWriter(columns(), RowFormat::jsonl, RowLayout::wide, std::nullopt, true)
        .moment(said, kTime, {{}, {&temp, Quality::bad}, {}});
    EXPECT_EQ(said, "{\"time\":\"2026-02-15T18:12:28.007Z\",\"note\":-999,\"note [quality]\":\"bad\"}\n");
}

TEST(ExportRows, WriteLongCsvWithUnitAndQuality) {
    RowWriter writer(columns(), RowFormat::csv, RowLayout::tall, kTime - std::chrono::milliseconds{1'500});
    EXPECT_EQ(writer.header(), "time,elapsed_s,device,metric,value,unit,quality\n");
    std::string out;
    writer.sample(out, kTime, 0, Value(0.1 + 0.2), Quality::good);
    writer.sample(out, kTime, 2, Value(), Quality::bad);
    EXPECT_EQ(out,
              "2026-02-15T18:12:28.007Z,1.5,sim-1/vessel,temp,0.30000000000000004,Cel,good\n"
              "2026-02-15T18:12:28.007Z,1.5,sim-2/vessel,temp,,Cel,bad\n");
}

TEST(ExportRows, WriteJsonLinesThatParse) {
    for (const RowLayout layout : {RowLayout::wide, RowLayout::tall}) {
        RowWriter writer(columns(), RowFormat::jsonl, layout, kTime);
        EXPECT_EQ(writer.header(), "");
        std::string out;
        const Value text = std::string("a\n\"b\""), none, yes = true, whole = std::int64_t{40};
        if (layout == RowLayout::wide) {
            writer.moment(out, kTime, {{&none}, {&text}, {}});
            writer.moment(out, kTime, {{&whole}, {}, {&yes}});
            EXPECT_EQ(
                out.substr(0, out.find('\n')),
                R"({"time":"2026-02-15T18:12:28.007Z","elapsed_s":0,"sim-1/vessel/temp [Cel]":null,"note":"a\n\"b\""})");
        } else {
            writer.sample(out, kTime, 1, text, Quality::stale);
            writer.sample(out, kTime, 0, none, Quality::bad);
        }
        for (const auto line : split(trim(out), '\n')) EXPECT_TRUE(parse_json(line)) << line;
    }
}

TEST(ExportRows, KeepTheSecondRightOverItsBorders) {
    RowWriter writer(columns(), RowFormat::csv, RowLayout::tall, std::nullopt);
    std::string out;
    for (const std::int64_t time : {999, 1'000, 999, 59'999, 60'000})
        writer.sample(out, UtcMillis{time}, 0, Value(true), Quality::good);
    std::vector<std::string> times;
    for (const auto line : split(trim(out), '\n')) times.emplace_back(line.substr(14, 10));
    EXPECT_EQ(times, (std::vector<std::string>{"00:00.999Z", "00:01.000Z", "00:00.999Z", "00:59.999Z", "01:00.000Z"}));
}

TEST(ZipStream, GivesBytesWhileItIsFilled) {
    auto zip = ZipStream::open();
    ASSERT_TRUE(zip) << zip.error().to_string();
    ASSERT_TRUE((*zip)->begin_file("telemetry.csv", 1'771'180'048));
    std::string packed;
    for (int i = 0; i < 200'000; ++i) {
        ASSERT_TRUE((*zip)->write(std::to_string(i * 7919 % 1'000'003) + "\n"));
        if ((*zip)->ready() > 64 * 1024) packed += (*zip)->take();
    }
    EXPECT_GT(packed.size(), 100'000u) << "nothing is held back to the end";
    ASSERT_TRUE((*zip)->begin_file("manifest.json", 1'771'180'048));
    ASSERT_TRUE((*zip)->write("{}\n"));
    ASSERT_TRUE((*zip)->finish());
    packed += (*zip)->take();
    EXPECT_EQ(packed.substr(0, 2), "PK");
    EXPECT_NE(packed.rfind("manifest.json"), std::string::npos);
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
