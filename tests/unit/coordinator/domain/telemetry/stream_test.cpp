#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/domain/telemetry/stream.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using ::testing::HasSubstr;

template <class... Each>
std::shared_ptr<const SampleGroup> group_of(Each... each) {
    return std::make_shared<const SampleGroup>(
        SampleGroup{std::make_shared<const ingest::Samples>(std::move(each))...});
}

class LiveFeedTest : public ::testing::Test {
  protected:
    LiveFeedTest() {
        auto schema = std::make_shared<ingest::DeviceSchema>();
        schema->device = {NodeId{"sim-1"}, "vessel"};
        for (const char* name : {"temp", "od"}) {
            MetricInfo metric;
            metric.name = name;
            schema->metrics.push_back(metric);
        }
        schema_ = schema;
    }

    void publish(std::initializer_list<std::uint32_t> metrics, bool historical = false) {
        ingest::Samples samples;
        samples.schema = schema_;
        samples.historical = historical;
        for (const std::uint32_t metric : metrics) {
            time_ = time_ + std::chrono::milliseconds{100};
            samples.samples.push_back({metric, Quality::good, time_, Value(1.5)});
        }
        feed_.publish(group_of(std::move(samples)));
        clock_.advance(std::chrono::milliseconds{100});
    }
    std::unique_ptr<LiveReader> open(Selection selection = {}, std::optional<std::string> last_id = std::nullopt) {
        auto reader = feed_.open(std::move(selection), last_id, "user:admin");
        EXPECT_TRUE(reader) << reader.error().to_string();
        return std::move(*reader);
    }

    static constexpr std::size_t kBytes = 4'000;
    asio::io_context io_;
    ManualClock clock_;
    UtcMillis time_{1'700'000'000'000};
    ingest::DeviceSchemaPtr schema_;
    LiveFeed feed_{io_.get_executor(), clock_, kBytes};
};

TEST_F(LiveFeedTest, GivesAReaderWhatComesAfterItCame) {
    publish({0});
    auto reader = open();
    EXPECT_TRUE(reader->take(10).empty());
    publish({0, 1});
    publish({1});
    const auto batch = reader->take(10);
    ASSERT_EQ(batch.parts.size(), 2u);
    EXPECT_EQ(batch.parts[0].samples.size(), 2u);
    EXPECT_EQ(batch.parts[0].event->device(), "sim-1/vessel");
    EXPECT_FALSE(batch.missed);
    EXPECT_TRUE(reader->take(10).empty());
}

TEST_F(LiveFeedTest, GivesOnlyWhatIsSelected) {
    auto reader = open({{}, "", {"od"}});
    publish({0});
    publish({0, 1});
    const auto batch = reader->take(10);
    ASSERT_EQ(batch.parts.size(), 1u);
    ASSERT_EQ(batch.parts[0].samples.size(), 1u);
    EXPECT_EQ(batch.parts[0].samples[0]->metric, 1u);
}

TEST_F(LiveFeedTest, GoesOnAfterTheLastEventOfAReaderThatComesBack) {
    auto reader = open();
    for (int i = 0; i < 4; ++i) publish({0});
    const auto before = reader->take(2);
    reader.reset();
    publish({0});
    auto again = open({}, before.parts.back().id);
    const auto after = again->take(10);
    EXPECT_FALSE(after.missed);
    ASSERT_EQ(after.parts.size(), 3u);
    EXPECT_EQ(after.parts[0].event->number, before.parts.back().event->number + 1);
}

