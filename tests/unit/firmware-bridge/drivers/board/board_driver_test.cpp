#include "firmware-bridge/drivers/board/board_driver.hpp"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/firmware-bridge/drivers/board/driver_loop.hpp"
#include "tests/unit/firmware-bridge/sim/sim_process.hpp"

namespace labhub::firmware_bridge {
namespace {

using namespace std::chrono_literals;

/// A driver on a loop of its own, and the simulator it talks to.
struct BoardDriverTest : ::testing::Test {
    ~BoardDriverTest() override {
        if (driver) loop.run(driver->close());
    }

    Result<void> open(std::vector<std::string> sim_arguments = {}, BoardOptions options = {}) {
        EXPECT_TRUE(sim.start(std::move(sim_arguments)));
        return open_driver(std::move(options));
    }
    Result<void> open_driver(BoardOptions options = {}) {
        options.port = sim.link();
        driver = BoardDriver::make(loop.executor(), options);
        return loop.run(driver->open());
    }
    Result<std::vector<Reading>> write(std::vector<Setpoint> setpoints) {
        return loop.run(driver->write(std::move(setpoints)));
    }
    Result<std::vector<Reading>> read() { return loop.run(driver->read()); }
    /// The reading of that name, or none.
    Value value_of(const std::string& metric) {
        const auto readings = read();
        if (!readings) return {};
        for (const auto& reading : *readings)
            if (reading.metric == metric) return reading.value;
        return {};
    }

    SimProcess sim;
    DriverLoop loop;
    std::unique_ptr<BoardDriver> driver;
};

TEST_F(BoardDriverTest, FindsTheBoardAndLearnsItsMetrics) {
    const auto opened = open({"--seed", "42"});
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_TRUE(driver->is_connected());
    EXPECT_EQ(driver->session(), 1u);
    EXPECT_EQ(driver->identify()->serial, "sim-42");
    EXPECT_EQ(driver->identify()->family, "board");
    ASSERT_EQ(driver->metrics().size(), 31u);
    const auto& peltier = **find_metric(driver->metrics(), "peltier");
    EXPECT_EQ(peltier.kind, MetricKind::actuator);
    EXPECT_EQ(peltier.minimum, -100);
    EXPECT_EQ(peltier.maximum, 100);
    EXPECT_EQ(peltier.unit, "%");
    EXPECT_EQ(peltier.safe_value, Value(0.0));
    EXPECT_EQ((*find_metric(driver->metrics(), "led"))->safe_value, Value(false));
    EXPECT_EQ((*find_metric(driver->metrics(), "ring_light"))->safe_value, Value(std::string("#000000")));
    const auto& diode = **find_metric(driver->metrics(), "vial_A_180_degree");
    EXPECT_EQ(diode.kind, MetricKind::sensor);
    EXPECT_EQ(diode.unit, "V");
    EXPECT_FALSE(diode.minimum);
}

TEST_F(BoardDriverTest, ReadsEveryMetricWithOneTime) {
    ASSERT_TRUE(open());
    const auto readings = read();
    ASSERT_TRUE(readings) << readings.error().to_string();
    ASSERT_EQ(readings->size(), driver->metrics().size());
    for (const auto& reading : *readings) {
        EXPECT_EQ(reading.time, readings->front().time);
        EXPECT_EQ(reading.quality, Quality::good) << reading.metric;
    }
    EXPECT_NEAR(*as_number(value_of("vial_C_temp")), 25, 1);
}

TEST_F(BoardDriverTest, WritesAndGetsBackWhatStands) {
    ASSERT_TRUE(open());
    const auto applied = write(
        {{"led", true}, {"stirrer", std::int64_t{40}}, {"peltier", -12.5}, {"ring_light", std::string("3:#ff0000")}});
    ASSERT_TRUE(applied) << applied.error().to_string();
    ASSERT_EQ(applied->size(), 4u);
    EXPECT_EQ((*applied)[0].metric, "led");
    EXPECT_EQ((*applied)[0].value, Value(true));
    EXPECT_EQ((*applied)[1].value, Value(40.0));
    EXPECT_EQ(value_of("peltier"), Value(-12.5));
    EXPECT_EQ(std::get<std::string>(value_of("ring_light")).substr(24, 7), "#ff0000");
    EXPECT_FALSE(sim.await_event(output_is("stirrer", 40), 2s).empty());
}

TEST_F(BoardDriverTest, PassesOnTheBoardsRefusal) {
    ASSERT_TRUE(open());
    const auto beyond = write({{"led", true}, {"stirrer", 150.0}});
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, ErrorCode::out_of_range);
    EXPECT_NE(beyond.error().message.find("stirrer"), std::string::npos);
    EXPECT_EQ(value_of("led"), Value(false));
    EXPECT_EQ(write({{"vial_A_temp", 1.0}}).error().code, ErrorCode::forbidden);
    EXPECT_EQ(write({{"ring_light", std::string("red")}}).error().code, ErrorCode::malformed);
    EXPECT_TRUE(driver->is_connected());
}

TEST_F(BoardDriverTest, RefusesWhatNoBoardCouldTake) {
    ASSERT_TRUE(open());
    EXPECT_EQ(write({{"no_such", 1.0}}).error().code, ErrorCode::not_found);
    EXPECT_EQ(write({{"stirrer", std::string("fast")}}).error().code, ErrorCode::malformed);
    EXPECT_EQ(write({{"stirrer", Value{}}}).error().code, ErrorCode::malformed);
    EXPECT_EQ(write({{"ring_light", std::string(257, '#')}}).error().code, ErrorCode::too_large);
    EXPECT_EQ(write(std::vector<Setpoint>(25, Setpoint{"stirrer", 1.0})).error().code, ErrorCode::too_many);
}

TEST_F(BoardDriverTest, MakesEverythingSafe) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write({{"peltier", 50.0}, {"ring_light", std::string("#ffffff")}}));
    const auto safe = loop.run(driver->safe());
    ASSERT_TRUE(safe);
    EXPECT_EQ(safe->size(), 12u);
    for (const auto& reading : *safe)
        EXPECT_EQ(reading.value, (*find_metric(driver->metrics(), reading.metric))->safe_value);
}

