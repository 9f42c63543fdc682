// What becomes of requests that a board does not answer, while its link lives.

#include <gtest/gtest.h>

#include "tests/unit/firmware-bridge/drivers/board/deaf_mute_board.hpp"

namespace labhub::firmware_bridge {
namespace {

using namespace std::chrono_literals;

struct UnansweredTest : ::testing::Test {
    UnansweredTest() {
        BoardOptions options;
        options.port = board.port();
        options.dead_man = 3000ms;
        options.request_timeout = 100ms;
        options.command_timeout = 200ms;
        driver = BoardDriver::make(loop.executor(), options);
        opened = loop.run(driver->open());
    }
    ~UnansweredTest() override {
        board.hears = board.speaks = true;
        loop.run(driver->close());
    }
    void SetUp() override { ASSERT_TRUE(opened) << opened.error().to_string(); }

    Result<std::vector<Reading>> write(std::vector<Setpoint> setpoints) {
        return loop.run(driver->write(std::move(setpoints)));
    }
    Value value_of(const std::string& metric) {
        const auto readings = loop.run(driver->read());
        if (!readings) return {};
        for (const auto& reading : *readings)
            if (reading.metric == metric) return reading.value;
        return {};
    }
    bool becomes(const std::string& metric, const Value& value) {
        for (int attempt = 0; attempt < 50; ++attempt)
            if (value_of(metric) == value) return true;
        return false;
    }
    void expect_link_is_as_it_was() {
        EXPECT_TRUE(driver->is_connected());
        EXPECT_EQ(driver->session(), 1u);
    }

