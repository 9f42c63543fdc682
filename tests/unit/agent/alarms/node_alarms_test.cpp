#include "agent/alarms/node_alarms.hpp"

#include "tests/unit/agent/safety/path_fixture.hpp"

namespace labhub::agent::alarms {
namespace {

using safety::Asker;
using safety::Role;

/// Alarms over a command path with a fake vessel, whose temperature is told by hand.
class NodeAlarmsTest : public safety::PathTest {
  protected:
    NodeAlarmsTest() { restart(too_hot()); }
    ~NodeAlarmsTest() override { test::run(io_, alarms_->stop()); }

    static Rule too_hot() {
        Rule rule;
        rule.device = "vessel";
        rule.metric = "temp";
        rule.limits.high = 40;
        rule.limits.highhigh = 45;
        rule.limits.hysteresis = 1;
        return rule;
    }
    void restart(Rule rule) {
        if (alarms_) test::run(io_, alarms_->stop());
        alarms_ = std::make_unique<NodeAlarms>(io_.get_executor(), std::vector<Rule>{std::move(rule)}, *path_,
                                               state_->writer(), clock_);
        alarms_->start(
            [this](const std::string&, Reading state) { told_.push_back(std::get<std::string>(state.value)); }, {});
    }
    void read(Value value) {
        clock_.advance(std::chrono::seconds{1});
        alarms_->take("vessel", {Reading{"temp", std::move(value), clock_.utc_now(), Quality::good}});
        settle();
    }
    /// Lets what was begun come to its end.
    void settle() {
        const auto until = Steady::now() + std::chrono::seconds{5};
        auto quiet = [this] { return io_.run_one_for(std::chrono::milliseconds{20}) == 0; };
        io_.restart();
        while (!quiet() && Steady::now() < until) io_.restart();
    }
    Result<std::string> acknowledge(std::string metric = "temp", Asker asker = safety::kPerson) {
        return alarms_->acknowledge("vessel", metric, asker, "");
    }
    std::string first_actuator() const {
        for (const MetricInfo& metric : device_->metrics())
            if (metric.kind == MetricKind::actuator && metric.type == ValueType::number) return metric.name;
        return {};
    }

    std::unique_ptr<NodeAlarms> alarms_;
    std::vector<std::string> told_;
};

TEST_F(NodeAlarmsTest, MakesTheDeviceSafeAndTells) {
    const std::string actuator = first_actuator();
    ASSERT_TRUE(apply(command(actuator, 20.0)));
    ASSERT_FALSE(device_->is_safe());
    read(46.0);
    EXPECT_TRUE(device_->is_safe());
    EXPECT_EQ(told_, (std::vector<std::string>{"major highhigh unacknowledged"}));
    EXPECT_GE(count("SELECT count(*) FROM audit WHERE event = 'hold'"), 0);
}

TEST_F(NodeAlarmsTest, HoldsItSafeUntilClearedAndAcknowledged) {
    const std::string actuator = first_actuator();
    read(46.0);
    const auto refused = apply(command(actuator, 20.0));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find("held safe by an alarm"), std::string::npos);
    ASSERT_TRUE(acknowledge());
    EXPECT_FALSE(apply(command(actuator, 20.0))) << "it is still too hot";
    read(30.0);
    EXPECT_TRUE(apply(command(actuator, 20.0)));
    read(46.0);
    read(30.0);
    EXPECT_FALSE(apply(command(actuator, 20.0))) << "nobody has seen it";
    EXPECT_EQ(told_.back(), "cleared highhigh unacknowledged");
    EXPECT_EQ(acknowledge("all").value_or(""), "temp");
    EXPECT_EQ(told_.back(), "normal");
    EXPECT_TRUE(apply(command(actuator, 20.0)));
}

TEST_F(NodeAlarmsTest, HoldsAlsoAgainstWhoeverHasTheLease) {
    ASSERT_TRUE(lease(grant("l1", std::chrono::seconds{60})));
    const std::string actuator = first_actuator();
    ASSERT_TRUE(apply(command(actuator, 20.0, "l1")));
    read(46.0);
    EXPECT_TRUE(device_->is_safe());
    EXPECT_FALSE(apply(command(actuator, 20.0, "l1")));
    EXPECT_TRUE(apply(command(actuator, 0.0, "l1"))) << "its safe value is always allowed";
}

TEST_F(NodeAlarmsTest, MakesOnlyTheNamedActuatorsSafe) {
    std::vector<std::string> actuators;
    for (const MetricInfo& metric : device_->metrics())
        if (metric.kind == MetricKind::actuator && metric.type == ValueType::number) actuators.push_back(metric.name);
    if (actuators.size() < 2) GTEST_SKIP() << "the fake vessel has one number actuator only";
    Rule rule = too_hot();
    rule.actuators = {actuators[0]};
    restart(rule);
    ASSERT_TRUE(apply(command(actuators[0], 1.0)));
    ASSERT_TRUE(apply(command(actuators[1], 1.0)));
    read(46.0);
    EXPECT_EQ(driver_->value(actuators[0]), 0.0);
    EXPECT_EQ(driver_->value(actuators[1]), 1.0);
    EXPECT_FALSE(apply(command(actuators[0], 1.0)));
    EXPECT_TRUE(apply(command(actuators[1], 2.0)));
}

TEST_F(NodeAlarmsTest, OnlyTellsWhereThatIsAllThatIsAsked) {
    Rule rule = too_hot();
    rule.makes_safe = false;
    restart(rule);
    const std::string actuator = first_actuator();
    ASSERT_TRUE(apply(command(actuator, 20.0)));
    read(46.0);
    EXPECT_FALSE(device_->is_safe());
    EXPECT_EQ(told_.size(), 1u);
}

TEST_F(NodeAlarmsTest, RemembersOverARestart) {
    read(46.0);
    restart(too_hot());
    EXPECT_FALSE(apply(command(first_actuator(), 20.0)));
    EXPECT_NE(alarms_->describe().find("not acknowledged"), std::string::npos);
    const auto metrics = alarms_->metrics_of("vessel");
    ASSERT_EQ(metrics.size(), 1u);
    EXPECT_EQ(metrics[0].first.name, "alarm.temp");
    EXPECT_EQ(std::get<std::string>(metrics[0].second.value), "major highhigh unacknowledged");
    ASSERT_TRUE(acknowledge());
    read(30.0);
    EXPECT_TRUE(apply(command(first_actuator(), 20.0)));
    EXPECT_TRUE(alarms_->describe().empty());
}

TEST_F(NodeAlarmsTest, TakesALostValueForAnAlarm) {
    read(Value{});
    EXPECT_EQ(told_, (std::vector<std::string>{"invalid bad_quality unacknowledged"}));
    EXPECT_TRUE(device_->is_safe());
}

TEST_F(NodeAlarmsTest, FindsOutByItselfThatNothingComes) {
    Rule rule = too_hot();
    rule.limits.no_data = std::chrono::seconds{5};
    restart(rule);
    read(30.0);
    clock_.advance(std::chrono::seconds{6});
    alarms_->look();
    EXPECT_EQ(told_.back(), "invalid no_data unacknowledged");
}

TEST_F(NodeAlarmsTest, LetsNoViewerAcknowledge) {
    read(46.0);
    const Asker viewer{safety::Origin::ssh, "user:eve", Role::viewer};
    EXPECT_EQ(acknowledge("temp", viewer).error().code, ErrorCode::forbidden);
    const auto unknown = acknowledge("pressure");
    EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
    EXPECT_EQ(unknown.error().detail, "there are: temp");
}

}  // namespace
}  // namespace labhub::agent::alarms
