#include "shared/alarm/limit_check.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace labhub::alarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// One metric under watch; readings come a second apart unless told otherwise.
class Checked {
  public:
    explicit Checked(Limits limits, Condition present = Condition::none) : check(limits, clock.steady_now(), present) {}

    bool take(Value value, Quality quality = Quality::good) {
        clock.advance(seconds{1});
        return check.take({"temp", std::move(value), clock.utc_now(), quality}, clock.steady_now());
    }
    bool pass(milliseconds time) {
        clock.advance(time);
        return check.look(clock.steady_now());
    }

    ManualClock clock;
    LimitCheck check;
};

Limits temperature() {
    Limits limits;
    limits.lowlow = 10;
    limits.low = 20;
    limits.high = 40;
    limits.highhigh = 45;
    return limits;
}

TEST(LimitCheck, GivesEachLimitItsConditionAndSeverity) {
    Checked metric(temperature());
    EXPECT_FALSE(metric.take(30.0));
    EXPECT_EQ(metric.check.severity(), Severity::none);
    EXPECT_TRUE(metric.take(40.0));
    EXPECT_EQ(metric.check.condition(), Condition::high);
    EXPECT_EQ(metric.check.severity(), Severity::minor);
    EXPECT_EQ(metric.check.limit(), 40.0);
    EXPECT_TRUE(metric.take(45.0));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh);
    EXPECT_EQ(metric.check.severity(), Severity::major);
    EXPECT_TRUE(metric.take(20.0));
    EXPECT_EQ(metric.check.condition(), Condition::low);
    EXPECT_TRUE(metric.take(-3.0));
    EXPECT_EQ(metric.check.condition(), Condition::lowlow);
    EXPECT_EQ(metric.check.value(), -3.0);
    EXPECT_TRUE(metric.take(30.0));
    EXPECT_EQ(metric.check.condition(), Condition::none);
}

TEST(LimitCheck, IsSilentWhileNothingChanges) {
    Checked metric(temperature());
    EXPECT_TRUE(metric.take(41.0));
    EXPECT_FALSE(metric.take(42.0));
    EXPECT_FALSE(metric.take(40.5));
}

TEST(LimitCheck, TakesTheSeveritiesItIsGiven) {
    Limits limits = temperature();
    limits.high_severity = Severity::major;
    limits.highhigh_severity = Severity::invalid;
    limits.low_severity = Severity::none;
    Checked metric(limits);
    metric.take(41.0);
    EXPECT_EQ(metric.check.severity(), Severity::major);
    metric.take(46.0);
    EXPECT_EQ(metric.check.severity(), Severity::invalid);
    metric.take(15.0);
    EXPECT_EQ(metric.check.condition(), Condition::none) << "a limit of severity none is no alarm";
}

TEST(LimitCheck, ClearsOnlyBeyondTheHysteresis) {
    Limits limits = temperature();
    limits.hysteresis = 2;
    Checked metric(limits);
    metric.take(40.0);
    EXPECT_FALSE(metric.take(38.0)) << "still within the hysteresis";
    EXPECT_TRUE(metric.take(37.9));
    EXPECT_FALSE(metric.take(39.9)) << "the hysteresis holds for clearing only";
    metric.take(46.0);
    EXPECT_FALSE(metric.take(43.0));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh);
    EXPECT_TRUE(metric.take(42.9));
    EXPECT_EQ(metric.check.condition(), Condition::high);
    metric.take(19.0);
    EXPECT_FALSE(metric.take(22.0));
    EXPECT_TRUE(metric.take(22.1));
    EXPECT_EQ(metric.check.condition(), Condition::none);
}

