#include "agent/spool/batch_codec.hpp"

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
    EXPECT_EQ(back->device, batch.device);
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

TEST(BatchCodec, TakesAboutTwelveBytesAReadingOfAVessel) {
    Batch batch;
    batch.device = "vessel";
    for (const char vial : {'A', 'B', 'C', 'D'})
        for (const char* angle : {"180_degree", "135_degree", "reference"})
            batch.readings.push_back(
                {std::string("vial_") + vial + "_" + angle, 0.5, UtcMillis{1'700'000'000'123}, Quality::good});
    EXPECT_LT(encode_batch(batch).size(), batch.readings.size() * 24);
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
