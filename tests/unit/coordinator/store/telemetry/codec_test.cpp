#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "coordinator/store/telemetry/block.hpp"
#include "coordinator/store/telemetry/integer_codec.hpp"
#include "coordinator/store/telemetry/number_codec.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

std::size_t check_integers(const std::vector<std::int64_t>& values) {
    std::string bytes;
    ByteWriter out(bytes);
    encode_integers(values, out);
    std::vector<std::int64_t> read(values.size());
    ByteReader in(bytes);
    EXPECT_TRUE(decode_integers(in, read));
    EXPECT_TRUE(in.is_at_end());
    EXPECT_EQ(read, values);
    return bytes.size();
}

/// To the bit: -0.0 and subnormals too.
std::size_t check_numbers(const std::vector<double>& values) {
    std::string bytes;
    ByteWriter out(bytes);
    encode_numbers(values, out);
    std::vector<double> read(values.size());
    ByteReader in(bytes);
    EXPECT_TRUE(decode_numbers(in, read));
    for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_EQ(std::bit_cast<std::uint64_t>(read[i]), std::bit_cast<std::uint64_t>(values[i])) << values[i];
    return bytes.size();
}

TEST(IntegerCodec, GivesBackWhatItWasGiven) {
    check_integers({});
    check_integers({0});
    check_integers({std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), -1, 0, 1});
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::int64_t> values(random() % 700);
        const auto shift = random() % 64;
        for (auto& value : values) value = static_cast<std::int64_t>(random() >> shift) * (random() % 2 ? 1 : -1);
        check_integers(values);
    }
}

TEST(IntegerCodec, StoresASteadyClockInAlmostNothing) {
    std::vector<std::int64_t> times;
    for (int i = 0; i < 8192; ++i) times.push_back(1'770'000'000'000 + i * 100);
    EXPECT_LT(check_integers(times), 20u);
}

