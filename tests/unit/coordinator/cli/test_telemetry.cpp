#include <cmath>
#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/command_line.hpp"
#include "coordinator/cli/event_stream.hpp"
#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/telemetry_chart.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr UtcMillis kNow{1'771'179'148'500};  // 2026-02-15T18:12:28.500Z

/// The machine's time zone for one test.
class Zone {
  public:
    explicit Zone(const char* name) {
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~Zone() {
        ::unsetenv("TZ");
        ::tzset();
    }
};

std::string query_of(std::vector<std::string> words, TelemetryTimes when = {}) {
    const auto query = telemetry_query({std::move(words)}, when, {}, kNow);
    return query ? *query : query.error().to_string();
}

TEST(TelemetryWords, SayByThemselvesWhatTheyAre) {
    EXPECT_EQ(query_of({}), "");
    EXPECT_EQ(query_of({"sim-1/vessel", "vial_*"}), "?device=sim-1%2Fvessel&metric=vial_%2A");
    EXPECT_EQ(query_of({"12", "a/b/c"}), "?series=12&series=a%2Fb%2Fc");
    EXPECT_THAT(query_of({"a/b", "c/d"}), HasSubstr("two devices: a/b and c/d"));
}

TEST(TelemetryWords, NameMetricsOfOthersApart) {
    TelemetryWords which;
    which.words = {"plc 1/flask", "Supply Voltage"};
    which.metrics = {"Inputs/A"};
    EXPECT_EQ(telemetry_query(which, {}, {}, kNow).value(),
              "?device=plc%201%2Fflask&metric=Supply%20Voltage&metric=Inputs%2FA");
}

TEST(TelemetryTimes, WithoutAZoneAreLocal) {
    const Zone zone("Europe/Berlin");
    EXPECT_EQ(with_local_zone("2026-02-15 19:00", kNow), "1771178400000");
    EXPECT_EQ(with_local_zone("2026-02-15T19:00:00", kNow), "1771178400000");
    EXPECT_EQ(with_local_zone("19:00", kNow), "1771178400000");
    EXPECT_EQ(with_local_zone("2026-02-15", kNow), "1771110000000");
    for (const char* other : {"-2h", "now", "2026-02-15T18:00:00Z", "1771178400000", "rubbish"})
        EXPECT_EQ(with_local_zone(other, kNow), other);
}

TEST(TelemetryCommandLine, ReadsTheCommands) {
    const auto parse = [](std::vector<const char*> words) {
        words.insert(words.begin(), {"labhub", "telemetry"});
        return parse_command_line(static_cast<int>(words.size()), words.data());
    };
    const auto query =
        parse({"query", "sim-1/vessel", "vial_*", "--from", "-2h", "--step", "1m", "--aggregate", "max"});
    ASSERT_TRUE(query) << query.error().to_string();
    const auto& asked = std::get<TelemetryQueryCommand>(std::get<TelemetryCommand>(query->command));
    EXPECT_EQ(asked.which.words, (std::vector<std::string>{"sim-1/vessel", "vial_*"}));
    EXPECT_EQ(asked.when.from, "-2h");
    EXPECT_EQ(asked.aggregate, "max");
    const auto saved = parse({"export", "--experiment", "x", "-o", "a.csv", "--long", "--no-units", "--json"});
    ASSERT_TRUE(saved && saved->is_json);
    EXPECT_TRUE(std::get<TelemetryExportCommand>(std::get<TelemetryCommand>(saved->command)).is_long);
    const auto with_quality = parse({"export", "--quality"});
    ASSERT_TRUE(with_quality);
    EXPECT_TRUE(std::get<TelemetryExportCommand>(std::get<TelemetryCommand>(with_quality->command)).has_quality);
    EXPECT_FALSE(parse({"export", "--quality", "--long"})) << "the long layout has it anyway";
    EXPECT_EQ(
        std::get<TelemetryStreamCommand>(std::get<TelemetryCommand>(parse({"stream", "-n", "3"})->command)).events, 3u);
    const auto apart = parse({"latest", "--metric", "Inputs/A", "plc/flask"});
    ASSERT_TRUE(apart) << apart.error().to_string();
    const auto& named = std::get<TelemetryLatestCommand>(std::get<TelemetryCommand>(apart->command)).which;
    EXPECT_EQ(named.metrics, (std::vector<std::string>{"Inputs/A"}));
    EXPECT_EQ(named.words, (std::vector<std::string>{"plc/flask"}));
    EXPECT_FALSE(parse({}));
    EXPECT_FALSE(parse({"query", "--aggregate", "max"})) << "an aggregate of what?";
    EXPECT_FALSE(parse({"query", "--step", "1m", "--max-points", "5"}));
}

TEST(EventStream, IsCutIntoEventsWhateverThePieces) {
    const std::string text =
        "retry: 2000\n: hello\nid: 1\n\nid: 2\nevent: readings\ndata: {\"a\":1}\r\ndata: x\n\nid: 3\ndata: y\n\nid: 4\n"
        "data: never ended";
    for (std::size_t size = 1; size < 20; ++size) {
        EventStream stream;
        std::vector<EventStream::Event> events;
        for (std::size_t at = 0; at < text.size(); at += size)
            stream.append(text.substr(at, size), [&](const auto& event) { events.push_back(event); });
        ASSERT_EQ(events.size(), 2u);
        EXPECT_EQ(events[0].type, "readings");
        EXPECT_EQ(events[0].data, "{\"a\":1}\nx");
        EXPECT_EQ(events[0].id, "2");
        EXPECT_EQ(events[1].type, "message");
        EXPECT_EQ(stream.last_id(), "3");
        stream.restart();
        stream.append("\n\n", [](const auto&) { FAIL() << "what was cut off is forgotten"; });
        EXPECT_EQ(stream.last_id(), "3");
    }
}

TEST(Axis, HasRoundValues) {
    const auto labels = [](double low, double high, std::size_t most) {
        std::string all;
        for (const Tick& tick : value_ticks(low, high, most)) all += (all.empty() ? "" : " ") + tick.label;
        return all;
    };
    EXPECT_EQ(labels(24.9, 37.2, 4), "25 30 35");
    EXPECT_EQ(labels(-0.013, 0.021, 4), "-0.01 0.00 0.01 0.02");
    EXPECT_EQ(labels(0, 1, 5), "0.0 0.2 0.4 0.6 0.8 1.0");
    EXPECT_EQ(labels(1e9, 3e9, 3), "1e+09 2e+09 3e+09");
    EXPECT_EQ(labels(40, 40, 3), "40.0");
    EXPECT_LE(value_ticks(1e-12, 2e-12, 3).size(), 4u);
}

TEST(Axis, HasRoundTimesOfTheLocalZone) {
    const Zone zone("Asia/Kolkata");  // half an hour beside UTC
    const auto labels = [](std::int64_t from, std::int64_t span, std::size_t width) {
        std::string all;
        for (const Tick& tick : time_ticks(from, from + span, width)) all += (all.empty() ? "" : " ") + tick.label;
        return all;
    };
    const std::int64_t midnight = 1'771'093'800'000;  // 2026-02-15 00:00 there
    EXPECT_EQ(labels(midnight, 3'600'000, 40), "00:00 00:15 00:30 00:45 01:00");
    EXPECT_EQ(labels(midnight, 86'400'000, 60), "00:00 06:00 12:00 18:00 00:00");
    EXPECT_EQ(labels(midnight + 1, 60'000, 60), "00:00:15 00:00:30 00:00:45 00:01:00");
    EXPECT_EQ(labels(midnight, 7 * 86'400'000LL, 70), "15 Feb 16 Feb 17 Feb 18 Feb 19 Feb 20 Feb 21 Feb 22 Feb");
    EXPECT_EQ(range_title(midnight, midnight + 3'600'000), "Sun 15 Feb 2026, 00:00 – 01:00 (UTC+5:30)");
    EXPECT_EQ(range_title(midnight - 60'000, midnight + 60'000),
              "Sat 14 Feb 2026, 23:59:00 – Sun 15 Feb 2026, 00:01:00 (UTC+5:30)");
}

ChartSeries wave(std::size_t count) {
    ChartSeries series;
    series.name = "vial_A_temp";
    series.unit = "°C";
    for (std::size_t i = 0; i < count; ++i) {
        series.times.push_back(static_cast<std::int64_t>(i) * 1'000);
        series.values.push_back(30 + 5 * std::sin(static_cast<double>(i) / 10));
    }
    return series;
}

TEST(Chart, FitsTheWidthWhateverItIs) {
    for (const std::size_t width : {10u, 40u, 57u, 80u, 200u}) {
        ChartOptions options{0, 100'000, width, 6, false};
        const std::string text = chart_text({wave(100), wave(50)}, options);
        for (const auto line : split(text, '\n')) EXPECT_LE(width_of(line), std::max<std::size_t>(width, 40)) << line;
        EXPECT_THAT(text, Not(HasSubstr("\x1b")));
        EXPECT_THAT(text, HasSubstr("vial_A_temp  °C"));
    }
}

TEST(Chart, SharesAPlotOnlyWhereColoursTellTheLinesApart) {
    ChartOptions options{0, 100'000, 80, 6, false};
    const auto lines = [&] { return split(chart_text({wave(100), wave(100)}, options), '\n').size(); };
    const std::size_t plain = lines();
    options.is_styled = true;
    EXPECT_LT(lines(), plain);
    EXPECT_THAT(chart_text({wave(100), wave(100)}, options), HasSubstr("━━"));
}

TEST(Chart, LeavesGapsWhereThereIsNothing) {
    ChartSeries broken;
    broken.name = "od";
    for (const std::int64_t at : {0, 1, 2, 3, 60, 61, 62, 63}) {
        broken.times.push_back(at * 1'000);
        broken.values.push_back(1.0);
    }
    ChartOptions options{0, 63'000, 80, 3, false};
    const std::string text = chart_text({broken}, options);
    EXPECT_THAT(text, HasSubstr("                    ")) << text;
    ChartSeries held = broken;
    held.has_steps = true;
    EXPECT_THAT(chart_text({held}, options), HasSubstr("on ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉"));
}

TEST(Chart, SaysWhatCanNotBeDrawn) {
    ChartSeries empty, nulls, text;
    empty.name = "a", nulls.name = "b", text.name = "c";
    nulls.times = text.times = {1'000};
    nulls.values = text.values = {std::nullopt};
    text.remark = "last #ff0000";
    const std::string shown = chart_text({empty, nulls, text}, {0, 10'000, 60, 4, false});
    EXPECT_THAT(shown, HasSubstr("no readings"));
    EXPECT_THAT(shown, HasSubstr("no value could be had"));
    EXPECT_THAT(shown, HasSubstr("last #ff0000"));
}

}  // namespace
}  // namespace labhub::cli