TEST(LimitCheck, WaitsForTheDelayWithoutABreak) {
    Limits limits = temperature();
    limits.delay = seconds{5};
    Checked metric(limits);
    EXPECT_FALSE(metric.take(41.0));
    EXPECT_EQ(metric.check.next_look(), metric.clock.steady_now() + seconds{5});
    EXPECT_FALSE(metric.pass(seconds{3}));
    EXPECT_FALSE(metric.take(39.0)) << "one good reading begins the delay anew";
    EXPECT_FALSE(metric.take(41.0));
    EXPECT_FALSE(metric.pass(milliseconds{4'999}));
    EXPECT_TRUE(metric.pass(milliseconds{1}));
    EXPECT_EQ(metric.check.condition(), Condition::high);
}

TEST(LimitCheck, CountsTheDelayOfEachLimitByItself) {
    Limits limits = temperature();
    limits.delay = seconds{4};
    Checked metric(limits);
    metric.take(41.0);
    metric.take(46.0);
    metric.take(46.0);
    metric.take(41.0);
    EXPECT_TRUE(metric.take(46.0)) << "it has been above high for four seconds, whatever highhigh did";
    EXPECT_EQ(metric.check.condition(), Condition::high);
    EXPECT_TRUE(metric.pass(seconds{4}));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh);
    EXPECT_TRUE(metric.take(41.0)) << "getting better does not wait";
    EXPECT_EQ(metric.check.condition(), Condition::high);
}

TEST(LimitCheck, GivesNoHysteresisToADelayThatStillRuns) {
    Limits limits = temperature();
    limits.delay = seconds{5};
    limits.hysteresis = 5;
    Checked metric(limits);
    metric.take(41.0);
    metric.take(39.0);
    EXPECT_FALSE(metric.pass(seconds{10}));
}

TEST(LimitCheck, CallsWhatIsNoNumberBadQuality) {
    for (const Value& value :
         {Value{}, Value{std::numeric_limits<double>::quiet_NaN()}, Value{std::numeric_limits<double>::infinity()}}) {
        Checked metric(temperature());
        EXPECT_TRUE(metric.take(value));
        EXPECT_EQ(metric.check.condition(), Condition::bad_quality);
        EXPECT_EQ(metric.check.severity(), Severity::invalid);
        EXPECT_TRUE(metric.take(30.0));
        EXPECT_EQ(metric.check.condition(), Condition::none);
    }
}

TEST(LimitCheck, HoldsANumberOfUncertainTimeAgainstItsLimits) {
    Checked metric(temperature());
    EXPECT_FALSE(metric.take(30.0, Quality::uncertain));
    EXPECT_TRUE(metric.take(50.0, Quality::uncertain));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh);
}

TEST(LimitCheck, HearsAMetricWhoseClockWasSetBack) {
    Limits limits = temperature();
    limits.no_data = seconds{30};
    Checked metric(limits);
    metric.clock.step_utc(std::chrono::hours{20});
    EXPECT_FALSE(metric.take(30.0));
    metric.clock.step_utc(-std::chrono::hours{20});
    EXPECT_TRUE(metric.take(50.0));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh);
    for (int i = 0; i < 60; ++i) EXPECT_FALSE(metric.take(50.0)) << "data come: no alarm of missing ones";
    EXPECT_TRUE(metric.take(30.0));
}

TEST(LimitCheck, TakesNoReadingThatIsALittleOlder) {
    Checked metric(temperature());
    EXPECT_FALSE(metric.take(30.0));
    metric.clock.step_utc(-seconds{5});
    EXPECT_FALSE(metric.take(50.0));
    EXPECT_EQ(metric.check.value(), 30.0);
}

TEST(LimitCheck, CallsANumberOfBadQualityBadQuality) {
    Checked metric(temperature());
    EXPECT_TRUE(metric.take(30.0, Quality::bad));
    EXPECT_EQ(metric.check.condition(), Condition::bad_quality);
    Checked stale(temperature());
    EXPECT_TRUE(stale.take(99.0, Quality::stale));
    EXPECT_EQ(stale.check.condition(), Condition::bad_quality);
}

TEST(LimitCheck, DoesNotTakeALostValueForAGoodOne) {
    Limits limits = temperature();
    limits.quality = false;
    Checked metric(limits);
    metric.take(46.0);
    EXPECT_FALSE(metric.take(Value{}));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh) << "not knowing is no clearing";
    EXPECT_EQ(metric.check.value(), 46.0);
    Limits both = temperature();
    Checked watched(both);
    watched.take(46.0);
    watched.take(Value{});
    EXPECT_EQ(watched.check.severity(), Severity::invalid);
    watched.take(46.0);
    EXPECT_EQ(watched.check.condition(), Condition::highhigh);
}

TEST(LimitCheck, BreaksADelayByAReadingWithoutAValue) {
    Limits limits = temperature();
    limits.delay = seconds{3};
    limits.quality = false;
    Checked metric(limits);
    metric.take(46.0);
    metric.take(Value{});
    EXPECT_FALSE(metric.pass(seconds{10}));
}