TEST_F(BoardDriverTest, KeepsTheDeadManAtBay) {
    ASSERT_TRUE(open({}, {.port = {}, .dead_man = 600ms}));
    ASSERT_TRUE(write({{"stirrer", 30.0}}));
    const auto since = Steady::now();
    loop.turn_until([&] { return Steady::now() - since > 2000ms; }, 4s);
    EXPECT_EQ(value_of("stirrer"), Value(30.0));
    EXPECT_EQ(driver->session(), 1u);
}

TEST_F(BoardDriverTest, SaysThatOutputsAreGoneWhenItWasHeldUp) {
    ASSERT_TRUE(open({}, {.port = {}, .dead_man = 300ms}));
    ASSERT_TRUE(write({{"stirrer", 30.0}}));
    // The loop stands still, as in a process that was stopped: no heartbeat leaves.
    ASSERT_FALSE(sim.await_event(is_event("dead_man"), 3s).empty());
    EXPECT_TRUE(loop.turn_until([&] { return driver->session() == 2; }, 2s));
    EXPECT_EQ(driver->counters().dead_man_firings, 1u);
    EXPECT_EQ(value_of("stirrer"), Value(0.0));
    EXPECT_TRUE(write({{"stirrer", 20.0}}));
}

TEST_F(BoardDriverTest, GetsThroughGarbage) {
    ASSERT_TRUE(open({"--garbage", "0.0005", "--seed", "3"}));
    for (int n = 0; n < 200; ++n) {
        const auto readings = read();
        ASSERT_TRUE(readings) << n << ": " << readings.error().to_string();
        const auto applied = write({{"stirrer", n * 0.25}});
        ASSERT_TRUE(applied) << n << ": " << applied.error().to_string();
        ASSERT_EQ(applied->front().value, Value(n * 0.25));
    }
    EXPECT_GT(driver->counters().frames_damaged, 0u);
    EXPECT_GT(driver->counters().repetitions, 0u);
    EXPECT_EQ(driver->session(), 1u);
}

TEST_F(BoardDriverTest, GivesUpALineOfNothingButGarbage) {
    const auto opened = open({"--garbage", "0.5"}, {.port = {}, .request_timeout = 100ms});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::timed_out);
    EXPECT_FALSE(driver->is_connected());
    EXPECT_EQ(read().error().code, ErrorCode::unavailable);
    EXPECT_EQ(driver->identify().error().code, ErrorCode::unavailable);
}

TEST_F(BoardDriverTest, SaysSoWhenTheBoardFallsSilentAndFindsItAgain) {
    ASSERT_TRUE(
        open({"--silent-after", "2", "--silent-for", "2"}, {.port = {}, .dead_man = 600ms, .request_timeout = 200ms}));
    ASSERT_TRUE(write({{"peltier", 60.0}}));
    ASSERT_TRUE(loop.turn_until([&] { return !driver->is_connected(); }, 6s));
    const auto away = read();
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().code, ErrorCode::unavailable);
    EXPECT_NE(away.error().message.find(sim.link()), std::string::npos);
    EXPECT_FALSE(sim.await_event(is_event("dead_man"), 2s).empty());
    ASSERT_TRUE(loop.turn_until([&] { return driver->is_connected(); }, 10s));
    EXPECT_GE(driver->session(), 2u);
    EXPECT_EQ(value_of("peltier"), Value(0.0));
    EXPECT_EQ(driver->counters().dead_man_firings, 1u);
}

