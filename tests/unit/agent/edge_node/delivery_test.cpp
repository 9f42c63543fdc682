#include "agent/edge_node/delivery.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::edge_node {
namespace {

using namespace std::chrono_literals;
using Devices = std::vector<std::string>;

class DeliveryTest : public testing::Test {
  protected:
    /// Sends positions from, from + 1, … one each second.
    void send(Delivery& delivery, Position from, Position to) {
        for (Position position = from; position <= to; ++position) {
            now_ += 1s;
            delivery.said(position, {}, now_);
            delivery.sent_all(position, now_);
        }
    }
    Delivery::Options options_{65s, 10min};
    Steady::time_point now_{1h};
};

TEST_F(DeliveryTest, AnAcknowledgedPositionMayBeForgotten) {
    Delivery delivery(options_, 0, 0);
    send(delivery, 10, 20);
    const auto done = delivery.acknowledge(15, now_);
    ASSERT_TRUE(done.forget);
    EXPECT_EQ(done.forget->upto, 15);
    EXPECT_FALSE(done.replay_all);
    EXPECT_TRUE(delivery.is_acknowledging(now_));
}

TEST_F(DeliveryTest, APositionThatWasNeverSaidIsIgnored) {
    Delivery delivery(options_, 5, 0);
    EXPECT_FALSE(delivery.acknowledge(4, now_).forget) << "of a former run";
    send(delivery, 10, 20);
    EXPECT_FALSE(delivery.acknowledge(9, now_).forget);
    EXPECT_EQ(delivery.acknowledge(1'000, now_).forget->upto, 20) << "no more than was said";
}

TEST_F(DeliveryTest, RowsOfADeviceThatWasAwayWhenItWasSaidStay) {
    Delivery delivery(options_, 1, 0);
    delivery.said(10, {"away"}, now_);
    delivery.said(11, {"away"}, now_);
    // It came back, and everything is sent again from the beginning.
    delivery.said(3, {}, now_);
    delivery.said(12, {}, now_);
    const auto late = delivery.acknowledge(11, now_);
    EXPECT_EQ(late.forget->withheld, Devices{"away"}) << "11 may have been said before it came back";
    const auto all = delivery.acknowledge(12, now_);
    EXPECT_EQ(all.forget->upto, 12);
    EXPECT_TRUE(all.forget->withheld.empty());
}

TEST_F(DeliveryTest, AHostThatNeverAcknowledgesGetsARollingWindow) {
    Delivery delivery(options_, 0, 0);
    send(delivery, 1, 300);
    const Position after = delivery.replay_after(now_);
    EXPECT_LE(after, 300 - 65);
    EXPECT_GE(after, 300 - 70);
    EXPECT_EQ(delivery.replay_after(now_ + 1h), after) << "what is in the window has to be sent again first";
}

TEST_F(DeliveryTest, TheWindowCountsFromWhenTheConnectionWasFoundBroken) {
    Delivery delivery(options_, 0, 0);
    send(delivery, 1, 300);
    delivery.lost(now_);
    EXPECT_LE(delivery.replay_after(now_ + 1h), 300 - 65);
}

TEST_F(DeliveryTest, AHostThatAcknowledgesGetsAllItHasNot) {
    Delivery delivery(options_, 7, 0);
    send(delivery, 10, 300);
    EXPECT_EQ(delivery.replay_after(now_), 0);
}

TEST_F(DeliveryTest, AHostThatFellSilentGetsAWindowUntilItSpeaksAgain) {
    Delivery delivery(options_, 0, 0);
    send(delivery, 1, 10);
    EXPECT_TRUE(delivery.acknowledge(10, now_).forget);
    send(delivery, 11, 2'000);
    EXPECT_FALSE(delivery.is_acknowledging(now_));
    EXPECT_GT(delivery.replay_after(now_), 1'000);
    send(delivery, 2'001, 2'010);
    const auto back = delivery.acknowledge(2'005, now_);
    EXPECT_FALSE(back.forget) << "it may not have what was taken for received";
    EXPECT_TRUE(back.replay_all);
    EXPECT_EQ(delivery.replay_after(now_), 0);
    delivery.said(11, {}, now_);
    delivery.said(2'010, {}, now_);
    EXPECT_EQ(delivery.acknowledge(2'010, now_).forget->upto, 2'010);
}

TEST_F(DeliveryTest, ForgetsNothingOfManyRunsButStaysSmall) {
    Delivery delivery(options_, 1, 0);
    for (Position run = 0; run < 1'000; ++run) delivery.said(100 + run % 2, {run % 2 ? "a" : "b"}, now_);
    EXPECT_EQ(delivery.acknowledge(101, now_).forget->withheld, (Devices{"a", "b"}));
}

}  // namespace
}  // namespace labhub::agent::edge_node