TEST(LimitCheck, MissesReadingsThatDoNotCome) {
    Limits limits = temperature();
    limits.no_data = seconds{10};
    Checked metric(limits);
    EXPECT_FALSE(metric.pass(milliseconds{9'999}));
    EXPECT_TRUE(metric.pass(milliseconds{1})) << "also one that never came";
    EXPECT_EQ(metric.check.condition(), Condition::no_data);
    EXPECT_EQ(metric.check.severity(), Severity::invalid);
    EXPECT_TRUE(metric.take(30.0));
    EXPECT_EQ(metric.check.next_look(), metric.clock.steady_now() + seconds{10});
    EXPECT_TRUE(metric.pass(seconds{10}));
}

TEST(LimitCheck, KeepsAnAlarmOfALimitBehindMissingData) {
    Limits limits = temperature();
    limits.no_data = seconds{10};
    Checked metric(limits);
    metric.take(46.0);
    EXPECT_TRUE(metric.pass(seconds{10}));
    EXPECT_EQ(metric.check.condition(), Condition::no_data);
    EXPECT_TRUE(metric.take(46.0));
    EXPECT_EQ(metric.check.condition(), Condition::highhigh);
}

TEST(LimitCheck, IsNotMovedByReadingsThatAreNotNewer) {
    Limits limits = temperature();
    limits.no_data = seconds{10};
    Checked metric(limits);
    metric.take(30.0);
    const UtcMillis now = metric.clock.utc_now();
    EXPECT_FALSE(metric.check.take({"temp", 99.0, now, Quality::good}, metric.clock.steady_now()));
    EXPECT_FALSE(metric.check.take({"temp", 99.0, now - seconds{5}, Quality::good}, metric.clock.steady_now()));
    metric.clock.advance(seconds{10});
    metric.check.take({"temp", 30.0, now, Quality::good}, metric.clock.steady_now());
    EXPECT_TRUE(metric.check.look(metric.clock.steady_now())) << "a repeated reading is no new data";
}

TEST(LimitCheck, GoesOnWhereItWasBeforeARestart) {
    Limits limits = temperature();
    limits.hysteresis = 2;
    Checked metric(limits, Condition::highhigh);
    EXPECT_FALSE(metric.pass(seconds{60})) << "nothing was heard that would clear it";
    EXPECT_EQ(metric.check.severity(), Severity::major);
    EXPECT_FALSE(metric.take(44.0)) << "the hysteresis holds over the restart";
    EXPECT_TRUE(metric.take(42.0));
    EXPECT_EQ(metric.check.condition(), Condition::high);
}

TEST(LimitCheck, ClearsAConditionThatIsNotWatchedAnyMoreAfterARestart) {
    Limits limits;
    limits.high = 40;
    Checked metric(limits, Condition::highhigh);
    EXPECT_TRUE(metric.pass(seconds{1}));
    EXPECT_NE(metric.check.condition(), Condition::highhigh);
}

TEST(LimitCheck, ReadsTruthValuesAsNumbersAndPassesOverText) {
    Limits limits;
    limits.high = 1;
    Checked door(limits);
    EXPECT_FALSE(door.take(false));
    EXPECT_TRUE(door.take(true));
    EXPECT_EQ(door.check.condition(), Condition::high);
    Checked text(limits);
    EXPECT_FALSE(text.take(std::string("on")));
}

TEST(LimitCheck, TakesWholeNumbersAtTheirLimits) {
    Limits limits;
    limits.low = 3;
    Checked count(limits);
    EXPECT_TRUE(count.take(std::int64_t{3}));
    EXPECT_TRUE(count.take(std::int64_t{4}));
}

TEST(CheckLimits, RefusesWhatContradictsItself) {
    Limits limits;
    limits.quality = false;
    EXPECT_EQ(check_limits(limits).error().code, ErrorCode::malformed);
    limits.low = 40;
    limits.high = 20;
    EXPECT_NE(check_limits(limits).error().message.find("low (40) is not below high (20)"), std::string::npos);
    limits.high = 40.0;
    EXPECT_FALSE(check_limits(limits));
    limits.high = std::nan("");
    EXPECT_FALSE(check_limits(limits));
    limits.high = 50;
    EXPECT_TRUE(check_limits(limits));
    limits.hysteresis = 10;
    EXPECT_FALSE(check_limits(limits)) << "it could never clear";
    limits.hysteresis = -1;
    EXPECT_FALSE(check_limits(limits));
    limits.hysteresis = 1;
    limits.delay = seconds{-1};
    EXPECT_FALSE(check_limits(limits));
}

TEST(Explain, SaysWhatIsWrongWithUnitAndLimit) {
    Limits limits = temperature();
    limits.no_data = seconds{90};
    EXPECT_EQ(explain(limits, Condition::highhigh, "Cel"), "at or above 45 Cel");
    EXPECT_EQ(explain(limits, Condition::low, ""), "at or below 20");
    EXPECT_EQ(explain(limits, Condition::no_data, "Cel"), "no reading for 1m30s");
}

}  // namespace
}  // namespace labhub::alarm