TEST_F(BoardDriverTest, FindsABoardThatVanishedAndCameBack) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write({{"stirrer", 30.0}}));
    sim.end(SIGKILL);
    ASSERT_TRUE(loop.turn_until([&] { return !driver->is_connected(); }, 2s))
        << "a hang-up is noticed without a request";
    EXPECT_EQ(write({{"stirrer", 30.0}}).error().code, ErrorCode::unavailable);
    ASSERT_TRUE(sim.start());
    ASSERT_TRUE(loop.turn_until([&] { return driver->is_connected(); }, 5s));
    EXPECT_EQ(driver->session(), 2u);
    EXPECT_EQ(value_of("stirrer"), Value(0.0));
}

TEST_F(BoardDriverTest, FindsABoardThatIsPluggedInLater) {
    const auto opened = open_driver();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::not_found);
    EXPECT_TRUE(driver->metrics().empty());
    ASSERT_TRUE(sim.start());
    ASSERT_TRUE(loop.turn_until([&] { return driver->is_connected(); }, 5s));
    EXPECT_EQ(driver->session(), 1u);
    EXPECT_EQ(driver->metrics().size(), 31u);
}

TEST_F(BoardDriverTest, LeavesAPortAloneThatAnotherHas) {
    ASSERT_TRUE(open());
    auto second = BoardDriver::make(loop.executor(), {.port = sim.link()});
    const auto opened = loop.run(second->open());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::conflict);
    loop.run(second->close());
    EXPECT_TRUE(read());
}

TEST_F(BoardDriverTest, RefusesADeadManTimeNoBoardKeeps) {
    const auto opened = open({}, {.port = {}, .dead_man = 50ms});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::out_of_range);
}

TEST_F(BoardDriverTest, AnswersManyRequestsAtOnce) {
    ASSERT_TRUE(open());
    int done = 0;
    for (int n = 0; n < 40; ++n)
        asio::co_spawn(
            loop.executor(), driver->read(),
            [&done](std::exception_ptr, Result<std::vector<Reading>> readings) { done += readings.has_value(); });
    EXPECT_TRUE(loop.turn_until([&] { return done == 40; }, 5s)) << done;
}

TEST_F(BoardDriverTest, LeavesTheBoardSafeWhenClosed) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write({{"peltier", 50.0}}));
    loop.run(driver->close());
    EXPECT_FALSE(sim.await_event(output_is("peltier", 0), 1s).empty());
    EXPECT_EQ(read().error().code, ErrorCode::unavailable);
    driver.reset();
}

/// A whole host in a process of its own: opens, switches the heater on, says so, and lives until it is
/// killed.
[[noreturn]] void be_a_host(const std::string& port, int says) {
    DriverLoop loop;
    const auto driver = BoardDriver::make(loop.executor(), {.port = port, .dead_man = 1000ms});
    const bool on = loop.run(driver->open()) && loop.run(driver->write({{"peltier", 70.0}, {"pump_A_in", 0.5}}));
    const char word = on ? 'y' : 'n';
    if (::write(says, &word, 1) == 1) loop.turn_until([] { return false; }, 60s);
    ::_exit(1);
}

TEST_F(BoardDriverTest, BoardIsSafeWithinTheDeadManAfterTheHostWasKilled) {
    ASSERT_TRUE(sim.start());
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t host = ::fork();
    if (host == 0) be_a_host(sim.link(), pipe[1]);
    char word = 0;
    ASSERT_EQ(::read(pipe[0], &word, 1), 1);
    ASSERT_EQ(word, 'y');
    ::kill(host, SIGKILL);
    const std::chrono::duration<double, std::milli> killed = Steady::now().time_since_epoch();
    ::waitpid(host, nullptr, 0);
    ::close(pipe[0]);
    ::close(pipe[1]);

    const auto fired = sim.await_event(is_event("dead_man"), 5s);
    ASSERT_FALSE(fired.empty());
    const auto off = sim.await_event(output_is("peltier", 0), 1s);
    ASSERT_FALSE(off.empty());
    EXPECT_FALSE(sim.await_event(output_is("pump_A_in", 0), 1s).empty());
    EXPECT_LE(off.at("monotonic_ms").to_number<double>() - killed.count(), 1000 + 1000 / 3)
        << "the dead-man time and one heartbeat";
    // A host that comes after it finds the port free and everything safe.
    ASSERT_TRUE(open_driver());
    EXPECT_EQ(value_of("peltier"), Value(0.0));
}

}  // namespace
}  // namespace labhub::firmware_bridge
