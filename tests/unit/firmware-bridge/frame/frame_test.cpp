#include "firmware-bridge/frame/frame.h"

#include <array>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes encode(const Bytes& payload) {
    Bytes frame(FRAME_MAX_ENCODED);
    frame.resize(frame_encode(payload.data(), payload.size(), frame.data()));
    return frame;
}

class Reader {
  public:
    Reader() { frame_decoder_init(&decoder_); }
    std::vector<Bytes> read(const Bytes& stream) {
        std::vector<Bytes> payloads;
        for (const auto byte : stream)
            if (frame_decode(&decoder_, byte)) payloads.emplace_back(decoder_.bytes, decoder_.bytes + decoder_.size);
        return payloads;
    }
    std::uint32_t damaged() const { return decoder_.damaged; }

  private:
    frame_decoder decoder_{};
};

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes random_bytes(std::mt19937& random, std::size_t size) {
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FrameChecksum, HasTheCheckValuesOfRfc3720) {
    const std::string digits = "123456789";
    EXPECT_EQ(frame_crc32c(reinterpret_cast<const std::uint8_t*>(digits.data()), digits.size()), 0xE3069283u);
    const std::array<std::uint8_t, 32> zeros{};
    EXPECT_EQ(frame_crc32c(zeros.data(), zeros.size()), 0x8A9136AAu);
    std::array<std::uint8_t, 32> ones{};
    ones.fill(0xFF);
    EXPECT_EQ(frame_crc32c(ones.data(), ones.size()), 0x62A8AB43u);
}

TEST(Frame, IsTheStuffedPayloadAndItsChecksumBetweenBorders) {
    const std::string digits = "123456789";
    const Bytes expected{0x00, 0x0E, '1', '2', '3', '4', '5', '6', '7', '8', '9', 0x83, 0x92, 0x06, 0xE3, 0x00};
    EXPECT_EQ(encode(Bytes(digits.begin(), digits.end())), expected);
}

TEST(Frame, CarriesEveryLengthAndAnyBytes) {
    std::mt19937 random(1);
    Reader reader;
    for (std::size_t size = 1; size <= FRAME_MAX_PAYLOAD; ++size) {
        for (const auto& payload : {random_bytes(random, size), Bytes(size, 0), Bytes(size, 0xFF)}) {
            const Bytes frame = encode(payload);
            ASSERT_LE(frame.size(), static_cast<std::size_t>(FRAME_MAX_ENCODED));
            ASSERT_EQ(std::count(frame.begin(), frame.end(), 0), 2);
            ASSERT_THAT(reader.read(frame), ElementsAre(payload)) << size;
        }
    }
    EXPECT_EQ(reader.damaged(), 0u);
}

TEST(Frame, RefusesAPayloadThatIsEmptyOrTooLong) {
    EXPECT_THAT(encode({}), IsEmpty());
    EXPECT_THAT(encode(Bytes(FRAME_MAX_PAYLOAD + 1, 7)), IsEmpty());
}

TEST(FrameDecoder, FindsEveryFlippedBit) {
    std::mt19937 random(2);
    for (const std::size_t size : {1u, 20u, 300u}) {
        const Bytes payload = random_bytes(random, size);
        const Bytes frame = encode(payload);
        const Bytes next_payload{9, 0, 9};
        for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
            Bytes flipped = frame;
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
            Reader reader;
            for (const auto& read : reader.read(flipped + encode(next_payload)))
                ASSERT_TRUE(read == payload || read == next_payload) << "size " << size << ", bit " << bit;
        }
    }
}

TEST(FrameDecoder, IsInStepAgainAfterGarbage) {
    std::mt19937 random(3);
    const Bytes payload{1, 2, 3};
    for (int round = 0; round < 2000; ++round) {
        Reader reader;
        const auto read = reader.read(random_bytes(random, random() % 3000) + encode(payload));
        ASSERT_THAT(read, ElementsAre(payload)) << round;
    }
}

TEST(FrameDecoder, LosesOnlyTheFrameThatWasCut) {
    const Bytes first{1, 2, 3, 4}, second{5, 6, 7, 8};
    const Bytes frame = encode(first);
    for (std::size_t kept = 2; kept + 1 < frame.size(); ++kept) {
        Reader reader;
        EXPECT_THAT(reader.read(Bytes(frame.begin(), frame.begin() + static_cast<long>(kept)) + encode(second)),
                    ElementsAre(second));
        EXPECT_EQ(reader.damaged(), 1u);
    }
}

TEST(FrameDecoder, TellsFramesThatShareABorder) {
    const Bytes first{1, 2, 3}, second{4, 5};
    Bytes merged = encode(first);
    merged.pop_back();
    Reader reader;
    EXPECT_THAT(reader.read(merged + encode(second)), ElementsAre(first, second));
    EXPECT_EQ(reader.damaged(), 0u);
}

TEST(FrameDecoder, DropsFramesThatRanTogether) {
    Bytes first = encode({1, 2, 3}), second = encode({4, 5});
    first.pop_back();
    second.erase(second.begin());
    Reader reader;
    EXPECT_THAT(reader.read(first + second), IsEmpty());
    EXPECT_EQ(reader.damaged(), 1u);
}

TEST(FrameDecoder, BoundsWhatNeverEnds) {
    Reader reader;
    EXPECT_THAT(reader.read(Bytes(1'000'000, 0x55)), IsEmpty());
    EXPECT_THAT(reader.read(encode({1})), ElementsAre(Bytes{1}));
    EXPECT_EQ(reader.damaged(), 1u);
}

TEST(FrameDecoder, DoesNotCountSilenceAsDamage) {
    Reader reader;
    EXPECT_THAT(reader.read(Bytes(50, 0)), IsEmpty());
    EXPECT_EQ(reader.damaged(), 0u);
}

}  // namespace
