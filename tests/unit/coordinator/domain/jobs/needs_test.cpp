#include "coordinator/domain/jobs/needs.hpp"

#include <gtest/gtest.h>

#include "coordinator/domain/jobs/device_choice.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::jobs {
namespace {

DeviceAddress device(int number) { return {NodeId{"n" + std::to_string(number)}, "vessel"}; }

MetricInfo metric(std::string name, MetricKind kind = MetricKind::sensor) {
    MetricInfo info;
    info.name = std::move(name);
    info.kind = kind;
    return info;
}

TEST(Needs, SayInOneLineWhatTheyAre) {
    EXPECT_EQ(to_string(Needs{{device(1)}, {}, {}}), "n1/vessel");
    EXPECT_EQ(to_string(Needs{{device(1), device(2)}, {"ph"}, {}}), "any of n1/vessel, n2/vessel with ph");
    EXPECT_EQ(to_string(Needs{{}, {"do", "ph"}, {"stirrer"}}), "any device with do, ph and actuator stirrer");
}

TEST(Needs, ComeBackAsTheyWereStored) {
    const Needs needs{{device(1), device(2)}, {"ph", "Supply Voltage"}, {"stirrer"}};
    const auto read = needs_from(to_json_object(needs));
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(*read, needs);
    for (const char* const damaged : {R"({"devices":["x"]})", R"({"metrics":"ph"})", R"({"actuators":[1]})"})
        EXPECT_FALSE(needs_from(boost::json::parse(damaged).as_object())) << damaged;
}

TEST(Needs, AreRefusedWhereNobodyCanMeanThem) {
    Needs twice{{}, {"ph", "do", "ph"}, {}};
    ASSERT_TRUE(check_needs(twice));
    EXPECT_EQ(twice.metrics, (std::vector<std::string>{"do", "ph"}));
    Needs nameless{{}, {""}, {}};
    EXPECT_EQ(check_needs(nameless).error().code, ErrorCode::malformed);
    Needs endless;
    for (int number = 0; number < 65; ++number) endless.metrics.push_back("m" + std::to_string(number));
    EXPECT_EQ(check_needs(endless).error().code, ErrorCode::too_large);
}

/// A fleet whose nodes can't be reached, which their births don't need.
class Choices : public testing::Test {
  protected:
    ~Choices() override { test::run_task(io_, fleet_.stop()); }

    void enrol(int number) {
        link::Enrolment enrolment;
        enrolment.node = device(number).node;
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;
        fleet_.enrol(std::move(enrolment), "coordinator", "/nonexistent/key");
    }
    void born(int number, std::vector<MetricInfo> metrics) {
        if (!fleet_.nodes().contains(device(number).node)) enrol(number);
        fleet_.device_born(device(number), clock_.utc_now(), std::move(metrics), {});
    }
    std::vector<DeviceAddress> chosen(const Needs& needs) { return choices_.of(needs)->devices; }
    std::string why_none(const Needs& needs) { return choices_.of(needs)->why_none; }

    using Devices = std::vector<DeviceAddress>;
    asio::io_context io_;
    ManualClock clock_;
    fleet::Fleet fleet_{io_.get_executor(), clock_};
    DeviceChoices choices_{fleet_};
};

TEST_F(Choices, AreTheDevicesThatHaveAllOfIt) {
    born(1, {metric("ph"), metric("stirrer", MetricKind::actuator)});
    born(2, {metric("ph")});
    born(3, {metric("ph"), metric("stirrer")});
    EXPECT_EQ(chosen({{}, {"ph"}, {}}), (Devices{device(1), device(2), device(3)}));
    EXPECT_EQ(chosen({{}, {"ph", "stirrer"}, {}}), (Devices{device(1), device(3)}));
    EXPECT_EQ(chosen({{}, {"ph"}, {"stirrer"}}), Devices{device(1)});
    EXPECT_EQ(chosen({{device(2), device(3)}, {"ph"}, {}}), (Devices{device(2), device(3)}));
}

TEST_F(Choices, CountADeviceThatIsBornLaterOrAnew) {
    const Needs needs{{}, {"ph"}, {}};
    EXPECT_EQ(chosen(needs), Devices{});
    born(1, {metric("temp")});
    EXPECT_EQ(chosen(needs), Devices{});
    born(1, {metric("temp"), metric("ph")});
    EXPECT_EQ(chosen(needs), Devices{device(1)});
    fleet_.dismiss(device(1).node);
    EXPECT_EQ(chosen(needs), Devices{});
}

TEST_F(Choices, SayWhatIsLacking) {
    EXPECT_EQ(why_none({{}, {"ph"}, {}}), "no device has metric 'ph'");
    born(1, {metric("ph")});
    born(2, {metric("do"), metric("stirrer")});
    EXPECT_EQ(why_none({{}, {"ph", "do"}, {}}), "no device has all of it");
    EXPECT_EQ(why_none({{}, {}, {"stirrer"}}), "no device has actuator 'stirrer'");
    EXPECT_EQ(why_none({{device(1)}, {"do"}, {}}), "none of those it names has metric 'do'");
    enrol(3);
    enrol(4);
    EXPECT_EQ(why_none({{device(3), device(4)}, {}, {}}), "none of those it names has been heard of");
}

TEST_F(Choices, AreSharedByJobsWithTheSameNeeds) {
    born(1, {metric("ph")});
    const auto first = choices_.of({{}, {"ph"}, {}});
    EXPECT_EQ(first, choices_.of({{}, {"ph"}, {}}));
    born(2, {metric("ph")});
    EXPECT_NE(first, choices_.of({{}, {"ph"}, {}}));
    EXPECT_EQ(first->devices.size(), 1u);
}

TEST_F(Choices, NameDevicesThatThereAreOrMayBe) {
    born(1, {});
    enrol(2);
    EXPECT_TRUE(choices_.check_named({{device(1)}, {"ph"}, {}}));
    EXPECT_TRUE(choices_.check_named({{device(1), device(2)}, {}, {}}));
    const auto stranger = choices_.check_named({{device(1), device(9)}, {}, {}});
    ASSERT_FALSE(stranger);
    EXPECT_EQ(stranger.error().code, ErrorCode::not_found);
    EXPECT_EQ(choices_.check_named({{DeviceAddress{device(1).node, "other"}}, {"ph"}, {}}).error().code,
              ErrorCode::not_found);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
