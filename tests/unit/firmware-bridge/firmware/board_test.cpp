#include "firmware-bridge/firmware/board.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/firmware-bridge/firmware/board_rig.hpp"

namespace {

constexpr auto kFailure = labhub_board_FromBoard_failure_tag;
constexpr auto kApplied = labhub_board_FromBoard_applied_tag;

/// A board that is greeted and has a dead-man of a second running.
struct GreetedBoard : BoardRig {
    GreetedBoard() {
        hello();
        heartbeat(1000);
    }
};

void expect_refused(const BoardRig::Reply& reply, labhub_board_Code code) {
    ASSERT_EQ(reply.which_body, kFailure);
    EXPECT_EQ(reply.body.failure.code, code) << reply.body.failure.text;
    EXPECT_STRNE(reply.body.failure.text, "");
}

TEST(Board, DrivesEveryOutputToItsSafeValueAtTheStart) {
    BoardRig rig;
    ASSERT_TRUE(rig.started);
    EXPECT_EQ(rig.driven.size(), static_cast<std::size_t>(VESSEL_DIODES - 1));
    for (const auto& [channel, value] : rig.driven) EXPECT_EQ(value, 0) << vessel_channels[channel].name;
    EXPECT_EQ(rig.pixels, std::vector<std::uint8_t>(96, 0));
}

TEST(Board, AnswersNothingButHelloBeforeItWasGreeted) {
    BoardRig rig;
    expect_refused(rig.read(), labhub_board_Code_HELLO_FIRST);
    expect_refused(rig.write(VESSEL_STIRRER, 10), labhub_board_Code_HELLO_FIRST);
    const auto reply = rig.hello();
    ASSERT_EQ(reply.which_body, labhub_board_FromBoard_hello_tag);
    EXPECT_STREQ(reply.body.hello.serial, "rig-1");
    EXPECT_EQ(reply.body.hello.boot_id, 77u);
    EXPECT_EQ(reply.body.hello.channels, static_cast<unsigned>(VESSEL_CHANNELS));
    EXPECT_EQ(rig.read().which_body, labhub_board_FromBoard_read_tag);
}

TEST(Board, SaysWhichProtocolItSpeaksToAHostOfAnother) {
    BoardRig rig;
    const auto reply = rig.hello(1, 2);
    ASSERT_EQ(reply.which_body, labhub_board_FromBoard_hello_tag);
    EXPECT_EQ(reply.body.hello.protocol, 1u);
    expect_refused(rig.read(), labhub_board_Code_WRONG_PROTOCOL);
}

TEST(Board, DescribesItselfInPages) {
    GreetedBoard rig;
    std::vector<std::string> names;
    for (int page = 0; page < VESSEL_CHANNELS && names.size() < VESSEL_CHANNELS; ++page) {
        auto request = rig.request(labhub_board_ToBoard_describe_tag);
        request.body.describe.first = static_cast<std::uint32_t>(names.size());
        const auto reply = rig.ask(request);
        ASSERT_EQ(reply.which_body, labhub_board_FromBoard_describe_tag);
        for (pb_size_t i = 0; i < reply.body.describe.channels_count; ++i)
            names.push_back(reply.body.describe.channels[i].name);
    }
    ASSERT_EQ(names.size(), static_cast<std::size_t>(VESSEL_CHANNELS));
    EXPECT_EQ(names[VESSEL_PUMPS + 7], "pump_D_out");
    EXPECT_EQ(names[VESSEL_DIODES + 2], "vial_B_180_degree");
    EXPECT_EQ(names[VESSEL_PELTIER_CURRENT], "peltier_current");
}

TEST(Board, ReadsNoValueAsNan) {
    GreetedBoard rig;
    const auto reply = rig.read();
    ASSERT_EQ(reply.body.read.numbers_count, static_cast<pb_size_t>(VESSEL_CHANNELS));
    EXPECT_EQ(reply.body.read.numbers[VESSEL_DIODES], VESSEL_DIODES);
    EXPECT_TRUE(std::isnan(reply.body.read.numbers[VESSEL_PELTIER_CURRENT]));
    EXPECT_STREQ(reply.body.read.texts[0].text, "#000000");
}

TEST(Board, AppliesAWriteAndAnswersWithWhatStands) {
    GreetedBoard rig;
    const auto reply = rig.write(VESSEL_STIRRER, 42.5);
    ASSERT_EQ(reply.which_body, kApplied);
    EXPECT_EQ(reply.body.applied.numbers[0].channel, static_cast<unsigned>(VESSEL_STIRRER));
    EXPECT_EQ(reply.body.applied.numbers[0].number, 42.5);
    EXPECT_EQ(rig.driven[VESSEL_STIRRER], 42.5);
}

TEST(Board, RefusesAWriteWithoutHeartbeat) {
    BoardRig rig;
    rig.hello();
    expect_refused(rig.write(VESSEL_STIRRER, 42), labhub_board_Code_NO_HEARTBEAT);
    EXPECT_EQ(rig.driven[VESSEL_STIRRER], 0);
}

TEST(Board, ChecksEveryValueItself) {
    GreetedBoard rig;
    expect_refused(rig.write(VESSEL_STIRRER, 100.01), labhub_board_Code_OUT_OF_RANGE);
    expect_refused(rig.write(VESSEL_PELTIER, -101), labhub_board_Code_OUT_OF_RANGE);
    expect_refused(rig.write(VESSEL_STIRRER, std::nan("")), labhub_board_Code_WRONG_VALUE);
    expect_refused(rig.write(VESSEL_STIRRER, std::numeric_limits<double>::infinity()), labhub_board_Code_WRONG_VALUE);
    expect_refused(rig.write(VESSEL_LED, 0.5), labhub_board_Code_WRONG_VALUE);
    expect_refused(rig.write(VESSEL_RING_LIGHT, 1), labhub_board_Code_WRONG_VALUE);
    expect_refused(rig.write_text(VESSEL_LED, "#ffffff"), labhub_board_Code_WRONG_VALUE);
    expect_refused(rig.write(VESSEL_DIODES, 1), labhub_board_Code_NOT_AN_OUTPUT);
    expect_refused(rig.write(VESSEL_CHANNELS, 1), labhub_board_Code_NO_SUCH_CHANNEL);
    expect_refused(rig.write(0xFFFFFFFFu, 1), labhub_board_Code_NO_SUCH_CHANNEL);
}

TEST(Board, AppliesAllValuesOfAWriteOrNone) {
    GreetedBoard rig;
    auto request = rig.request(labhub_board_ToBoard_write_tag);
    request.body.write.numbers_count = 2;
    request.body.write.numbers[0] = {VESSEL_STIRRER, 50};
    request.body.write.numbers[1] = {VESSEL_PELTIER, 500};
    expect_refused(rig.ask(request), labhub_board_Code_OUT_OF_RANGE);
    EXPECT_EQ(rig.driven[VESSEL_STIRRER], 0);
}

TEST(Board, TakesTheThreeFormsOfPixels) {
    GreetedBoard rig;
    EXPECT_STREQ(rig.write_text(VESSEL_RING_LIGHT, "#FF8000").body.applied.texts[0].text, "#ff8000");
    EXPECT_EQ(rig.pixels[95 - 1], 0x80);
    const auto one = rig.write_text(VESSEL_RING_LIGHT, "31:#010203");
    ASSERT_EQ(one.which_body, kApplied);
    EXPECT_EQ(std::string(one.body.applied.texts[0].text).substr(30 * 8), "#ff8000,#010203");
    const std::string all = one.body.applied.texts[0].text;
    rig.safe();
    EXPECT_STREQ(rig.write_text(VESSEL_RING_LIGHT, all).body.applied.texts[0].text, all.c_str());
}

TEST(Board, RefusesMalformedPixels) {
    GreetedBoard rig;
    rig.write_text(VESSEL_RING_LIGHT, "#112233");
    for (const auto* text : {"", "red", "#12345", "#1234567", "#12345g", "32:#000000", "1:", "1", "-1:#000000",
                             "1:#0000001", "99999999:#000000", "#000000,", "#000000,#000000", ",#000000"})
        expect_refused(rig.write_text(VESSEL_RING_LIGHT, text), labhub_board_Code_WRONG_VALUE);
    EXPECT_EQ(rig.pixels[0], 0x11);
}

TEST(Board, ExecutesARepeatedWriteOnce) {
    GreetedBoard rig;
    auto request = rig.request(labhub_board_ToBoard_write_tag);
    request.body.write.numbers_count = 1;
    request.body.write.numbers[0] = {VESSEL_STIRRER, 50};
    rig.ask(request);
    rig.driven.clear();
    EXPECT_EQ(rig.ask(request).which_body, kApplied);
    EXPECT_TRUE(rig.driven.empty());
}

TEST(Board, RepeatsTheFailureOfARepeatedWriteAndDoesNotTryAgain) {
    GreetedBoard rig;
    rig.failing_channel = VESSEL_STIRRER;
    auto request = rig.request(labhub_board_ToBoard_write_tag);
    request.body.write.numbers_count = 1;
    request.body.write.numbers[0] = {VESSEL_STIRRER, 50};
    expect_refused(rig.ask(request), labhub_board_Code_HARDWARE);
    rig.failing_channel = -1;
    rig.driven.clear();
    expect_refused(rig.ask(request), labhub_board_Code_HARDWARE);
    EXPECT_TRUE(rig.driven.empty());
    EXPECT_EQ(rig.write(VESSEL_STIRRER, 50).which_body, kApplied) << "a new one is another matter";
}

TEST(Board, ReadsAPartOfItsChannels) {
    GreetedBoard rig;
    auto request = rig.request(labhub_board_ToBoard_read_tag);
    request.body.read = {VESSEL_DIODES, 3};
    const auto part = rig.ask(request);
    EXPECT_EQ(part.body.read.first, static_cast<unsigned>(VESSEL_DIODES));
    ASSERT_EQ(part.body.read.numbers_count, 3u);
    EXPECT_EQ(part.body.read.numbers[2], VESSEL_DIODES + 2);
    EXPECT_EQ(part.body.read.texts_count, 0u) << "the ring light is not in it";
    request.body.read = {VESSEL_CHANNELS - 1, 0xFFFFFFFFu};
    EXPECT_EQ(rig.ask(request).body.read.numbers_count, 1u);
    request.body.read = {0xFFFFFFFFu, 5};
    EXPECT_EQ(rig.ask(request).body.read.numbers_count, 0u);
}

TEST(Board, DescribesNoMoreThanItIsAskedFor) {
    GreetedBoard rig;
    auto request = rig.request(labhub_board_ToBoard_describe_tag);
    request.body.describe = {VESSEL_STIRRER, 1};
    const auto page = rig.ask(request);
    ASSERT_EQ(page.body.describe.channels_count, 1u);
    EXPECT_STREQ(page.body.describe.channels[0].name, "stirrer");
}

TEST(Board, NeverExecutesAnOlderWriteAfterSafe) {
    GreetedBoard rig;
    auto late = rig.request(labhub_board_ToBoard_write_tag);
    late.body.write.numbers_count = 1;
    late.body.write.numbers[0] = {VESSEL_PELTIER, 100};
    rig.safe();
    expect_refused(rig.ask(late), labhub_board_Code_TOO_OLD);
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 0);
}