TEST_F(LiveFeedTest, CountsSeriesBySeriesWhatASlowReaderDidNotGet) {
    auto slow = open({{}, "", {"od"}});
    auto quick = open();
    std::size_t quick_got = 0;
    for (int i = 0; i < 200; ++i) {
        publish({0, 1});
        quick_got += quick->take(10).parts.size();
    }
    EXPECT_EQ(quick_got, 200u) << "a slow reader slows nobody";
    const auto batch = slow->take(1'000);
    ASSERT_TRUE(batch.missed);
    EXPECT_EQ(batch.missed->reason, "slow");
    ASSERT_EQ(batch.missed->series.size(), 1u);
    const auto& gap = batch.missed->series.at("sim-1/vessel/od");
    EXPECT_EQ(gap.readings + batch.parts.size(), 200u) << "every reading was either given or counted";
    EXPECT_EQ(batch.missed->readings, gap.readings);
    EXPECT_EQ(gap.from.count, 1'700'000'000'200);
    EXPECT_LT(gap.to, batch.parts.front().samples[0]->time);
    EXPECT_FALSE(slow->take(10).missed) << "told once";
}

TEST_F(LiveFeedTest, TellsAReaderThatComesBackTooLateWhereToLook) {
    auto reader = open();
    publish({0});
    const auto first = reader->take(1);
    const UtcMillis left = clock_.utc_now();
    reader.reset();
    for (int i = 0; i < 200; ++i) publish({0});
    auto again = open({}, first.last_id);
    const auto batch = again->take(1'000);
    ASSERT_TRUE(batch.missed);
    EXPECT_EQ(batch.missed->reason, "too_late");
    EXPECT_FALSE(batch.missed->readings);
    EXPECT_LT(batch.missed->from, left);
    EXPECT_GE(batch.missed->to, batch.parts.front().event->arrived);
}

TEST_F(LiveFeedTest, TellsAReaderOfAnEarlierStartThatTheHubWasRestarted) {
    auto reader = open();
    publish({0});
    const auto last = reader->take(1).parts.back().id;
    clock_.advance(std::chrono::seconds{30});
    LiveFeed next(io_.get_executor(), clock_, kBytes);
    auto again = next.open({}, last, "user:admin");
    ASSERT_TRUE(again);
    const auto batch = (*again)->take(10);
    ASSERT_TRUE(batch.missed);
    EXPECT_EQ(batch.missed->reason, "restarted");
    EXPECT_EQ(batch.missed->to, clock_.utc_now());
    EXPECT_LE(batch.missed->from.count, 1'700'000'000'100);
    auto third = next.open({}, batch.missed_id, "user:admin");
    EXPECT_FALSE((*third)->take(10).missed) << "the event itself has an id to come back with";
}

TEST_F(LiveFeedTest, LooksAtWhatIsNotSelectedOnceOnly) {
    auto reader = open({{"none/none/none"}, "", {}});
    for (int i = 0; i < 300; ++i) {
        publish({0});
        EXPECT_TRUE(reader->take(10).empty());
    }
    const auto id = reader->take(10).last_id;
    auto again = open({{"none/none/none"}, "", {}}, id);
    EXPECT_FALSE(again->take(10).missed);
}

TEST_F(LiveFeedTest, TellsOfLateReadingsByTheirEnds) {
    auto reader = open();
    publish({0, 0, 0, 0, 1}, true);
    const auto batch = reader->take(10);
    ASSERT_EQ(batch.parts.size(), 1u);
    EXPECT_TRUE(batch.parts[0].event->samples->historical);
    ASSERT_EQ(batch.parts[0].samples.size(), 3u);
    EXPECT_EQ(batch.parts[0].samples[1]->time.count, 1'700'000'000'400);
}

TEST_F(LiveFeedTest, KeepsNothingOfAGroupButItsOwnEvents) {
    std::weak_ptr<const ingest::Samples> gone;
    {
        ingest::Samples live, replayed;
        live.schema = replayed.schema = schema_;
        live.samples.push_back({0, Quality::good, time_, Value(1.5)});
        replayed.historical = true;
        for (int i = 0; i < 100'000; ++i) replayed.samples.push_back({0, Quality::good, time_, Value(1.5)});
        const auto group = group_of(std::move(live), std::move(replayed));
        gone = group->back();
        feed_.publish(group);
    }
    EXPECT_TRUE(gone.expired());
    EXPECT_LT(feed_.bytes(), kBytes);
}

TEST_F(LiveFeedTest, CountsTheBirthsItsEventsPointTo) {
    auto reader = open();
    std::vector<std::weak_ptr<const ingest::DeviceSchema>> births;
    for (int i = 0; i < 200; ++i) {
        schema_ = std::make_shared<ingest::DeviceSchema>(*schema_);
        births.push_back(schema_);
        publish({0});
        (void)reader->take(10);
        EXPECT_LE(feed_.bytes(), kBytes);
    }
    const auto alive = std::count_if(births.begin(), births.end(), [](const auto& birth) { return !birth.expired(); });
    EXPECT_LT(alive, 10) << "neither the ring nor a reader keeps the births of what is gone";
}

TEST_F(LiveFeedTest, WakesAWaitingReader) {
    auto reader = open();
    bool is_awake = false;
    const auto wait_for_news = [](LiveReader* waiting, bool* awake) -> Task<void> {
        co_await waiting->wait(std::chrono::hours{1});
        *awake = true;
    };
    asio::co_spawn(io_, wait_for_news(reader.get(), &is_awake), asio::detached);
    io_.poll();
    EXPECT_FALSE(is_awake);
    ingest::Samples samples;
    samples.schema = schema_;
    samples.samples.push_back({0, Quality::good, time_, Value(1.5)});
    feed_.listener()(group_of(std::move(samples)));
    io_.poll();
    EXPECT_TRUE(is_awake);
    EXPECT_EQ(reader->take(10).parts.size(), 1u);
}

TEST_F(LiveFeedTest, RefusesIdsItNeverGaveAndTooManyReaders) {
    for (const char* wrong : {"", "7", "a-b-c", "1-2-3-4", "-1-2-3", "99999999999999999999-1-1"}) {
        const auto refused = feed_.open({}, wrong, "user:admin");
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().code, ErrorCode::malformed);
    }
    std::vector<std::unique_ptr<LiveReader>> readers;
    for (std::size_t i = 0; i < LiveFeed::kMostReadersOfOne; ++i) readers.push_back(open());
    EXPECT_EQ(feed_.open({}, std::nullopt, "user:admin").error().code, ErrorCode::too_many);
    EXPECT_TRUE(feed_.open({}, std::nullopt, "job:other"));
    readers.pop_back();
    EXPECT_TRUE(feed_.open({}, std::nullopt, "user:admin"));
}

}  // namespace
}  // namespace labhub::coordinator::telemetry
