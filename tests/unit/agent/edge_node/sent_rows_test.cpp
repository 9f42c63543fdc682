#include "agent/edge_node/sent_rows.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::edge_node {
namespace {

TEST(SentRows, IsCaughtUpWhenNothingIsStored) {
    SentRows sent;
    sent.restart();
    EXPECT_FALSE(sent.is_caught_up());
    sent.reached_end();
    EXPECT_TRUE(sent.is_caught_up());
    sent.sent_live(10);
    EXPECT_EQ(sent.sent_until(), 10);
}

TEST(SentRows, DoesNotSendTwiceWhatWentOutLiveDuringReplay) {
    SentRows sent;
    sent.restart();
    sent.sent_live(100);
    sent.replayed(1);
    sent.sent_live(101);
    EXPECT_FALSE(sent.was_sent_ahead(2));
    EXPECT_TRUE(sent.was_sent_ahead(100));
    sent.replayed(2);
    sent.reached_end();
    EXPECT_TRUE(sent.is_caught_up());
    EXPECT_EQ(sent.sent_until(), 101);
}

TEST(SentRows, GoesBackToTheSpoolForALiveRowThatCouldNotBeSent) {
    SentRows sent;
    sent.restart();
    sent.reached_end();
    sent.sent_live(10);
    sent.missed_live(11);
    EXPECT_FALSE(sent.is_caught_up());
    EXPECT_EQ(sent.sent_until(), 10);
    sent.sent_live(12);
    EXPECT_TRUE(sent.was_sent_ahead(12));
    EXPECT_FALSE(sent.was_sent_ahead(11));
    sent.replayed(11);
    sent.reached_end();
    EXPECT_EQ(sent.sent_until(), 12);
}

TEST(SentRows, ForgetsWhatWentAheadOfARowThatWasMissed) {
    SentRows sent;
    sent.restart();
    sent.sent_live(10);
    sent.missed_live(11);
    EXPECT_FALSE(sent.was_sent_ahead(10)) << "it is sent once more, which does no harm";
}

TEST(SentRows, KnowsWhichPositionsWereNotSaid) {
    SentRows sent;
    sent.restart();
    EXPECT_EQ(sent.ahead_until(), 0);
    sent.sent_live(10);
    sent.sent_live(11);
    EXPECT_EQ(sent.ahead_until(), 11);
    sent.missed_live(12);
    EXPECT_EQ(sent.ahead_until(), 0) << "they are sent again, and said then";
    EXPECT_EQ(sent.newest(), 12);
    sent.replayed(12);
    sent.reached_end();
    sent.sent_live(13);
    EXPECT_EQ(sent.ahead_until(), 0) << "it said its position itself";
    EXPECT_EQ(sent.newest(), 13);
}

TEST(SentRows, BeginsAnewForAHostThatLostTheThread) {
    SentRows sent;
    sent.restart();
    sent.reached_end();
    sent.sent_live(10);
    const unsigned before = sent.generation();
    sent.restart();
    EXPECT_EQ(sent.sent_until(), 0);
    EXPECT_NE(sent.generation(), before);
}

}  // namespace
}  // namespace labhub::agent::edge_node
