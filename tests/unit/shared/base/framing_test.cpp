#include "shared/base/framing.hpp"

#include <gtest/gtest.h>

namespace labhub {
namespace {

TEST(Framing, CutsAStreamThatArrivesByteByByte) {
    const std::string large(70'000, 'x');
    const std::string stream = encode_frame("one") + encode_frame("") + encode_frame(large);
    FrameReader reader;
    std::vector<std::string> messages;
    for (const char byte : stream) {
        reader.append(std::string_view(&byte, 1));
        const auto next = reader.next();
        ASSERT_TRUE(next);
        if (*next) messages.push_back(**next);
    }
    EXPECT_EQ(messages, (std::vector<std::string>{"one", "", large}));
}

TEST(Framing, TakesSeveralMessagesFromOnePiece) {
    FrameReader reader;
    reader.append(encode_frame("a") + encode_frame("b") + std::string("\0\0\0", 3));
    EXPECT_EQ(reader.next().value(), "a");
    EXPECT_EQ(reader.next().value(), "b");
    EXPECT_EQ(reader.next().value(), std::nullopt);
}

TEST(Framing, PutsTheMostSignificantByteFirst) { EXPECT_EQ(encode_frame("hello"), std::string("\0\0\0\x05hello", 9)); }

TEST(Framing, RefusesAnImpossibleLength) {
    FrameReader reader;
    reader.append("GET / HTTP/1.1\r\n");
    EXPECT_EQ(reader.next().error().code, ErrorCode::too_large);
    FrameReader limit;
    limit.append(std::string("\x00\x10\x00\x00", 4));
    EXPECT_EQ(limit.next().value(), std::nullopt) << "exactly the limit is still awaited";
    FrameReader above;
    above.append(std::string("\x00\x10\x00\x01", 4));
    EXPECT_FALSE(above.next());
}

}  // namespace
}  // namespace labhub