TEST(Board, MakesItselfSafeWhenHeartbeatsStop) {
    GreetedBoard rig;
    rig.write(VESSEL_PELTIER, 80);
    rig.write_text(VESSEL_RING_LIGHT, "#ffffff");
    EXPECT_TRUE(rig.wait(999).empty());
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 80);
    const auto said = rig.wait(1);
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0].id, 0u);
    EXPECT_EQ(said[0].body.event.dead_man_firings, 1u);
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 0);
    EXPECT_EQ(rig.pixels[0], 0);
    expect_refused(rig.write(VESSEL_PELTIER, 80), labhub_board_Code_NO_HEARTBEAT);
}

TEST(Board, StaysAsItIsWhileHeartbeatsCome) {
    GreetedBoard rig;
    rig.write(VESSEL_PELTIER, 80);
    for (int beat = 0; beat < 20; ++beat) {
        rig.wait(900);
        const auto reply = rig.heartbeat(1000);
        EXPECT_EQ(reply.body.heartbeat.dead_man_firings, 0u);
        EXPECT_FALSE(reply.body.heartbeat.all_safe);
    }
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 80);
    EXPECT_EQ(rig.read().body.read.uptime_ms, 18000u);
}

TEST(Board, FiresBeforeALateHeartbeatIsHeard) {
    GreetedBoard rig;
    rig.write(VESSEL_PELTIER, 80);
    rig.now += 1500;  // a loop that hung: no tick in between
    auto request = rig.request(labhub_board_ToBoard_heartbeat_tag);
    request.body.heartbeat.dead_man_ms = 1000;
    const auto said = rig.exchange(request);
    ASSERT_EQ(said.size(), 2u);
    EXPECT_EQ(said[0].which_body, labhub_board_FromBoard_event_tag);
    EXPECT_EQ(said[1].body.heartbeat.dead_man_firings, 1u);
    EXPECT_TRUE(said[1].body.heartbeat.all_safe);
}

