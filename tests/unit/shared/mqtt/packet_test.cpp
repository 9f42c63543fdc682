#include "shared/mqtt/packet.hpp"

#include <gtest/gtest.h>

#include <string>

namespace labhub::mqtt {
namespace {

using namespace std::string_literals;

const std::string kPacket = "\x30\x07\x00\x03"s + "a/b" + "xy";

TEST(PlainMessage, IsReadWhereItLies) {
    const std::string bytes = kPacket + "\xD0";
    const auto message = plain_message_at(bytes);
    EXPECT_EQ(message.size, kPacket.size());
    EXPECT_EQ(message.topic, "a/b");
    EXPECT_EQ(message.payload, "xy");
    EXPECT_FALSE(message.retained);
    EXPECT_EQ(message.topic.data(), bytes.data() + 4);
}

TEST(PlainMessage, MayBeRetainedAndEmpty) {
    const auto message = plain_message_at("\x31\x03\x00\x01t"s);
    EXPECT_EQ(message.size, 5u);
    EXPECT_TRUE(message.retained);
    EXPECT_TRUE(message.payload.empty());
}

TEST(PlainMessage, MayNeedLongLengths) {
    const std::string bytes = "\x30\x83\x80\x01\x00\x01t"s + std::string(16'384, 'p');
    EXPECT_EQ(plain_message_at(bytes).payload.size(), 16'384u);
}

TEST(PlainMessage, MayHaveALengthInMoreBytesThanItNeeds) {
    const std::string bytes = "\x30\x84\x80\x80\x00\x00\x01tx\x30"s;
    const auto message = plain_message_at(bytes);
    EXPECT_EQ(message.size, bytes.size() - 1);
    EXPECT_EQ(message.payload, "x");
}

TEST(PlainMessage, IsNoneWhereItSaysItIsLongerThanAllThatCame) {
    EXPECT_EQ(plain_message_at("\x30\xFF\xFF\xFF\x7F\x00\x01t"s + std::string(60'000, 'p')).size, 0u);
}

TEST(PlainMessage, IsNoneWhereAnyByteIsMissing) {
    for (std::size_t size = 0; size < kPacket.size(); ++size)
        EXPECT_EQ(plain_message_at(kPacket.substr(0, size)).size, 0u) << size;
}

TEST(PlainMessage, IsNoneWhereTheLibraryMustActOrRefuse) {
    for (const auto& bytes : {"\x32\x07\x00\x01t\x00\x01xy"s,         // QoS 1
                              "\x38\x05\x00\x01txy"s,                 // repeated, which QoS 0 never is
                              "\xD0\x00"s,                            // PINGRESP
                              "\x30\x01\x00"s,                        // no room for a topic
                              "\x30\x02\x00\x00"s,                    // no topic
                              "\x30\x03\x00\x02t"s,                   // the topic goes past the end
                              "\x30\x03\x00\x01\xFF"s,                // not UTF-8
                              "\x30\x04\x00\x02t\x00"s,               // NUL in the topic
                              "\x30\x80\x80\x80\x80\x01\x00\x01t"s})  // a length of five bytes
        EXPECT_EQ(plain_message_at(bytes).size, 0u) << testing::PrintToString(bytes);
}

}  // namespace
}  // namespace labhub::mqtt
