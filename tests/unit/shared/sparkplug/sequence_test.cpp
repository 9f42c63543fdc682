#include "shared/sparkplug/sequence.hpp"

#include <gtest/gtest.h>

#include "shared/sparkplug/codec.hpp"

namespace labhub::sparkplug {
namespace {

using namespace std::chrono_literals;

constexpr Steady::time_point kStart{1h};

std::vector<int> numbers(const std::vector<SequencedMessage>& messages) {
    std::vector<int> out;
    for (const auto& message : messages) out.push_back(message.seq);
    return out;
}

std::vector<int> accept(SequenceTracker& tracker, int seq, Steady::time_point now = kStart) {
    return numbers(tracker.accept({static_cast<std::uint8_t>(seq), {}, {}}, now));
}

using Numbers = std::vector<int>;

TEST(BdSeq, StartsAtZeroAndWraps) {
    EXPECT_EQ(next_bd_seq(std::nullopt), 0);
    EXPECT_EQ(next_bd_seq(0), 1);
    EXPECT_EQ(next_bd_seq(255), 0);
}

TEST(SeqCounter, WrapsAndIsNotUsedUpByAMessageThatDidNotGoOut) {
    SeqCounter seq;
    EXPECT_EQ(seq.current(), 0);
    EXPECT_EQ(seq.current(), 0);
    for (int i = 0; i < 255; ++i) seq.advance();
    EXPECT_EQ(seq.current(), 255);
    seq.advance();
    EXPECT_EQ(seq.current(), 0);
}

TEST(SequenceTracker, PassesOnWhatComesInOrderAcrossTheWrap) {
    SequenceTracker tracker(1s);
    tracker.start(0);
    for (int i = 1; i < 600; ++i) EXPECT_EQ(accept(tracker, i % 256), Numbers{i % 256});
    EXPECT_FALSE(tracker.deadline());
}

TEST(SequenceTracker, HoldsEarlyMessagesUntilTheMissingOneArrives) {
    SequenceTracker tracker(1s);
    tracker.start(253);
    EXPECT_EQ(accept(tracker, 255), Numbers{});
    EXPECT_EQ(accept(tracker, 0), Numbers{});
    EXPECT_EQ(tracker.deadline(), kStart + 1s);
    EXPECT_EQ(accept(tracker, 254), (Numbers{254, 255, 0}));
    EXPECT_FALSE(tracker.deadline());
}

TEST(SequenceTracker, GivesASecondGapAWindowOfItsOwn) {
    SequenceTracker tracker(1s);
    tracker.start(0);
    accept(tracker, 2);
    accept(tracker, 4);
    EXPECT_EQ(accept(tracker, 1, kStart + 500ms), (Numbers{1, 2}));
    EXPECT_EQ(tracker.deadline(), kStart + 1500ms);
    EXPECT_EQ(accept(tracker, 3), (Numbers{3, 4}));
}

TEST(SequenceTracker, HandsOverInOrderWhatItHeldWhenItGivesUp) {
    SequenceTracker tracker(1s);
    tracker.start(250);
    for (int seq : {1, 254, 253}) accept(tracker, seq);
    EXPECT_EQ(numbers(tracker.give_up()), (Numbers{253, 254, 1}));
    EXPECT_FALSE(tracker.deadline());
    EXPECT_EQ(accept(tracker, 2), Numbers{2});
}

TEST(SequenceTracker, DropsAndCountsRepeats) {
    SequenceTracker tracker(1s);
    tracker.start(0);
    accept(tracker, 1);
    EXPECT_EQ(accept(tracker, 1), Numbers{});
    accept(tracker, 3);
    EXPECT_EQ(accept(tracker, 3), Numbers{});
    EXPECT_EQ(tracker.repeats(), 2u);
}

TEST(SequenceTracker, WaitsNoLongerWhenTooMuchIsHeld) {
    SequenceTracker tracker(1h, 3);
    tracker.start(0);
    accept(tracker, 2);
    accept(tracker, 3);
    EXPECT_EQ(tracker.deadline(), kStart + 1h);
    accept(tracker, 4);
    EXPECT_EQ(tracker.deadline(), kStart);
}

TEST(SequenceTracker, WaitsNoLongerWhenTooManyBytesAreHeld) {
    SequenceTracker tracker(1h, 64, 1'000);
    tracker.start(0);
    tracker.accept({2, {}, std::string(1'000, 'x')}, kStart);
    EXPECT_EQ(tracker.deadline(), kStart + 1h);
    EXPECT_EQ(tracker.held_bytes(), 1'000u);
    tracker.accept({3, {}, "x"}, kStart);
    EXPECT_EQ(tracker.deadline(), kStart);
    EXPECT_EQ(tracker.give_up().size(), 2u);
    EXPECT_EQ(tracker.held_bytes(), 0u);
}

TEST(SequenceTracker, ForgetsEverythingAtABirth) {
    SequenceTracker tracker(1s);
    tracker.start(0);
    accept(tracker, 5);
    tracker.start(0);
    EXPECT_FALSE(tracker.deadline());
    EXPECT_EQ(accept(tracker, 1), Numbers{1});
    EXPECT_TRUE(tracker.give_up().empty());
}

}  // namespace
}  // namespace labhub::sparkplug
