#include "shared/sparkplug/topics.hpp"

#include <gtest/gtest.h>

namespace labhub::sparkplug {
namespace {

TEST(Topics, AreReadBackAsTheyWereWritten) {
    const Topic node{"lab", MessageType::nbirth, "sim-1", ""};
    const Topic device{"lab", MessageType::ddata, "sim-1", "vessel"};
    EXPECT_EQ(format_topic(node).value(), "spBv1.0/lab/NBIRTH/sim-1");
    EXPECT_EQ(format_topic(device).value(), "spBv1.0/lab/DDATA/sim-1/vessel");
    EXPECT_EQ(parse_topic("spBv1.0/lab/NBIRTH/sim-1").value(), node);
    EXPECT_EQ(parse_topic("spBv1.0/lab/DDATA/sim-1/vessel").value(), device);
}

TEST(Topics, OfEveryTypeKeepTheirType) {
    for (int i = 0; i < 8; ++i) {
        const auto type = static_cast<MessageType>(i);
        const Topic topic{"lab", type, "n", is_device_message(type) ? "d" : ""};
        EXPECT_EQ(parse_topic(format_topic(topic).value()).value(), topic);
    }
}

TEST(Topics, CarryADeviceExactlyWhereTheSpecificationWantsOne) {
    EXPECT_FALSE(format_topic({"lab", MessageType::ndata, "n", "d"}));
    EXPECT_FALSE(format_topic({"lab", MessageType::ddata, "n", ""}));
    EXPECT_FALSE(parse_topic("spBv1.0/lab/NDATA/n/d"));
    EXPECT_FALSE(parse_topic("spBv1.0/lab/DDATA/n"));
}

TEST(Topics, OfStrangersAreRefusedWithTheReason) {
    EXPECT_FALSE(parse_topic(""));
    EXPECT_FALSE(parse_topic("spAv1.0/lab/NDATA/n"));
    EXPECT_FALSE(parse_topic("spBv1.0/lab/NDATA"));
    EXPECT_FALSE(parse_topic("spBv1.0/lab/DDATA/n/d/e"));
    EXPECT_FALSE(parse_topic("spBv1.0/lab/DDATA//d"));
    EXPECT_FALSE(parse_topic("spBv1.0/STATE/host"));
    const auto wrong = parse_topic("spBv1.0/lab/XDATA/n");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::malformed);
    EXPECT_NE(wrong.error().message.find("unknown message type"), std::string::npos);
}

TEST(Ids, RefuseWhatMqttOrAHumanWouldMisread) {
    for (const char* bad : {"", "a/b", "a+", "#", "$SYS", "a\nb", "a\x7f", "\xff\xfe", "a\xc2\x85"}) {
        EXPECT_FALSE(check_id("node id", bad)) << bad;
    }
    EXPECT_FALSE(check_id("node id", std::string(256, 'a')));
    EXPECT_TRUE(check_id("node id", "Größe 1"));
    EXPECT_FALSE(check_group_id("STATE"));
    EXPECT_TRUE(check_id("node id", "STATE"));
}

TEST(Topics, OfAHostCarryItsId) {
    EXPECT_EQ(state_topic("hub").value(), "spBv1.0/STATE/hub");
    EXPECT_FALSE(state_topic("a/b"));
    EXPECT_EQ(group_filter("lab").value(), "spBv1.0/lab/#");
    EXPECT_FALSE(group_filter("STATE"));
}

}  // namespace
}  // namespace labhub::sparkplug