    DriverLoop loop;
    DeafMuteBoard board{loop};
    std::unique_ptr<BoardDriver> driver;
    Result<void> opened;
};

TEST_F(UnansweredTest, ReadFailsAloneAndIsCounted) {
    board.speaks = false;
    const auto unread = loop.run(driver->read());
    ASSERT_FALSE(unread);
    EXPECT_EQ(unread.error().code, ErrorCode::timed_out);
    EXPECT_EQ(unread.error().message, "the board did not answer within 100ms");
    EXPECT_EQ(driver->counters().reads_failed, 1u);
    board.speaks = true;
    EXPECT_EQ(value_of("stirrer"), Value(0.0));
    expect_link_is_as_it_was();
}

TEST_F(UnansweredTest, WriteSaysThatItsOutcomeIsUnknown) {
    board.hears = false;
    const auto unwritten = write({{"stirrer", 40.0}, {"led", true}});
    ASSERT_FALSE(unwritten);
    EXPECT_EQ(unwritten.error().code, ErrorCode::timed_out);
    EXPECT_EQ(unwritten.error().message, "the board did not answer within 200ms");
    EXPECT_NE(unwritten.error().detail.find("stirrer, led"), std::string::npos) << unwritten.error().detail;
    EXPECT_EQ(driver->counters().commands_in_doubt, 1u);
    expect_link_is_as_it_was();
}

TEST_F(UnansweredTest, WriteThatWasCarriedOutNeverthelessEndsSafe) {
    ASSERT_TRUE(write({{"stirrer", 30.0}}));
    board.speaks = false;
    EXPECT_FALSE(write({{"peltier", 60.0}, {"ring_light", std::string("5:#ff0000")}}));
    EXPECT_GT(board.swallowed, 0u) << "the board did carry it out";
    board.speaks = true;
    EXPECT_TRUE(becomes("peltier", 0.0));
    EXPECT_TRUE(becomes("ring_light", std::string("#000000")));
    EXPECT_EQ(value_of("stirrer"), Value(30.0)) << "what was not in doubt stays";
    expect_link_is_as_it_was();
}

TEST_F(UnansweredTest, WriteThatSwitchesOffAndNeverArrivedEndsOff) {
    ASSERT_TRUE(write({{"pump_A_in", 0.5}}));
    board.hears = false;
    EXPECT_FALSE(write({{"pump_A_in", 0.0}}));
    board.hears = true;
    EXPECT_TRUE(becomes("pump_A_in", 0.0));
    expect_link_is_as_it_was();
}

TEST_F(UnansweredTest, NextWriteSettlesWhatWasLeftOpenAndSaysSo) {
    board.speaks = false;
    EXPECT_FALSE(write({{"peltier", 60.0}, {"stirrer", 10.0}}));
    board.speaks = true;
    // At once, before the driver settles by itself.
    const auto applied = write({{"stirrer", 20.0}});
    ASSERT_TRUE(applied) << applied.error().to_string();
    ASSERT_EQ(applied->size(), 2u);
    EXPECT_EQ((*applied)[0].value, Value(20.0));
    EXPECT_EQ((*applied)[1].metric, "peltier");
    EXPECT_EQ((*applied)[1].value, Value(0.0));
    const auto later = Steady::now() + 300ms;
    loop.turn_until([&] { return Steady::now() > later; }, 1s);
    EXPECT_EQ(value_of("stirrer"), Value(20.0)) << "a later wish that was answered is not undone";
}

TEST_F(UnansweredTest, WriteWhoseFirstAnswersAreLostSucceeds) {
    board.speaks = false;
    std::optional<Result<std::vector<Reading>>> applied;
    std::vector<Setpoint> setpoints{{"peltier", 25.0}};
    asio::co_spawn(loop.executor(), driver->write(std::move(setpoints)),
                   [&](std::exception_ptr, Result<std::vector<Reading>> outcome) { applied = std::move(outcome); });
    ASSERT_TRUE(loop.turn_until([&] { return board.swallowed >= 2; }, 1s));
    board.speaks = true;
    ASSERT_TRUE(loop.turn_until([&] { return applied.has_value(); }, 1s));
    ASSERT_TRUE(*applied) << applied->error().to_string();
    EXPECT_EQ((*applied)->front().value, Value(25.0));
    EXPECT_EQ(driver->counters().commands_in_doubt, 0u);
}

TEST_F(UnansweredTest, SafeIsMadeUpFor) {
    ASSERT_TRUE(write({{"peltier", 50.0}, {"stirrer", 20.0}}));
    board.hears = false;
    EXPECT_EQ(loop.run(driver->safe()).error().code, ErrorCode::timed_out);
    board.hears = true;
    EXPECT_TRUE(becomes("peltier", 0.0));
    EXPECT_EQ(value_of("stirrer"), Value(0.0));
    expect_link_is_as_it_was();
}

TEST_F(UnansweredTest, BoardThatAnswersNothingForItsDeadManTimeIsLost) {
    board.hears = false;
    const auto since = Steady::now();
    ASSERT_TRUE(loop.turn_until([&] { return !driver->is_connected(); }, 10s));
    EXPECT_GE(Steady::now() - since, 1500ms) << "not before the dead-man time, counted from the last answer";
    const auto away = loop.run(driver->read());
    EXPECT_EQ(away.error().code, ErrorCode::unavailable);
    EXPECT_NE(away.error().message.find("dead-man"), std::string::npos) << away.error().message;
    board.hears = true;
    ASSERT_TRUE(loop.turn_until([&] { return driver->is_connected(); }, 10s));
    // Three when the board's own dead-man was heard of just before the link was closed.
    EXPECT_GE(driver->session(), 2u);
}

TEST_F(UnansweredTest, RequestsOfManyAskersOnADeadLineDoNotCloseIt) {
    board.hears = false;
    int failed = 0;
    for (int n = 0; n < 100; ++n)
        asio::co_spawn(loop.executor(), driver->read(),
                       [&](std::exception_ptr, Result<std::vector<Reading>> outcome) { failed += !outcome; });
    ASSERT_TRUE(loop.turn_until([&] { return failed == 100; }, 5s));
    board.hears = true;
    EXPECT_EQ(value_of("stirrer"), Value(0.0));
    expect_link_is_as_it_was();
}

}  // namespace
}  // namespace labhub::firmware_bridge