TEST(Board, RefusesADeadManTimeThatIsNone) {
    BoardRig rig;
    rig.hello();
    expect_refused(rig.heartbeat(0), labhub_board_Code_OUT_OF_RANGE);
    expect_refused(rig.heartbeat(60001), labhub_board_Code_OUT_OF_RANGE);
    expect_refused(rig.write(VESSEL_STIRRER, 1), labhub_board_Code_NO_HEARTBEAT);
}

TEST(Board, MakesItselfSafeForAnotherHostProcess) {
    GreetedBoard rig;
    rig.write(VESSEL_PELTIER, 80);
    rig.hello(1);
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 80);
    rig.hello(2);
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 0);
}

TEST(Board, MakesEverythingSafeWhenAnOutputFails) {
    GreetedBoard rig;
    rig.write(VESSEL_PELTIER, 80);
    rig.failing_channel = VESSEL_STIRRER;
    expect_refused(rig.write(VESSEL_STIRRER, 10), labhub_board_Code_HARDWARE);
    EXPECT_EQ(rig.driven[VESSEL_PELTIER], 0);
}

TEST(Board, AnswersWhatItDoesNotUnderstand) {
    GreetedBoard rig;
    auto request = rig.request(0);
    expect_refused(rig.ask(request), labhub_board_Code_NOT_UNDERSTOOD);
}

