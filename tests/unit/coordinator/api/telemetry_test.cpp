#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/api/operations.hpp"
#include "coordinator/api/telemetry_query.hpp"
#include "coordinator/api/telemetry_stream.hpp"

namespace labhub::coordinator::api {
namespace {

using ::testing::HasSubstr;

TEST(TelemetryReply, IsWrittenAsItsSchemaSays) {
    store::SeriesInfo info;
    info.id = store::SeriesId{7};
    info.device = {NodeId{"sim-1"}, "vessel"};
    info.metric = "te\"mp";
    info.unit = "Cel";
    store::SeriesPoints points;
    points.points = {{UtcMillis{1'000}, Value(0.1), Quality::good},
                     {UtcMillis{2'000}, Value(), Quality::bad},
                     {UtcMillis{3'000}, Value(true), Quality::good},
                     {UtcMillis{4'000}, Value(std::string("a\n\"b\"")), Quality::stale}};
    points.samples = 4;
    telemetry::Resolution resolution;
    const std::string text =
        query_reply_text({UtcMillis{0}, UtcMillis{5'000}}, resolution, {info, info}, {points, store::SeriesPoints{}});
    auto json = parse_json(text);
    ASSERT_TRUE(json) << json.error().to_string() << text;
    EXPECT_EQ(json->at("status"), "success");
    json->as_object().erase("status");
    auto& nothing = json->at("series").at(0).at("values").at(1);
    EXPECT_TRUE(nothing.is_null());
    nothing = 0;  // decode reads requests, in which a value is never null
    const auto reply = decode<QueryReply>(*json);
    ASSERT_TRUE(reply) << reply.error().to_string();
    ASSERT_EQ(reply->series.size(), 2u);
    const QuerySeries& first = reply->series[0];
    EXPECT_EQ(first.series, "sim-1/vessel/te\"mp");
    EXPECT_EQ(first.times, (std::vector<std::int64_t>{1'000, 2'000, 3'000, 4'000}));
    EXPECT_EQ(first.values, (std::vector<Value>{0.1, std::int64_t{0}, true, std::string("a\n\"b\"")}));
    EXPECT_EQ(first.quality, (std::vector<std::string>{"good", "bad", "good", "stale"}));
    EXPECT_FALSE(reply->series[1].quality) << "null: all of none are good";
}

TEST(TelemetryReply, HasNoUnitForCounts) {
    store::SeriesInfo info;
    info.unit = "Cel";
    telemetry::Resolution resolution;
    resolution.step = std::chrono::milliseconds{1'500};
    resolution.aggregate = store::Aggregate::count;
    const std::string text =
        query_reply_text({UtcMillis{0}, UtcMillis{5'000}}, resolution, {info}, {store::SeriesPoints{}});
    EXPECT_THAT(text, HasSubstr("\"step_ms\":1500,\"aggregate\":\"count\""));
    EXPECT_THAT(text, HasSubstr("\"unit\":\"\""));
}

TEST(TelemetryStream, WritesEventsAsBrowsersReadThem) {
    auto schema = std::make_shared<ingest::DeviceSchema>();
    schema->device = {NodeId{"sim-1"}, "vessel"};
    schema->metrics.resize(1);
    schema->metrics[0].name = "temp";
    schema->metrics[0].unit = "Cel";
    const auto event_of = [&](bool historical) {
        auto samples = std::make_shared<ingest::Samples>();
        samples->schema = schema;
        samples->historical = historical;
        samples->samples = {{0, Quality::good, UtcMillis{1'000}, Value(36.5)},
                            {0, Quality::bad, UtcMillis{2'000}, Value()}};
        auto event = std::make_shared<telemetry::LiveEvent>();
        event->samples = samples;
        return event;
    };
    const auto part_of = [](std::string id, const std::shared_ptr<telemetry::LiveEvent>& event) {
        return telemetry::LiveBatch::Part{
            std::move(id), event, {&event->samples->samples[0], &event->samples->samples[1]}};
    };
    telemetry::LiveBatch batch;
    batch.parts = {part_of("1-2-3", event_of(false)), part_of("1-3-4", event_of(true))};
    batch.missed.emplace();
    batch.missed->reason = "slow";
    batch.missed->readings = 5;
    batch.missed->series["a/b/c"] = {5, UtcMillis{10}, UtcMillis{20}};
    batch.missed_id = "1-1-2";
    EXPECT_EQ(stream_text(batch),
              "id: 1-1-2\nevent: missed\ndata: {\"reason\":\"slow\",\"readings\":5,\"from\":0,\"to\":0,\"series\":"
              "[{\"series\":\"a/b/c\",\"readings\":5,\"from\":10,\"to\":20}]}\n\n"
              "id: 1-2-3\nevent: readings\ndata: {\"device\":\"sim-1/vessel\",\"readings\":[{\"metric\":\"temp\","
              "\"time\":1000,\"value\":36.5,\"unit\":\"Cel\",\"quality\":\"good\"},{\"metric\":\"temp\",\"time\":2000,"
              "\"value\":null,\"unit\":\"Cel\",\"quality\":\"bad\"}]}\n\n"
              "id: 1-3-4\nevent: late\ndata: {\"device\":\"sim-1/vessel\",\"metrics\":[\"temp\"],\"from\":1000,"
              "\"to\":2000}\n\n");
    telemetry::LiveBatch nothing;
    nothing.last_id = "1-9-9";
    EXPECT_EQ(stream_text(nothing), ": nothing new\nid: 1-9-9\n\n");
}

TEST(TelemetryOperations, AreInTheOneListWithTheirParameters) {
    std::vector<std::string> found;
    for (const auto& operation : all_operations()) {
        if (operation.tag != "telemetry") continue;
        found.push_back(operation.path);
        EXPECT_EQ(operation.access, Access::user_or_job);
        EXPECT_FALSE(operation.summary.empty());
        for (const auto& parameter : operation.query) EXPECT_FALSE(parameter.description.empty()) << parameter.name;
    }
    EXPECT_EQ(found, (std::vector<std::string>{"/api/telemetry/series", "/api/telemetry/latest", "/api/telemetry/query",
                                               "/api/telemetry/export", "/api/telemetry/stream"}));
}

}  // namespace
}  // namespace labhub::coordinator::api
