#include "agent/spool/batch_codec.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace labhub::agent::spool {
namespace {

Batch sample() {
    Batch batch;
    batch.device = "vessel";
    const UtcMillis now{1'700'000'000'123};
    batch.readings = {{"vial_A_temp", 36.625, now, Quality::good},
                      {"vial_B_temp", 0.1, now, Quality::good},
                      {"vial_B_temp", {}, now - std::chrono::milliseconds{5}, Quality::bad},
                      {"led", true, now, Quality::good},
                      {"dark", false, now, Quality::stale},
                      {"count", std::int64_t{-7'000'000'000}, now, Quality::good},
                      {"ring_light", std::string("#ff0000"), now, Quality::good},
                      {"", std::string(), now, Quality::good}};
    return batch;
}

TEST(BatchCodec, GivesBackWhatWasPutIn) {
    const Batch batch = sample();
    const auto back = decode_batch(encode_batch(batch));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->readings.size(), batch.readings.size());
    for (std::size_t i = 0; i < batch.readings.size(); ++i) {
        EXPECT_EQ(back->readings[i].metric, batch.readings[i].metric);
        EXPECT_EQ(back->readings[i].value, batch.readings[i].value);
        EXPECT_EQ(back->readings[i].time, batch.readings[i].time);
        EXPECT_EQ(back->readings[i].quality, batch.readings[i].quality);
    }
}

TEST(BatchCodec, SurvivesNamesLongerThanASharedPrefixCanSay) {
    Batch batch;
    batch.readings = {{std::string(600, 'x') + "1", 1.0, {}, Quality::good},
                      {std::string(600, 'x') + "2", 2.0, {}, Quality::good}};
    const auto back = decode_batch(encode_batch(batch));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->readings[1].metric, batch.readings[1].metric);
}

Batch vessel(std::size_t n) {
    Batch batch;
    batch.device = "vessel";
    for (const char vial : {'A', 'B', 'C', 'D'})
        for (const char* angle : {"180_degree", "135_degree", "reference", "temp", "od"})
            batch.readings.push_back({std::string("vial_") + vial + "_" + angle,
                                      20.125 + 0.013 * static_cast<double>(n++), UtcMillis{1'700'000'000'123},
                                      Quality::good});
    return batch;
}

TEST(BatchCodec, TakesFourBytesAReadingWithAShape) {
    const Batch batch = vessel(0);
    const Shape shape = shape_of(batch);
    const std::string bytes = encode_batch(batch, 7);
    EXPECT_LT(bytes.size(), batch.readings.size() * 6);
    EXPECT_EQ(shape_in(bytes).value_or(0), 7u);
    const auto back = decode_batch(bytes, &shape);
    ASSERT_TRUE(back);
    for (std::size_t i = 0; i < batch.readings.size(); ++i) {
        EXPECT_EQ(back->readings[i].metric, batch.readings[i].metric);
        EXPECT_EQ(back->readings[i].value, batch.readings[i].value);
    }
    EXPECT_FALSE(decode_batch(bytes)) << "without its shape";
    const Shape other(shape.begin(), shape.end() - 1);
    EXPECT_FALSE(decode_batch(bytes, &other)) << "with another";
}

TEST(BatchCodec, KeepsEveryNumberExactly) {
    Batch batch;
    batch.clock_unsure = true;
    for (const double value : {0.0, -0.0, 1e-300, -1e300, 0.1, 36.63, -273.15, 1.0 / 3.0, 134'217'727.0, 134'217'728.0,
                               5e-324, 1e6, 0.000001, 0.0000001, 2.5f / 3.0f * 1.0})
        batch.readings.push_back({"x", value, UtcMillis{5}, Quality::good});
    const auto back = decode_batch(encode_batch(batch));
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->clock_unsure);
    for (std::size_t i = 0; i < batch.readings.size(); ++i) {
        const double in = std::get<double>(batch.readings[i].value), out = std::get<double>(back->readings[i].value);
        EXPECT_EQ(in, out);
        EXPECT_EQ(std::signbit(in), std::signbit(out));
    }
}

TEST(BatchCodec, NoticesEveryDamagedBit) {
    const std::string bytes = encode_batch(vessel(0));
    for (std::size_t at = 0; at < bytes.size() * 8; ++at) {
        std::string damaged = bytes;
        damaged[at / 8] = static_cast<char>(damaged[at / 8] ^ (1 << (at % 8)));
        EXPECT_FALSE(decode_batch(damaged)) << at;
    }
}

TEST(BatchCodec, RefusesEveryTruncation) {
    const std::string bytes = encode_batch(sample());
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_FALSE(decode_batch(std::string_view(bytes).substr(0, length))) << length;
    EXPECT_FALSE(decode_batch(bytes + "x"));
}

TEST(BatchCodec, SurvivesEveryDamagedByte) {
    const std::string bytes = encode_batch(sample());
    for (std::size_t at = 0; at < bytes.size(); ++at)
        for (const int damage : {0x01, 0x80, 0xFF}) {
            std::string damaged = bytes;
            damaged[at] = static_cast<char>(damaged[at] ^ damage);
            const auto decoded = decode_batch(damaged);
            EXPECT_TRUE(decoded || decoded.error().code == ErrorCode::corrupt);
        }
}

}  // namespace
}  // namespace labhub::agent::spool