TEST(NumberCodec, GivesBackEveryDoubleToTheBit) {
    check_numbers({0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1e300});
    std::mt19937_64 random(2);
    for (int round = 0; round < 200; ++round) {
        std::vector<double> values(1 + random() % 600);
        for (auto& value : values) {
            do value = std::bit_cast<double>(random());
            while (!std::isfinite(value));
            if (round % 3 == 1) value = static_cast<double>(random() % 100'000) / 1000;
            if (round % 3 == 2 && random() % 10) value = static_cast<double>(static_cast<float>(random() % 999) / 7);
        }
        check_numbers(values);
    }
}

TEST(NumberCodec, FindsTheCountsBehindDecimalsAndMeans) {
    std::mt19937_64 random(3);
    std::normal_distribution<double> noise(0, 20);
    std::vector<double> decimals, means;
    for (int i = 0; i < 8192; ++i) {
        decimals.push_back(std::round(37'000 + noise(random)) / 1000);
        means.push_back(std::round(58'000 + noise(random)) / 112 / 1000);
    }
    EXPECT_LT(check_numbers(decimals), 8192u * 11 / 10);
    EXPECT_LT(check_numbers(means), 8192u * 12 / 10);
}

TEST(NumberCodec, OutliersCostThemselvesAlone) {
    std::vector<double> values;
    for (int i = 0; i < 8192; ++i) values.push_back(20 + (i % 7) / 10.0);
    const std::size_t before = check_numbers(values);
    values[4000] = 1e-17;
    values[5000] = -3.3e100;
    EXPECT_LT(check_numbers(values), before + 400);
}

SampleList mixed_samples(int count) {
    SampleList list;
    std::mt19937 random(4);
    std::int64_t time = 1'770'000'000'000;
    for (int i = 0; i < count; ++i) {
        time += 1 + random() % 50;
        Value value = i / 10.0;
        if (i % 5 == 1) value = std::int64_t{i};
        if (i % 5 == 2) value = i % 2 == 0;
        if (i % 5 == 3) value = std::string("state ") + std::to_string(i % 3);
        if (i % 5 == 4) value = Value{};
        const Quality quality = i % 11 == 0  ? Quality::bad
                                : i % 7 == 0 ? Quality::stale
                                : i % 5 == 0 ? Quality::uncertain
                                             : Quality::good;
        list.samples.push_back(pack(time, quality, value, list.texts));
    }
    return list;
}

TEST(Block, KeepsEveryKindOfValueWithItsQuality) {
    const SampleList list = mixed_samples(3000);
    const EncodedBlock block = encode_block(SeriesId{7}, list);
    const auto summary = decode_summary(block.summary);
    ASSERT_TRUE(summary);
    const auto read = decode_block(*summary, block.packed);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        const Sample a = unpack(list.samples[i], list.texts), b = unpack(read->samples[i], read->texts);
        EXPECT_EQ(a.time, b.time);
        EXPECT_EQ(a.value, b.value);
        EXPECT_EQ(a.quality, b.quality);
    }
}

TEST(Block, SummariesLeaveOutBadReadingsNullsAndTexts) {
    SampleList list;
    list.samples = {pack(1'000, Quality::good, 5.0, list.texts), pack(2'000, Quality::bad, -99.0, list.texts),
                    pack(3'000, Quality::good, Value{}, list.texts), pack(4'000, Quality::stale, 7.0, list.texts),
                    pack(5'000, Quality::good, std::nan(""), list.texts)};
    const BlockSummary summary = summarise(SeriesId{1}, list, 0);
    EXPECT_EQ(summary.whole.count, 5u);
    EXPECT_EQ(summary.whole.numbers, 2u);
    EXPECT_EQ(summary.whole.minimum, 5.0);
    EXPECT_EQ(summary.whole.maximum, 7.0);
    EXPECT_EQ(summary.whole.maximum_time, 4'000);
    EXPECT_EQ(summary.whole.sum, 12.0);
    EXPECT_EQ(unpack(list.samples[4], list.texts).value, Value{});
    EXPECT_EQ(unpack(list.samples[4], list.texts).quality, Quality::bad);
}

TEST(Block, SummariesOfTheFormatBeforeAreReadAndKnowNoQualities) {
    SampleList list;
    list.samples = {pack(1'000, Quality::good, 5.0, list.texts), pack(2'000, Quality::uncertain, 6.0, list.texts)};
    std::string bytes = encode_summary(summarise(SeriesId{1}, list, 9));
    EXPECT_EQ(decode_summary(bytes)->whole.qualities.of_value(), Quality::uncertain);
    constexpr std::size_t kQualities = 1 + 4 + 8 + 4 * 8 + 2 * 4 + 4 * 8;
    bytes[0] = 1;
    bytes.erase(kQualities, 1);
    bytes.resize(bytes.size() - sizeof(std::uint64_t));
    ByteWriter(bytes).fixed(hash_of(bytes));
    const auto former = decode_summary(bytes);
    ASSERT_TRUE(former);
    EXPECT_EQ(former->whole.maximum, 6.0);
    EXPECT_EQ(former->packed_hash, 9u);
    EXPECT_EQ(former->whole.qualities.bits(), 0);
    EXPECT_EQ(former->whole.qualities.of_value(), Quality::good);
}

TEST(Block, NoticesEveryFlippedBit) {
    const SampleList list = mixed_samples(400);
    const EncodedBlock block = encode_block(SeriesId{7}, list);
    std::mt19937 random(5);
    for (int round = 0; round < 500; ++round) {
        std::string summary = block.summary, packed = block.packed;
        std::string& hit = round % 2 ? summary : packed;
        hit[random() % hit.size()] ^= static_cast<char>(1 << random() % 8);
        const auto read = decode_summary(summary);
        EXPECT_FALSE(read && decode_block(*read, packed));
    }
    EXPECT_FALSE(decode_summary(std::string_view(block.summary).substr(0, 30)));
}

}  // namespace
}  // namespace labhub::coordinator::store::telemetry
