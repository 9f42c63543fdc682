// What strangers and broken nodes send: counted, refused, never a crash and never a reading that isn't one.
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <zlib.h>

#include "coordinator/ingest/node_session.hpp"
#include "coordinator/ingest/session_table.hpp"
#include "coordinator/ingest/unpack.hpp"
#include "shared/base/text.hpp"
#include "shared/proto/sparkplug_b.pb.h"
#include "tests/unit/coordinator/ingest/edge_node_messages.hpp"
#include "tests/unit/coordinator/ingest/recording_sink.hpp"

namespace labhub::coordinator::ingest {
namespace {

using sparkplug::MessageType;
using Lines = std::vector<std::string>;
namespace pb = labhub::sparkplug_b;

struct RobustnessTest : testing::Test {
    ManualClock clock;
    RecordingSink sink;
    Tally tally;
    Options options;
    NodeSession session{NodeId{"n"}, options, clock, sink, tally};
    EdgeNodeMessages node{clock};

    void send(MessageType type, const std::string& bytes) { session.receive(EdgeNodeMessages::topic(type), bytes); }
    void be_born() {
        send(MessageType::nbirth, node.node_birth());
        send(MessageType::dbirth, node.device_birth());
        sink.take();
    }
    void data(const std::string& bytes) { send(MessageType::ddata, bytes); }
    /// The next DDATA with one metric made by hand.
    std::string raw_data(const std::function<void(pb::Metric&)>& fill) {
        pb::Payload payload;
        EXPECT_TRUE(payload.ParseFromString(node.temp(0)));
        fill(*payload.mutable_metrics(0));
        return payload.SerializeAsString();
    }
};

/// `bytes` packed as a compressed Sparkplug payload. `window`: 15 zlib's framing, 15 + 16 gzip's.
std::string packed(const std::string& bytes, int window) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string body(deflateBound(&stream, bytes.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(body.data());
    stream.avail_out = static_cast<uInt>(body.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    body.resize(stream.total_out);
    deflateEnd(&stream);
    pb::Payload outer;
    outer.set_uuid(std::string(kCompressedUuid));
    outer.set_body(body);
    return outer.SerializeAsString();
}

TEST_F(RobustnessTest, SurvivesMessagesCutShortAnywhereAndWithholdsPositionsAfterThem) {
    const std::string birth = node.node_birth(), device = node.device_birth(), sample = node.temp(21.5, 7);
    for (std::size_t length = 0; length < birth.size(); ++length) send(MessageType::nbirth, birth.substr(0, length));
    be_born();
    for (std::size_t length = 0; length < device.size(); ++length) send(MessageType::dbirth, device.substr(0, length));
    for (std::size_t length = 0; length < sample.size(); ++length) data(sample.substr(0, length));
    be_born();
    data(node.temp(1, 8).substr(0, 12));
    EXPECT_GT(tally.malformed, 0u);
    EXPECT_FALSE(session.take_rebirth_request()) << "the birth before has not mended it";
    clock.advance(options.rebirth_interval * 6);
    EXPECT_TRUE(session.take_rebirth_request());
}

TEST_F(RobustnessTest, SurvivesRandomlyDamagedMessages) {
    std::mt19937 random(7);
    for (int round = 0; round < 5'000; ++round) {
        be_born();
        std::string bytes = round % 2 == 0 ? node.temp(21.5, round) : node.device_birth();
        for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
        send(round % 2 == 0 ? MessageType::ddata : MessageType::dbirth, bytes);
    }
    sink.take();
}

TEST_F(RobustnessTest, ReadsWhateverTheFullDecoderReads) {
    sparkplug::MetricCatalog births;
    const auto birth = sparkplug::decode(node.device_birth()).value().payload;
    births.learn(birth);
    Tally other;
    const DeviceCatalog catalog(DeviceAddress{NodeId{"n"}, "v"}, birth, other);
    std::mt19937 random(11);
    int compared = 0, refused = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto first = EdgeNodeMessages::metric("temp", static_cast<double>(round)), second = first;
        second.name = "led", second.is_historical = round % 3 == 0, second.quality = Quality::stale;
        std::string bytes = node.data({first, second});
        for (int i = 0; i < round % 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
        const auto full = sparkplug::decode(bytes, &births);
        if (!full) continue;
        const auto head = read_head(bytes);
        const auto lean =
            head ? catalog.decode(bytes, *head, clock.utc_now(), other) : Result<DecodedData>(head.error());
        // Groups, which protocol buffers have given up, are passed over by the one and refused by the other.
        const auto is_unreadable = [](const Defect& defect) { return defect.kind == Defect::Kind::unreadable_metric; };
        const bool is_refused = !lean || std::any_of(lean->defects.begin(), lean->defects.end(), is_unreadable);
        refused += is_refused ? 1 : 0;
        if (is_refused) continue;
        std::size_t sane = 0;
        const auto times = SaneTimes::at(clock.utc_now());
        for (const auto& metric : full->payload.metrics) {
            const auto type = sparkplug::value_type(*metric.datatype);
            const bool same_type = type == ValueType::number;  // of both metrics' birth
            const auto time = metric.timestamp.value_or(full->payload.timestamp.value_or(clock.utc_now()));
            sane += same_type && times.contains(time) ? 1 : 0;
        }
        EXPECT_EQ(lean->live.size() + lean->historical.size() + lean->transient.size(), sane) << printable(bytes);
        ++compared;
    }
    EXPECT_GT(compared, 5'000);
    EXPECT_LT(refused, compared / 50);
}

TEST_F(RobustnessTest, UnpacksCompressedPayloadsOfBothFramings) {
    send(MessageType::nbirth, packed(node.node_birth(), 15 + 16));
    send(MessageType::dbirth, packed(node.device_birth(), 15));
    sink.take();
    data(packed(node.temp(21.5, 3), 15 + 16));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=21.5 @3"});
    EXPECT_EQ(tally.malformed, 0u);
}

TEST_F(RobustnessTest, RefusesACompressedBombAndDamagedCompression) {
    be_born();
    data(packed(std::string(64u << 20, '\0'), 15));
    std::string damaged = packed(node.temp(1), 15);
    damaged[damaged.size() - 3] = static_cast<char>(~damaged[damaged.size() - 3]);
    data(damaged);
    data(damaged.substr(0, damaged.size() / 2));
    EXPECT_EQ(tally.malformed, 3u);
    EXPECT_TRUE(sink.take().empty());
}

TEST_F(RobustnessTest, RefusesABirthOfAMillionMetrics) {
    send(MessageType::nbirth, node.node_birth());
    sink.take();
    pb::Payload birth;
    EXPECT_TRUE(birth.ParseFromString(node.device_birth()));
    for (int i = 0; i < 1'000'000; ++i) birth.add_metrics();
    send(MessageType::dbirth, birth.SerializeAsString());
    EXPECT_EQ(tally.malformed, 1u);
    EXPECT_EQ(tally.known_metrics, 3u) << "the node's own";
    EXPECT_TRUE(sink.take().empty());
}

TEST_F(RobustnessTest, TakesNoNamesWithControlCharacters) {
    send(MessageType::nbirth, node.node_birth());
    auto birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics.push_back(EdgeNodeMessages::metric("te\x01mp\n", 1.0));
    birth.seq = 1;
    send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
    EXPECT_EQ(sink.take().back(), "born n/v temp[Cel] led[] temp=20 led=null(stale)");
    EXPECT_EQ(tally.unsupported_metrics, 1u);
    SessionTable table(options, clock, sink, tally);
    table.receive({"spBv1.0/lab/NBIRTH/a\x07z", node.node_birth(), 0, false});
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.malformed, 1u);
}

TEST_F(RobustnessTest, TakesNumbersThatAreNotFiniteAsBadNulls) {
    be_born();
    for (const double number :
         {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()})
        data(raw_data([&](pb::Metric& metric) { metric.set_double_value(number); }));
    data(raw_data([&](pb::Metric& metric) { metric.set_float_value(std::numeric_limits<float>::infinity()); }));
    const Lines expected(4, "live n/v temp=null(bad)");
    EXPECT_EQ(sink.take(), expected);
}

TEST_F(RobustnessTest, RefusesTimesOf1970AndOf2100) {
    be_born();
    for (const std::uint64_t time : {std::uint64_t{0}, std::uint64_t{12'345}, std::uint64_t{4'102'444'800'000},
                                     std::numeric_limits<std::uint64_t>::max()})
        data(raw_data([&](pb::Metric& metric) { metric.set_timestamp(time); }));
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.refused_times, 4u);
}

TEST_F(RobustnessTest, TellsOfReadingsSetAsideForTheirTimesAndAcknowledgesTheirRows) {
    be_born();
    auto early = EdgeNodeMessages::metric("temp", 1.0);
    early.timestamp = UtcMillis{61'000};
    early.properties[sparkplug::property::kSpoolPosition] = std::int64_t{7};
    data(node.data({early}));
    EXPECT_EQ(sink.take(), Lines{"live n/v @7"}) << "no repetition could mend them";
    session.tick();
    EXPECT_EQ(sink.take(), Lines{"refused n 1 v/temp of 1970-01-01T00:01:01.000Z"});
    data(node.data({early}));
    session.tick();
    EXPECT_EQ(sink.take(), Lines{"live n/v @7"});
    clock.advance(std::chrono::seconds{1});
    session.tick();
    EXPECT_EQ(sink.take(), Lines{"refused n 2 v/temp of 1970-01-01T00:01:01.000Z"}) << "once a second at most";
}

TEST_F(RobustnessTest, LeavesOutValuesOfAnotherTypeThanTheBirthsUntilItIsBornAgain) {
    be_born();
    data(raw_data([](pb::Metric& metric) { metric.set_datatype(12), metric.set_string_value("hot"); }));
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.type_changes, 1u);
    EXPECT_TRUE(session.take_rebirth_request());
    data(node.temp(2, 9));
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=2"}) << "position 9 would cover what was left out";
}

TEST_F(RobustnessTest, TakesAnIntegerOfAnotherWidthForTheSameType) {
    send(MessageType::nbirth, node.node_birth());
    sparkplug::Payload birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics = {EdgeNodeMessages::metric("count", std::int64_t{1})};
    send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
    sink.take();
    data(raw_data([](pb::Metric& metric) {
        metric.set_name("count"), metric.set_datatype(3), metric.set_int_value(static_cast<std::uint32_t>(-5));
    }));
    EXPECT_EQ(sink.take(), Lines{"live n/v count=-5"});
    EXPECT_EQ(tally.type_changes, 0u);
}

TEST_F(RobustnessTest, CountsAMetricThatIsBornAgainWithAnotherType) {
    be_born();
    send(MessageType::nbirth, node.node_birth());
    auto birth = sparkplug::decode(node.device_birth()).value().payload;
    birth.metrics[0].datatype = sparkplug::DataType::string;
    birth.metrics[0].value = std::string("warm");
    birth.seq = 1;
    send(MessageType::dbirth, sparkplug::encode(MessageType::dbirth, birth).value());
    EXPECT_EQ(tally.type_changes, 1u);
}

TEST_F(RobustnessTest, RefusesABirthUnderAnEnrolledNameWithAnotherHostKey) {
    options.host_keys[NodeId{"n"}] = "SHA256:mine";
    const auto birth_with = [&](const std::string& key) {
        auto birth = sparkplug::decode(node.node_birth()).value().payload;
        birth.metrics.push_back(EdgeNodeMessages::metric("Node Info/SSH Host Key", key));
        return sparkplug::encode(MessageType::nbirth, birth).value();
    };
    send(MessageType::nbirth, birth_with("SHA256:mine"));
    send(MessageType::dbirth, node.device_birth());
    sink.take();
    const auto next = node.temp(1, 1);
    send(MessageType::nbirth, birth_with("SHA256:theirs"));
    EXPECT_TRUE(sink.take().empty());
    EXPECT_EQ(tally.impostors, 1u);
    data(next);
    EXPECT_EQ(sink.take(), Lines{"live n/v temp=1 @1"}) << "the session of the real one goes on";
}

TEST_F(RobustnessTest, NoticesTwoMachinesOfOneName) {
    const auto start_of = [&](const std::string& boot_id) {
        auto birth = sparkplug::decode(node.node_birth()).value().payload;
        birth.metrics.push_back(EdgeNodeMessages::metric("Node Info/Boot Id", boot_id));
        send(MessageType::nbirth, sparkplug::encode(MessageType::nbirth, birth).value());
    };
    for (const char* const boot_id : {"one", "one", "two"}) start_of(boot_id);
    EXPECT_EQ(tally.impostors, 0u) << "a restart, and a rebirth";
    start_of("one");
    start_of("two");
    EXPECT_EQ(tally.impostors, 2u);
}

TEST_F(RobustnessTest, WithholdsPositionsWhileThereIsNoRoomAndUntilItIsBornAgain) {
    be_born();
    sink.has_room = false;
    data(node.temp(1, 1));
    sink.has_room = true;
    data(node.temp(2, 2));
    EXPECT_EQ(sink.take().back(), "live n/v temp=2");
    be_born();
    data(node.temp(1, 1, true));
    EXPECT_EQ(sink.take(), Lines{"history n/v temp=1 @1"});
}

TEST_F(RobustnessTest, KeepsTransientValuesApart) {
    be_born();
    auto passing = EdgeNodeMessages::metric("temp", 1.0);
    passing.is_transient = true;
    data(node.data({passing, EdgeNodeMessages::metric("led", 2.0)}));
    EXPECT_EQ(sink.take(), (Lines{"transient n/v temp=1", "live n/v led=2"}));
}

TEST_F(RobustnessTest, TellsMetricsOfTheNodeThatHaveChanged) {
    be_born();
    sparkplug::Payload changes;
    changes.timestamp = clock.utc_now();
    changes.seq = node.seq.current();
    changes.metrics = {EdgeNodeMessages::metric("Node Info/Version", std::string("2"))};
    send(MessageType::ndata, sparkplug::encode(MessageType::ndata, changes).value());
    EXPECT_EQ(sink.take(), Lines{"changed n Node Info/Version=2"});
}

TEST(SessionTable, WaitsForBirthsBeforeItAsksForMore) {
    ManualClock clock;
    RecordingSink sink;
    Tally tally;
    Options options;
    SessionTable table(options, clock, sink, tally);
    for (int i = 0; i < 300; ++i) table.request_rebirth(NodeId{"n" + std::to_string(i)});
    EXPECT_EQ(table.take_rebirth_requests(1'000).size(), 100u);
    EXPECT_TRUE(table.take_rebirth_requests(1'000).empty()) << "a hundred have not answered yet";
    clock.advance(std::chrono::seconds{2});
    EXPECT_EQ(table.take_rebirth_requests(1'000).size(), 100u) << "and are not waited for any longer";
}

}  // namespace
}  // namespace labhub::coordinator::ingest
