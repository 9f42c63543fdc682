#include <gtest/gtest.h>

#include "coordinator/domain/fleet/fleet.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::fleet {
namespace {

const DeviceAddress kVessel{NodeId{"sim-1"}, "vessel"};

/// A node of one sensor whose clock may be set back.
class ClockStep : public ::testing::Test {
  protected:
    ClockStep() {
        link::Enrolment enrolment;
        enrolment.node = kVessel.node;
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;
        fleet_.enrol(std::move(enrolment), "coordinator", "/nonexistent/key");
        MetricInfo metric;
        metric.name = "temp";
        fleet_.device_born(kVessel, clock_.utc_now(), {metric}, {});
    }
    ~ClockStep() override { test::run_task(io_, fleet_.stop()); }

    void read(double value) {
        clock_.advance(std::chrono::seconds{1});
        fleet_.add_readings(kVessel, {{"temp", value, clock_.utc_now(), Quality::good}});
    }
    Value latest() const { return (*fleet_.device(kVessel))->latest.at("temp").value; }
    std::vector<Sample> after(UtcMillis time) {
        return *test::run_task(io_, fleet_.samples_after(kVessel, time, 100, std::chrono::milliseconds{0}));
    }

    asio::io_context io_;
    ManualClock clock_;
    Fleet fleet_{io_.get_executor(), clock_};
};

TEST_F(ClockStep, BackByHoursFreezesNeitherTheValueNorWhoWaitsForTheNext) {
    clock_.step_utc(std::chrono::hours{20});
    read(1.0);
    read(2.0);
    const UtcMillis seen = clock_.utc_now();
    clock_.step_utc(-std::chrono::hours{20});
    read(3.0);
    EXPECT_EQ(latest(), Value{3.0});
    const auto next = after(seen);
    ASSERT_EQ(next.size(), 1u);
    EXPECT_EQ(next[0].values.at("temp"), Value{3.0});
    EXPECT_TRUE(after(next[0].time).empty());
    read(4.0);
    EXPECT_EQ(after(next[0].time).size(), 1u);
}

TEST_F(ClockStep, OfAMomentIsAnOvertakenReading) {
    read(1.0);
    fleet_.note_applied(kVessel, {{"temp", 5.0, clock_.utc_now() + std::chrono::seconds{2}, Quality::good}});
    read(2.0);
    EXPECT_EQ(latest(), Value{5.0}) << "measured before the command was carried out";
    clock_.advance(std::chrono::seconds{2});
    read(6.0);
    EXPECT_EQ(latest(), Value{6.0});
}

}  // namespace
}  // namespace labhub::coordinator::fleet
