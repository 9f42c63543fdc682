// The decoder of Sparkplug payloads and the reader of data messages, on messages that were really sent and then
// changed: at random, byte for byte; and within their meaning, where both must say the same.
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "coordinator/ingest/device_catalog.hpp"
#include "coordinator/ingest/unpack.hpp"
#include "shared/base/text.hpp"
#include "shared/proto/sparkplug_b.pb.h"
#include "shared/sparkplug/codec.hpp"
#include "tests/fuzz/mutator.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/strict_sink.hpp"

namespace labhub::fuzz {
namespace {

using sparkplug::MessageType;

void expect_sane(const sparkplug::Decoded& decoded) {
    for (const auto& metric : decoded.payload.metrics) {
        EXPECT_TRUE(!metric.name.empty() && is_utf8(metric.name));
        EXPECT_TRUE(metric.datatype.has_value());
        EXPECT_TRUE(is_sane(metric.value)) << metric.name;
        EXPECT_TRUE(!metric.timestamp || metric.timestamp->count >= 0);
        for (const auto& [key, value] : metric.properties) EXPECT_TRUE(is_utf8(key) && is_sane(value)) << metric.name;
        EXPECT_TRUE(is_sane(sparkplug::reading_of(metric, UtcMillis{0}).value));
        static_cast<void>(sparkplug::metric_info(metric));
    }
    static_cast<void>(sparkplug::bd_seq_of(decoded.payload));
}

/// Everything that reads bytes of strangers, once.
void read_every_way(const std::string& bytes) {
    const auto decoded = sparkplug::decode(bytes);
    const auto head = coordinator::ingest::read_head(bytes);
    if (decoded) {
        expect_sane(*decoded);
        EXPECT_TRUE(!head || head->seq.has_value() == decoded->payload.seq.has_value());
        sparkplug::MetricCatalog catalog;
        catalog.learn(decoded->payload);
        const auto again = sparkplug::decode(bytes, &catalog);
        ASSERT_TRUE(again);
        expect_sane(*again);
        EXPECT_LE(again->payload.metrics.size(), decoded->payload.metrics.size());
    }
    const auto birth = sparkplug::decode(seed_of(MessageType::dbirth).bytes);
    sparkplug::MetricCatalog catalog;
    catalog.learn(birth->payload);
    if (const auto data = sparkplug::decode(bytes, &catalog)) expect_sane(*data);
    const auto unpacked = coordinator::ingest::unpack(bytes);
    EXPECT_TRUE(!unpacked || unpacked->size() <= sparkplug::kMaxPayloadBytes);
}

TEST(SparkplugFuzz, NothingReadFromChangedMessagesIsInsane) {
    run_turns([](Mutator& mutator) {
        const Seed& seed = seeds()[mutator.pick(seeds().size())];
        read_every_way(mutator.change(seed.bytes, seeds()[mutator.pick(seeds().size())].bytes));
    });
}

TEST(SparkplugFuzz, EveryCutOfAMessageIsReadOrRefused) {
    for (const Seed& seed : seeds()) {
        const std::size_t step = seed.bytes.size() > 600 ? 7 : 1;
        for (std::size_t size = 0; size < seed.bytes.size(); size += step) read_every_way(seed.bytes.substr(0, size));
    }
}

TEST(SparkplugFuzz, ChangedTopicsAreParsedOrRefused) {
    run_turns([](Mutator& mutator) {
        const auto& topic = seeds()[mutator.pick(seeds().size())].topic;
        const std::string text = mutator.change(sparkplug::format_topic(topic).value(), "spBv1.0/STATE/+#\x01");
        const auto parsed = sparkplug::parse_topic(text);
        EXPECT_TRUE(!parsed || sparkplug::format_topic(*parsed).value() == text);
    });
}

// --- both readers of data ------------------------------------------------------------------------------------------

namespace pb = labhub::sparkplug_b;

double odd_number(Mutator& mutator) {
    constexpr double kOdd[] = {0.0,
                               -0.0,
                               1e308,
                               -5.0,
                               std::numeric_limits<double>::quiet_NaN(),
                               std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::denorm_min()};
    if (mutator.one_in(2)) return kOdd[mutator.pick(std::size(kOdd))];
    const std::uint64_t bits = mutator.bits();
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

std::uint64_t odd_bits(Mutator& mutator) {
    constexpr std::uint64_t kOdd[] = {
        0, 1, 0x7F, 0x80, 0xFF, 0xFFFB, 0xFFFF'FFFF, 0xFFFF'FFFB, 1ull << 63, ~0ull, 1'700'000'000'000};
    return mutator.one_in(3) ? mutator.bits() : kOdd[mutator.pick(std::size(kOdd))];
}

void set_some_value(pb::Metric& metric, Mutator& mutator) {
    switch (mutator.pick(9)) {
        case 0: metric.set_int_value(static_cast<std::uint32_t>(odd_bits(mutator))); break;
        case 1: metric.set_long_value(odd_bits(mutator)); break;
        case 2: metric.set_float_value(static_cast<float>(odd_number(mutator))); break;
        case 3:
        case 4: metric.set_double_value(odd_number(mutator)); break;
        case 5: metric.set_boolean_value(mutator.one_in(2)); break;
        case 6: metric.set_string_value(mutator.change("grün", "\xC3\x28 \x00")); break;
        case 7: metric.clear_value(); break;
        default: metric.set_bytes_value("\x01\x02"); break;
    }
}

void set_some_quality(pb::Metric& metric, Mutator& mutator) {
    auto& set = *metric.mutable_properties();
    set.Clear();
    set.add_keys("Quality");
    auto& value = *set.add_values();
    value.set_type(3);
    constexpr std::uint32_t kCodes[] = {0, 192, 500, 200, 7, 0xFFFF'FFFF};
    value.set_int_value(kCodes[mutator.pick(std::size(kCodes))]);
}

void change_metric(pb::Metric& metric, Mutator& mutator) {
    switch (mutator.pick(9)) {
        case 0: metric.set_is_null(mutator.one_in(2)); break;
        case 1: metric.clear_datatype(); break;
        case 2: metric.set_datatype(static_cast<std::uint32_t>(mutator.pick(20))); break;
        case 3: metric.clear_timestamp(); break;
        case 4: metric.set_is_historical(true); break;
        case 5: set_some_quality(metric, mutator); break;
        case 6: metric.set_name(mutator.one_in(2) ? "surprise" : ""); break;
        default: set_some_value(metric, mutator); break;
    }
}

std::string changed_within(const std::string& bytes, Mutator& mutator) {
    pb::Payload payload;
    EXPECT_TRUE(payload.ParseFromString(bytes));
    for (std::size_t left = mutator.pick(6) + 1; left > 0; --left) {
        const int count = payload.metrics_size();
        if (count > 0) change_metric(*payload.mutable_metrics(static_cast<int>(mutator.pick(count))), mutator);
    }
    return payload.SerializeAsString();
}

/// "name = value quality time", in the order of the message.
using Lines = std::vector<std::string>;

std::string line_of(const std::string& name, const Value& value, Quality quality, UtcMillis time) {
    return name + " = " + to_string(value) + " " + std::to_string(static_cast<int>(quality)) + " @" +
           std::to_string(time.count);
}

/// What the general decoder says, less what the ingest refuses: other types than the birth's, times out of range.
Lines by_codec(const sparkplug::Payload& birth, const std::string& bytes, const coordinator::ingest::SaneTimes& times,
               bool historical) {
    sparkplug::MetricCatalog catalog;
    catalog.learn(birth);
    const auto decoded = sparkplug::decode(bytes, &catalog);
    Lines lines;
    if (!decoded) return lines;
    for (const auto& metric : decoded->payload.metrics) {
        if (sparkplug::value_type(*metric.datatype) != sparkplug::value_type(*catalog.type_of(metric.name))) continue;
        const Reading reading = sparkplug::reading_of(metric, decoded->payload.timestamp.value_or(UtcMillis{0}));
        if (metric.is_historical == historical && times.contains(reading.time))
            lines.push_back(line_of(reading.metric, reading.value, reading.quality, reading.time));
    }
    return lines;
}

Lines by_catalog(const coordinator::ingest::DeviceCatalog& catalog,
                 const std::vector<coordinator::ingest::Sample>& samples) {
    Lines lines;
    for (const auto& sample : samples)
        lines.push_back(
            line_of(catalog.schema()->metrics[sample.metric].name, sample.value, sample.quality, sample.time));
    return lines;
}

TEST(SparkplugFuzz, BothReadersOfDataSayTheSame) {
    const Seed& born = seed_of(MessageType::dbirth);
    const auto birth = sparkplug::decode(born.bytes);
    ASSERT_TRUE(birth);
    coordinator::ingest::Tally tally;
    const coordinator::ingest::DeviceCatalog catalog({NodeId{"sim-1"}, "vessel"}, birth->payload, tally);
    std::vector<const Seed*> data;
    for (const Seed& seed : seeds())
        if (seed.topic.type == MessageType::ddata || seed.topic.type == MessageType::dbirth) data.push_back(&seed);
    const UtcMillis now = *birth->payload.timestamp;
    const auto times = coordinator::ingest::SaneTimes::at(now);
    run_turns([&](Mutator& mutator) {
        const std::string bytes = changed_within(data[mutator.pick(data.size())]->bytes, mutator);
        const auto head = coordinator::ingest::read_head(bytes);
        ASSERT_TRUE(head) << head.error().to_string();
        const auto read = catalog.decode(bytes, *head, now, tally);
        ASSERT_TRUE(read) << read.error().to_string();
        EXPECT_EQ(by_catalog(catalog, read->live), by_codec(birth->payload, bytes, times, false));
        EXPECT_EQ(by_catalog(catalog, read->historical), by_codec(birth->payload, bytes, times, true));
    });
}

}  // namespace
}  // namespace labhub::fuzz
