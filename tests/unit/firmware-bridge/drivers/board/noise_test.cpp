// The driver and a board on a noisy line. LABHUB_NOISE_ROUNDS asks for more rounds than the test needs, to measure:
// each test prints what it found.

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include <gtest/gtest.h>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "tests/unit/firmware-bridge/drivers/board/driver_loop.hpp"
#include "tests/unit/firmware-bridge/sim/sim_process.hpp"

namespace labhub::firmware_bridge {
namespace {

using namespace std::chrono_literals;

struct Noise {
    const char* name;
    const char* kind;
    const char* rate;
    const char* to;
    int rounds;
};

struct Figures {
    int reads_failed = 0, metrics_missing = 0, writes_failed = 0;
    std::vector<double> read_ms, write_ms;
};

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

struct NoiseTest : ::testing::TestWithParam<Noise> {
    ~NoiseTest() override {
        if (driver) loop.run(driver->close());
    }

    void open(const Noise& noise) {
        ASSERT_TRUE(sim.start({noise.kind, noise.rate, "--noise-to", noise.to, "--seed", "7"}));
        BoardOptions options;
        options.port = sim.link();
        options.dead_man = 2000ms;
        driver = BoardDriver::make(loop.executor(), options);
        // A first attempt may fail on such a line; the driver goes on.
        (void)loop.run(driver->open());
        ASSERT_TRUE(loop.turn_until([&] { return driver->is_connected(); }, 60s));
    }

    template <class T>
    Result<T> timed(std::vector<double>& into, Task<Result<T>> task) {
        const auto began = Steady::now();
        auto outcome = loop.run(std::move(task));
        into.push_back(std::chrono::duration<double, std::milli>(Steady::now() - began).count());
        return outcome;
    }

    void round(int n, Figures& figures) {
        const auto readings = timed(figures.read_ms, driver->read());
        if (!readings) {
            EXPECT_EQ(readings.error().code, ErrorCode::timed_out) << readings.error().to_string();
            ++figures.reads_failed;
        } else {
            figures.metrics_missing += static_cast<int>(std::count_if(
                readings->begin(), readings->end(), [](const Reading& each) { return each.quality != Quality::good; }));
        }
        std::vector<Setpoint> setpoints{{"stirrer", n % 100 + 0.25}, {"pump_A_in", 0.5}};
        const auto applied = timed(figures.write_ms, driver->write(std::move(setpoints)));
        if (applied)
            EXPECT_EQ(applied->front().value, Value(n % 100 + 0.25));
        else
            ++figures.writes_failed;
    }

    void print(const Figures& figures) const {
        const auto counters = driver->counters();
        std::printf(
            "reads %zu failed %d, metrics missing %d, p50 %.1f ms, p99 %.1f ms; writes %zu failed %d, p50 %.1f ms, "
            "p99 %.1f ms; session %u, repetitions %llu, damaged frames %llu\n",
            figures.read_ms.size(), figures.reads_failed, figures.metrics_missing, percentile(figures.read_ms, 0.5),
            percentile(figures.read_ms, 0.99), figures.write_ms.size(), figures.writes_failed,
            percentile(figures.write_ms, 0.5), percentile(figures.write_ms, 0.99), driver->session(),
            static_cast<unsigned long long>(counters.repetitions),
            static_cast<unsigned long long>(counters.frames_damaged));
    }

    SimProcess sim;
    DriverLoop loop;
    std::unique_ptr<BoardDriver> driver;
};

TEST_P(NoiseTest, CostsNeitherTheLinkNorACommand) {
    open(GetParam());
    if (HasFatalFailure()) return;
    const char* const wanted = std::getenv("LABHUB_NOISE_ROUNDS");
    const int rounds = wanted ? std::atoi(wanted) : GetParam().rounds;
    Figures figures;
    for (int n = 0; n < rounds; ++n) round(n, figures);
    print(figures);
    EXPECT_EQ(driver->session(), 1u) << "the link was closed, or the board's dead-man fired";
    EXPECT_EQ(figures.writes_failed, 0);
    EXPECT_LE(figures.reads_failed, rounds / 20);
    EXPECT_LE(figures.metrics_missing, rounds * 31 / 20);
    const auto safe = loop.run(driver->safe());
    ASSERT_TRUE(safe) << safe.error().to_string();
    EXPECT_FALSE(sim.await_event(output_is("pump_A_in", 0), 1s).empty());
}

INSTANTIATE_TEST_SUITE_P(Lines, NoiseTest,
                         ::testing::Values(Noise{"Clean", "--garbage", "0", "both", 200},
                                           Noise{"Strays1e4", "--garbage", "0.0001", "both", 200},
                                           Noise{"Strays1e3", "--garbage", "0.001", "both", 200},
                                           Noise{"Strays1e2", "--garbage", "0.01", "both", 25},
                                           Noise{"StraysToBoard1e2", "--garbage", "0.01", "board", 80},
                                           Noise{"StraysToHost1e2", "--garbage", "0.01", "host", 25},
                                           Noise{"Flips1e4", "--flips", "0.0001", "both", 200},
                                           Noise{"Flips1e3", "--flips", "0.001", "both", 200},
                                           Noise{"Flips1e2", "--flips", "0.01", "both", 25}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace labhub::firmware_bridge