TEST(Board, RefusesATableThatBreaksItsLimits) {
    std::vector<hal_channel> channels(HAL_MAX_CHANNELS + 1, vessel_channels[VESSEL_PELTIER_CURRENT]);
    hal hardware{};
    hardware.channels = channels.data();
    hardware.channel_count = channels.size();
    board core{};
    EXPECT_FALSE(board_init(&core, &hardware));
    hardware.channel_count = 1;
    channels[0].kind = HAL_OUTPUT;
    channels[0].minimum = 1;
    EXPECT_FALSE(board_init(&core, &hardware)) << "its safe value is outside its limits";
    channels[0] = vessel_channels[VESSEL_STIRRER];
    channels[0].name = "a_name_that_is_longer_than_the_message_has_room_for_so_it_would_be_cut";
    EXPECT_FALSE(board_init(&core, &hardware));
}

TEST(Board, StaysSafeUnderRandomBytes) {
    BoardRig rig;
    std::mt19937 random(11);
    std::vector<std::uint8_t> bytes(512);
    for (int round = 0; round < 4000; ++round) {
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % (round % 2 == 0 ? 256 : 8));
        rig.receive(bytes);
        rig.wait(1);
    }
    for (const auto& [channel, value] : rig.driven) ASSERT_EQ(value, 0);
    EXPECT_EQ(rig.hello().which_body, labhub_board_FromBoard_hello_tag);
}

/// Random bytes inside right frames reach the message decoder and, now and then, the outputs.
TEST(Board, KeepsItsLimitsUnderRandomMessages) {
    GreetedBoard rig;
    std::mt19937 random(12);
    for (int round = 0; round < 50000; ++round) {
        std::vector<std::uint8_t> payload(1 + random() % 60), frame(FRAME_MAX_ENCODED);
        for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
        // A plausible beginning: an id, then one of the bodies.
        payload[0] = 0x08;
        if (payload.size() > 3) payload[2] = static_cast<std::uint8_t>(((2 + random() % 6) << 3) | 2);
        frame.resize(frame_encode(payload.data(), payload.size(), frame.data()));
        rig.receive(frame);
    }
    for (const auto& [channel, value] : rig.driven) {
        ASSERT_GE(value, vessel_channels[channel].minimum);
        ASSERT_LE(value, vessel_channels[channel].maximum);
    }
}

}  // namespace
