#include "agent/twin/twin.hpp"

#include <gtest/gtest.h>

#include "firmware-bridge/firmware/vessel_profile.h"
#include "shared/proto/agent_rpc_convert.hpp"
#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::twin {
namespace {

constexpr std::int64_t kStart = 1'800'000'000'000;
constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;

/// The default vessel as its agent announces it, and a metric that no model knows.
rpc::TwinSetup usual_setup() {
    rpc::TwinSetup setup;
    setup.set_node("sim-1");
    setup.set_device("vessel");
    setup.set_start_ms(kStart);
    setup.set_period_ms(1'000);
    setup.set_seed(1);
    for (const hal_channel& channel : vessel_channels) {
        rpc::Metric& metric = *setup.add_metrics();
        metric.set_name(channel.name);
        metric.set_is_actuator(channel.kind == HAL_OUTPUT);
        metric.set_type(channel.type == HAL_BOOLEAN ? "boolean" : channel.type == HAL_PIXELS ? "text" : "number");
        metric.set_unit(channel.unit);
        if (channel.kind != HAL_OUTPUT) continue;
        if (channel.type == HAL_NUMBER) {
            metric.set_minimum(channel.minimum);
            metric.set_maximum(channel.maximum);
            metric.mutable_safe_value()->set_number(0);
        } else if (channel.type == HAL_BOOLEAN) {
            metric.mutable_safe_value()->set_boolean(false);
        } else {
            metric.mutable_safe_value()->set_text("#000000");
        }
    }
    rpc::Metric& strange = *setup.add_metrics();
    strange.set_name("ph");
    strange.set_type("number");
    return setup;
}

class TwinTest : public testing::Test {
  protected:
    void make(rpc::TwinSetup setup = usual_setup()) {
        auto made = Twin::make(io_.get_executor(), folder_.path(), std::move(setup));
        ASSERT_TRUE(made) << made.error().to_string();
        twin_ = std::move(*made);
    }
    void TearDown() override {
        if (twin_) test::run(io_, twin_->stop());
    }
    rpc::Reply ask(rpc::Request request) { return test::run(io_, twin_->answer(std::move(request))); }

    void lease(std::uint32_t ttl_ms) {
        rpc::Request request;
        request.mutable_lease()->set_device("vessel");
        request.mutable_lease()->set_lease_id("lease-1");
        request.mutable_lease()->set_ttl_ms(ttl_ms);
        const auto reply = ask(std::move(request));
        ASSERT_FALSE(reply.has_failure()) << reply.failure().message();
    }
    rpc::Reply set(const std::string& metric, double value) {
        rpc::Request request;
        rpc::ApplyRequest& apply = *request.mutable_apply();
        apply.set_command_id("command-" + std::to_string(++commands_));
        apply.set_device("vessel");
        apply.set_lease_id("lease-1");
        rpc::Setpoint& setpoint = *apply.add_setpoints();
        setpoint.set_metric(metric);
        setpoint.mutable_value()->set_number(value);
        return ask(std::move(request));
    }
    /// All that happened up to then.
    rpc::AdvanceReply live_to(std::int64_t time) {
        rpc::AdvanceReply all;
        do {
            rpc::Request request;
            request.mutable_advance()->set_to_ms(time);
            const auto reply = ask(std::move(request));
            EXPECT_TRUE(reply.has_advance());
            all.MergeFrom(reply.advance());
        } while (all.now_ms() < time);
        return all;
    }
    static const rpc::TwinEvent* event(const rpc::AdvanceReply& reply, const std::string& kind) {
        for (const auto& each : reply.events())
            if (each.kind() == kind) return &each;
        return nullptr;
    }
    double value(const std::string& metric) {
        rpc::Request request;
        request.mutable_read()->set_device("vessel");
        const auto reply = ask(std::move(request));
        for (const auto& reading : reply.read().readings())
            if (reading.metric() == metric) return reading.value().number();
        ADD_FAILURE() << "no " << metric;
        return 0;
    }

    asio::io_context io_{1};
    test::TemporaryFolder folder_;
    std::unique_ptr<Twin> twin_;
    int commands_ = 0;
};

TEST_F(TwinTest, GreetsAsTheNodeItIsMadeLike) {
    make();
    rpc::Request request;
    request.set_id(7);
    request.mutable_hello()->set_protocol(rpc::kProtocol);
    const auto reply = ask(std::move(request));
    EXPECT_EQ(reply.id(), 7u);
    EXPECT_EQ(reply.hello().node(), "sim-1");
    ASSERT_EQ(reply.hello().devices_size(), 1);
    EXPECT_TRUE(reply.hello().devices(0).connected());
}

TEST_F(TwinTest, TimeStandsStillUntilItIsAdvanced) {
    make();
    const auto first = live_to(kStart);
    EXPECT_EQ(first.now_ms(), kStart);
    ASSERT_GT(first.batches_size(), 0);
    EXPECT_EQ(twin_->now().count, kStart);
    EXPECT_EQ(first.next_sample_ms(), kStart + 1'000);
}

TEST_F(TwinTest, MeasuresAtItsPeriodWhileTimePasses) {
    make();
    live_to(kStart);
    const auto lived = live_to(kStart + 10'000);
    EXPECT_EQ(lived.batches_size(), 10);
    EXPECT_EQ(lived.batches(0).readings(0).time_ms(), kStart + 1'000);
    EXPECT_EQ(lived.batches(9).readings(0).time_ms(), kStart + 10'000);
}

TEST_F(TwinTest, AnswersALongTimeInPieces) {
    make();
    rpc::Request request;
    request.mutable_advance()->set_to_ms(kStart + kHour);
    const auto reply = ask(std::move(request));
    EXPECT_LT(reply.advance().now_ms(), kStart + kHour);
    EXPECT_LT(reply.ByteSizeLong(), std::size_t{1} << 20);
    EXPECT_EQ(live_to(kStart + kHour).now_ms(), kStart + kHour);
}

TEST_F(TwinTest, RefusesWhatTheNodeWouldRefuse) {
    make();
    EXPECT_EQ(set("stirrer", 40).failure().code(), "conflict");  // no lease
    lease(60'000);
    const auto outside = set("pump_A_in", 500);
    EXPECT_EQ(outside.failure().code(), "out_of_range");
    EXPECT_EQ(set("vial_A_temp", 30).failure().code(), "forbidden");
    EXPECT_FALSE(set("stirrer", 40).has_failure());
    EXPECT_DOUBLE_EQ(value("stirrer"), 40);
}

TEST_F(TwinTest, TellsOfAVialThatRunsOver) {
    make();
    lease(3'600'000);
    ASSERT_FALSE(set("pump_A_in", 0.01).has_failure());
    const auto lived = live_to(kStart + 20 * kMinute);
    const auto* const overflow = event(lived, "overflow");
    ASSERT_NE(overflow, nullptr);
    EXPECT_EQ(overflow->subject(), "A");
    // From 25 mL to 30 mL at 0.01 mL/s.
    EXPECT_NEAR(static_cast<double>(overflow->time_ms() - kStart) / 1000, 500, 5);
    int overflows = 0;
    for (const auto& each : lived.events()) overflows += each.kind() == "overflow";
    EXPECT_EQ(overflows, 1);
    const auto& last = lived.states(lived.states_size() - 1).vials(0);
    EXPECT_NEAR(last.volume_ml(), 30, 0.01);
    EXPECT_GT(last.overflow_ml(), 5);
}

TEST_F(TwinTest, TellsOfACultureThatIsCooked) {
    make();
    lease(3'600'000);
    ASSERT_FALSE(set("peltier", 100).has_failure());
    const auto early = live_to(kStart + 35 * kMinute);
    EXPECT_NE(event(early, "full_power"), nullptr);
    EXPECT_EQ(event(early, "culture_hot"), nullptr);
    const auto late = live_to(kStart + 59 * kMinute);
    ASSERT_NE(event(late, "culture_hot"), nullptr);
}

TEST_F(TwinTest, TellsOfAPumpThatDrawsNothing) {
    make();
    lease(3'600'000);
    ASSERT_FALSE(set("pump_B_out", 0.01).has_failure());
    const auto lived = live_to(kStart + 15 * kMinute);
    const auto* const dry = event(lived, "dry");
    ASSERT_NE(dry, nullptr);
    EXPECT_EQ(dry->subject(), "B");
}

TEST_F(TwinTest, MakesTheVesselSafeWhenItsLeaseRunsOut) {
    make();
    lease(60'000);
    ASSERT_FALSE(set("pump_A_in", 0.01).has_failure());
    const auto lived = live_to(kStart + 2 * kMinute);
    ASSERT_NE(event(lived, "lease_expired"), nullptr);
    EXPECT_DOUBLE_EQ(value("pump_A_in"), 0);
    const auto& last = lived.states(lived.states_size() - 1).vials(0);
    EXPECT_NEAR(last.in_ml(), 0.6, 0.02);
}

TEST_F(TwinTest, SaysWhatItsModelDoesntKnow) {
    make();
    const auto first = live_to(kStart);
    ASSERT_TRUE(first.has_about());
    ASSERT_EQ(first.about().not_simulated_size(), 1);
    EXPECT_EQ(first.about().not_simulated(0), "ph");
    for (const auto& reading : first.batches(0).readings())
        if (reading.metric() == "ph") {
            EXPECT_EQ(reading.quality(), 0);
        }
    EXPECT_FALSE(live_to(kStart + 1'000).has_about());
}

TEST_F(TwinTest, CantReadASensorThatTheRealDeviceCantRead) {
    auto setup = usual_setup();
    rpc::Reading& broken = *setup.add_readings();
    broken.set_metric("vial_A_temp");
    broken.set_time_ms(kStart - 1'000);
    broken.set_quality(0);
    make(std::move(setup));
    const auto first = live_to(kStart);
    for (const auto& reading : first.batches(0).readings())
        if (reading.metric() == "vial_A_temp") {
            EXPECT_EQ(reading.value().kind_case(), rpc::Value::KIND_NOT_SET);
        }
}

TEST_F(TwinTest, TheSameRequestsGiveTheSameLife) {
    make();
    lease(3'600'000);
    set("stirrer", 40);
    const auto once = live_to(kStart + kMinute).SerializeAsString();
    test::run(io_, twin_->stop());
    twin_.reset();
    std::filesystem::remove(folder_.path() / "agent.sqlite");
    make();
    lease(3'600'000);
    set("stirrer", 40);
    EXPECT_TRUE(live_to(kStart + kMinute).SerializeAsString() == once);
}

TEST_F(TwinTest, RefusesASetupThatIsNone) {
    auto setup = usual_setup();
    setup.set_period_ms(0);
    EXPECT_EQ(Twin::make(io_.get_executor(), folder_.path(), setup).error().code, ErrorCode::out_of_range);
    setup = usual_setup();
    setup.clear_metrics();
    EXPECT_EQ(Twin::make(io_.get_executor(), folder_.path(), setup).error().code, ErrorCode::malformed);
}

}  // namespace
}  // namespace labhub::agent::twin
