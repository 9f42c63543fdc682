#include "coordinator/domain/alarms/alarms.hpp"

#include <gtest/gtest.h>

#include "coordinator/store/migrations/migrations.hpp"
#include "shared/sqlite/migrate.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::alarms {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const DeviceAddress kVessel{NodeId{"sim-1"}, "vessel"};
const DeviceAddress kOther{NodeId{"sim-2"}, "vessel"};

Rule too_hot(Reaction reaction = Reaction::notify) {
    Rule rule;
    rule.id = RuleId{"hot"};
    rule.device = kVessel.to_string();
    rule.metric = "vial_A_temp";
    rule.limits.high = 40;
    rule.limits.highhigh = 45;
    rule.reaction = reaction;
    rule.set_by = "user:admin";
    return rule;
}

/// Alarms over a real database, on a clock that stands still.
class AlarmsTest : public testing::Test {
  protected:
    AlarmsTest() {
        auto database = sqlite::Database::open(":memory:");
        EXPECT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        store_ = std::make_unique<store::AlarmStore>(*writer_);
        fleet_ = std::make_unique<fleet::Fleet>(io_.get_executor(), clock_);
        settings_.no_data = seconds{0};
        settings_.channels = {{"mail", Severity::minor}, {"pager", Severity::major}};
        restart();
    }
    ~AlarmsTest() override {
        test::run_task(io_, alarms_->stop());
        alarms_.reset();
    }

    void restart() {
        if (alarms_) test::run_task(io_, alarms_->stop());
        Effects effects;
        effects.experiments = [this] { return running_; };
        effects.stop_experiment = [this](const JobId& job, const DeviceAddress&, const std::string& message) {
            stopped_.emplace_back(job.value, message);
        };
        effects.acknowledge_on_node = [this](DeviceAddress, std::string metric, std::string who, std::string) {
            return on_node(std::move(metric), std::move(who));
        };
        effects.wake_notifier = [this] { ++woken_; };
        alarms_ = std::make_unique<Alarms>(io_.get_executor(), settings_, *store_, *fleet_, clock_, std::move(effects));
        auto started = test::run_task(io_, alarms_->start());
        ASSERT_TRUE(started) << started.error().to_string();
        alarms_->look_at_experiments();
    }
    Task<Result<void>> on_node(std::string metric, std::string who) {
        told_node_.push_back(metric + " by " + who);
        co_return node_answer_;
    }
    void set(Rule rule) {
        auto done = test::run_task(io_, alarms_->set_rule(std::move(rule)));
        ASSERT_TRUE(done) << done.error().to_string();
    }
    void read(Value value, DeviceAddress device = kVessel, std::string metric = "vial_A_temp") {
        clock_.advance(seconds{1});
        alarms_->readings(device, {Reading{std::move(metric), std::move(value), clock_.utc_now(), Quality::good}});
    }
    const Alarm& only() {
        const auto all = alarms_->present();
        EXPECT_EQ(all.size(), 1u);
        return *all.front();
    }
    std::vector<Event> history(store::AlarmHistoryQuery query = {}) {
        wait_until_stored();
        auto events = test::run_task(io_, alarms_->history(std::move(query)));
        EXPECT_TRUE(events);
        return events ? *events : std::vector<Event>{};
    }
    Result<Alarm> acknowledge(const AlarmId& id, std::string comment = {}) {
        return test::run_task(io_, alarms_->acknowledge(id, "user:ada", std::move(comment)));
    }
    Result<Alarm> resume(const AlarmId& id, std::string comment = {}) {
        return test::run_task(io_, alarms_->resume_commands(id, "user:ada", std::move(comment)));
    }
    void wait_until_stored() {
        const auto until = Steady::now() + seconds{20};
        io_.restart();
        while (alarms_->journal().waiting() > 0 && Steady::now() < until) io_.run_one_for(milliseconds{100});
    }
    std::vector<Event> outbox(const std::string& channel) {
        wait_until_stored();
        auto events = test::run_task(io_, store_->undelivered(channel, 100));
        return events ? *events : std::vector<Event>{};
    }
    void run_experiment(const std::string& job, std::vector<ExperimentAlarm> declared = {}) {
        running_ = {RunningExperiment{JobId{job}, kVessel, std::move(declared)}};
        alarms_->look_at_experiments();
    }

    asio::io_context io_{1};
    ManualClock clock_;
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<store::AlarmStore> store_;
    std::unique_ptr<fleet::Fleet> fleet_;
    Alarms::Settings settings_;
    std::vector<RunningExperiment> running_;
    std::vector<std::pair<std::string, std::string>> stopped_;
    std::vector<std::string> told_node_;
    Result<void> node_answer_;
    int woken_ = 0;
    std::unique_ptr<Alarms> alarms_;
};

TEST_F(AlarmsTest, RaisesChangesAndClearsOneAlarm) {
    set(too_hot());
    read(30.0);
    EXPECT_TRUE(alarms_->present().empty());
    read(41.0);
    const AlarmId id = only().id;
    EXPECT_EQ(only().severity, Severity::minor);
    EXPECT_EQ(only().message, "vial_A_temp of sim-1/vessel is at or above 40: 41");
    read(46.0);
    EXPECT_EQ(only().id, id);
    EXPECT_EQ(only().severity, Severity::major);
    read(30.0);
    EXPECT_FALSE(only().is_active());
    EXPECT_EQ(only().highest, Severity::major);
    EXPECT_EQ(only().id, id) << "latched until a person has acknowledged it";
    (void)acknowledge(id);
    EXPECT_TRUE(alarms_->present().empty());
    std::vector<std::string_view> kinds;
    for (const Event& event : history()) kinds.push_back(to_string(event.kind));
    EXPECT_EQ(kinds, (std::vector<std::string_view>{"acknowledged", "cleared", "severity_changed", "raised"}));
}

TEST_F(AlarmsTest, KeepsAnAcknowledgedAlarmWhileItIsActive) {
    set(too_hot());
    read(41.0);
    const auto acknowledged = acknowledge(only().id, "the heater is being mended");
    ASSERT_TRUE(acknowledged);
    EXPECT_EQ(acknowledged->acknowledged_by, "user:ada");
    EXPECT_TRUE(only().is_active());
    EXPECT_EQ(only().comment, "the heater is being mended");
    read(42.0);
    EXPECT_TRUE(only().is_acknowledged());
    read(30.0);
    EXPECT_TRUE(alarms_->present().empty());
}

TEST_F(AlarmsTest, AsksForANewAcknowledgementWhenItGetsWorseThanEver) {
    set(too_hot());
    read(41.0);
    (void)acknowledge(only().id);
    read(46.0);
    EXPECT_FALSE(only().is_acknowledged());
    (void)acknowledge(only().id);
    read(41.0);
    EXPECT_TRUE(only().is_acknowledged()) << "getting better needs nobody";
    read(46.0);
    EXPECT_TRUE(only().is_acknowledged()) << "it has been as bad before";
}

TEST_F(AlarmsTest, RaisesTheSameAlarmAgainBeforeItIsAcknowledged) {
    set(too_hot());
    read(41.0);
    const AlarmId id = only().id;
    read(30.0);
    read(41.0);
    EXPECT_EQ(only().id, id);
    EXPECT_TRUE(only().is_active());
}

TEST_F(AlarmsTest, RefusesToAcknowledgeWhatIsNotThere) {
    const auto refused = acknowledge(AlarmId{"nothing"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::not_found);
}

TEST_F(AlarmsTest, GoesOnAfterARestart) {
    set(too_hot());
    read(41.0);
    const AlarmId id = only().id;
    (void)acknowledge(id, "seen");
    restart();
    EXPECT_EQ(only().id, id);
    EXPECT_TRUE(only().is_acknowledged());
    EXPECT_EQ(only().comment, "seen");
    alarms_->look();
    EXPECT_TRUE(only().is_active()) << "nothing was heard that would clear it";
    read(42.0);
    EXPECT_EQ(only().id, id);
    EXPECT_EQ(alarms_->rules().size(), 1u);
    read(30.0);
    EXPECT_TRUE(alarms_->present().empty());
}

TEST_F(AlarmsTest, ClearsTheAlarmOfARuleThatIsRemoved) {
    set(too_hot());
    read(41.0);
    auto removed = test::run_task(io_, alarms_->remove_rule(RuleId{"hot"}));
    ASSERT_TRUE(removed);
    EXPECT_FALSE(only().is_active());
    removed = test::run_task(io_, alarms_->remove_rule(RuleId{"hot"}));
    EXPECT_EQ(removed.error().code, ErrorCode::not_found);
}

TEST_F(AlarmsTest, FollowsARuleThatIsSetAnew) {
    set(too_hot());
    read(41.0);
    Rule looser = too_hot();
    looser.limits.high = 43;
    set(looser);
    read(41.5);
    EXPECT_FALSE(only().is_active());
    EXPECT_EQ(alarms_->rules().size(), 1u);
}

TEST_F(AlarmsTest, KeepsTheDelayOfOtherRulesWhenOneIsSet) {
    Rule slow = too_hot();
    slow.limits.delay = seconds{10};
    set(slow);
    read(41.0);
    clock_.advance(seconds{6});
    Rule other = too_hot();
    other.id = RuleId{"other"};
    other.metric = "vial_B_temp";
    set(other);
    clock_.advance(seconds{4});
    alarms_->look();
    EXPECT_TRUE(only().is_active());
}

TEST_F(AlarmsTest, LooksOnlyAtWhatIsWatched) {
    set(too_hot());
    read(99.0, kOther);
    read(99.0, kVessel, "vial_B_temp");
    EXPECT_TRUE(alarms_->present().empty());
}

TEST_F(AlarmsTest, MissesReadingsOfADeviceThatWasNeverThere) {
    Rule rule = too_hot();
    rule.limits.no_data = seconds{30};
    set(rule);
    clock_.advance(seconds{31});
    alarms_->look();
    EXPECT_EQ(only().condition, Condition::no_data);
    EXPECT_EQ(only().severity, Severity::invalid);
    EXPECT_NE(only().message.find("no reading for 30s"), std::string::npos);
}

TEST_F(AlarmsTest, RefusesARuleThatCanNotBe) {
    Rule rule = too_hot();
    rule.limits.high = 50;
    EXPECT_EQ(test::run_task(io_, alarms_->set_rule(rule)).error().code, ErrorCode::out_of_range);
    rule = too_hot();
    rule.device = "vessel";
    EXPECT_EQ(test::run_task(io_, alarms_->set_rule(rule)).error().code, ErrorCode::malformed);
    rule = too_hot();
    rule.id = RuleId{"../hot"};
    EXPECT_EQ(test::run_task(io_, alarms_->set_rule(rule)).error().code, ErrorCode::malformed);
    rule = too_hot();
    rule.metric = "a\nb";
    EXPECT_EQ(test::run_task(io_, alarms_->set_rule(rule)).error().code, ErrorCode::malformed);
}

TEST_F(AlarmsTest, KeepsARuleOfTheConfigurationFromTheApi) {
    settings_.rules = {too_hot()};
    restart();
    EXPECT_EQ(test::run_task(io_, alarms_->set_rule(too_hot())).error().code, ErrorCode::conflict);
    EXPECT_EQ(test::run_task(io_, alarms_->remove_rule(RuleId{"hot"})).error().code, ErrorCode::conflict);
    read(41.0);
    EXPECT_TRUE(only().is_active());
}

// --- telling people --------------------------------------------------------------------------------------------------

TEST_F(AlarmsTest, PutsEachEventIntoTheOutboxOfTheChannelsItIsFor) {
    set(too_hot());
    read(41.0);
    EXPECT_EQ(outbox("mail").size(), 1u);
    EXPECT_EQ(outbox("pager").size(), 0u) << "not severe enough";
    read(46.0);
    read(30.0);
    EXPECT_EQ(outbox("mail").size(), 3u);
    EXPECT_EQ(outbox("pager").size(), 2u);
    EXPECT_GT(woken_, 0);
}

TEST_F(AlarmsTest, TellsNobodyWhereTheReactionIsToLog) {
    set(too_hot(Reaction::log));
    read(46.0);
    EXPECT_TRUE(outbox("mail").empty());
    EXPECT_EQ(history().size(), 1u);
}

// --- experiments -----------------------------------------------------------------------------------------------------

TEST_F(AlarmsTest, PausesTheCommandsOfARunningExperimentUntilItHasClearedAndIsAcknowledged) {
    set(too_hot(Reaction::pause));
    run_experiment("e1");
    EXPECT_TRUE(alarms_->check_commands(JobId{"e1"}));
    read(41.0);
    EXPECT_EQ(only().job, JobId{"e1"});
    const auto paused = alarms_->check_commands(JobId{"e1"});
    ASSERT_FALSE(paused);
    EXPECT_EQ(paused.error().code, ErrorCode::conflict);
    EXPECT_NE(paused.error().detail.find(only().id.value), std::string::npos);
    read(30.0);
    EXPECT_FALSE(alarms_->check_commands(JobId{"e1"})) << "clearing is not seeing";
    (void)acknowledge(only().id);
    EXPECT_TRUE(alarms_->check_commands(JobId{"e1"}));
    EXPECT_TRUE(stopped_.empty());
}

TEST_F(AlarmsTest, PausesCommandsWhileItIsActiveThoughItIsAcknowledged) {
    set(too_hot(Reaction::pause));
    run_experiment("e1");
    read(41.0);
    ASSERT_TRUE(acknowledge(only().id));
    const auto paused = alarms_->check_commands(JobId{"e1"});
    ASSERT_FALSE(paused) << "it is as hot as before";
    EXPECT_NE(paused.error().detail.find("until it has cleared; "), std::string::npos) << paused.error().detail;
    restart();
    EXPECT_FALSE(alarms_->check_commands(JobId{"e1"}));
    read(30.0);
    EXPECT_TRUE(alarms_->check_commands(JobId{"e1"}));
}

TEST_F(AlarmsTest, LetsCommandsGoOnWhereAPersonSaysSo) {
    set(too_hot(Reaction::pause));
    run_experiment("e1");
    read(41.0);
    const AlarmId id = only().id;
    const auto resumed = resume(id, "the probe is wrong");
    ASSERT_TRUE(resumed) << resumed.error().to_string();
    EXPECT_EQ(resumed->comment, "commands go on: the probe is wrong");
    EXPECT_TRUE(only().is_active() && only().is_acknowledged());
    EXPECT_TRUE(alarms_->check_commands(JobId{"e1"}));
    EXPECT_EQ(history()[0].who, "user:ada");
    EXPECT_TRUE(resume(id)) << "once more is fine";
    read(41.5);
    restart();
    EXPECT_TRUE(alarms_->check_commands(JobId{"e1"})) << "it was not said anew";
    read(46.0);
    EXPECT_FALSE(alarms_->check_commands(JobId{"e1"})) << "worse than what the person knew";
    ASSERT_TRUE(resume(id));
    read(41.0);
    EXPECT_TRUE(alarms_->check_commands(JobId{"e1"})) << "getting better pauses nothing";
    read(30.0);
    EXPECT_TRUE(alarms_->present().empty());
    read(41.0);
    EXPECT_FALSE(alarms_->check_commands(JobId{"e1"})) << "another alarm";
}

TEST_F(AlarmsTest, RefusesToLetGoOnWhatItDoesNotPause) {
    set(too_hot());
    run_experiment("e1");
    read(41.0);
    EXPECT_EQ(resume(only().id).error().code, ErrorCode::conflict);
    EXPECT_FALSE(only().is_acknowledged());
    EXPECT_EQ(resume(AlarmId{"nothing"}).error().code, ErrorCode::not_found);
}

TEST_F(AlarmsTest, StopsARunningExperimentAndSaysWhy) {
    set(too_hot(Reaction::stop));
    read(41.0);
    EXPECT_TRUE(stopped_.empty()) << "nobody to stop";
    run_experiment("e1");
    ASSERT_EQ(stopped_.size(), 1u) << "what is alarming already holds for an experiment that begins";
    EXPECT_EQ(stopped_[0].first, "e1");
    EXPECT_NE(stopped_[0].second.find("at or above 40"), std::string::npos);
}

TEST_F(AlarmsTest, WatchesWhatAnExperimentDeclaresWhileItRuns) {
    ExperimentAlarm declared;
    declared.metric = "vial_B_temp";
    declared.limits.high = 50;
    declared.reaction = Reaction::stop;
    run_experiment("e1", {declared});
    ASSERT_EQ(alarms_->rules().size(), 1u);
    EXPECT_EQ(alarms_->rules()[0]->set_by, "job:e1");
    read(55.0, kVessel, "vial_B_temp");
    ASSERT_EQ(stopped_.size(), 1u);
    running_.clear();
    alarms_->look_at_experiments();
    EXPECT_TRUE(alarms_->rules().empty());
    EXPECT_FALSE(only().is_active()) << "nobody watches it any more";
    store::AlarmHistoryQuery of_experiment;
    of_experiment.job = JobId{"e1"};
    EXPECT_EQ(history(of_experiment).size(), 2u);
}

TEST_F(AlarmsTest, GivesARuleAStrongerReactionForAnExperiment) {
    set(too_hot(Reaction::log));
    ExperimentAlarm declared;
    declared.rule = RuleId{"hot"};
    declared.reaction = Reaction::stop;
    EXPECT_TRUE(alarms_->check_declared(kVessel, {declared}));
    EXPECT_FALSE(alarms_->check_declared(kOther, {declared})) << "the rule is for another device";
    run_experiment("e1", {declared});
    read(41.0);
    EXPECT_EQ(stopped_.size(), 1u);
}

TEST_F(AlarmsTest, RefusesDeclarationsThatCanNotBe) {
    ExperimentAlarm unknown;
    unknown.rule = RuleId{"nothing"};
    EXPECT_EQ(alarms_->check_declared(kVessel, {unknown}).error().code, ErrorCode::not_found);
    ExperimentAlarm reversed;
    reversed.metric = "vial_A_temp";
    reversed.limits.low = 5;
    reversed.limits.high = 1;
    const auto refused = alarms_->check_declared(kVessel, {reversed});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("alarms[0]"), std::string::npos);
}

// --- alarms of nodes -------------------------------------------------------------------------------------------------

class NodeAlarmsTest : public AlarmsTest {
  protected:
    NodeAlarmsTest() {
        link::Enrolment enrolment;
        enrolment.node = kVessel.node;
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;
        fleet_->enrol(std::move(enrolment), "coordinator", "/nonexistent/key");
        MetricInfo state;
        state.name = "alarm.vial_A_temp";
        state.type = ValueType::text;
        MetricInfo metric;
        metric.name = "vial_A_temp";
        metric.unit = "Cel";
        fleet_->device_born(kVessel, clock_.utc_now(), {state, metric}, {});
        alarms_->device_born(kVessel);
    }
    ~NodeAlarmsTest() override { test::run_task(io_, fleet_->stop()); }
    void say(std::string state) { read(std::move(state), kVessel, "alarm.vial_A_temp"); }
};

TEST_F(NodeAlarmsTest, AreListedAsTheNodeSaysThem) {
    say("normal");
    EXPECT_TRUE(alarms_->present().empty());
    say("major highhigh unacknowledged");
    EXPECT_TRUE(only().is_of_node);
    EXPECT_EQ(only().metric, "vial_A_temp");
    EXPECT_EQ(only().unit, "Cel");
    EXPECT_EQ(only().severity, Severity::major);
    say("cleared highhigh unacknowledged");
    EXPECT_FALSE(only().is_active());
    say("normal");
    EXPECT_TRUE(alarms_->present().empty()) << "acknowledged at the node";
    EXPECT_EQ(history()[0].who, "node:sim-1");
}

TEST_F(NodeAlarmsTest, AreAcknowledgedAtTheirNode) {
    say("major highhigh unacknowledged");
    const AlarmId id = only().id;
    ASSERT_TRUE(acknowledge(id));
    EXPECT_EQ(told_node_, (std::vector<std::string>{"vial_A_temp by user:ada"}));
    EXPECT_TRUE(only().is_acknowledged());
}

TEST_F(NodeAlarmsTest, AreNotAcknowledgedWhileTheirNodeIsAway) {
    say("major highhigh unacknowledged");
    node_answer_ = Error{ErrorCode::unavailable, "node sim-1 can't be reached"};
    EXPECT_EQ(acknowledge(only().id).error().code, ErrorCode::unavailable);
    EXPECT_FALSE(only().is_acknowledged());
}

TEST_F(NodeAlarmsTest, ARuleForEveryDeviceIsForThoseWithTheMetric) {
    Rule rule = too_hot();
    rule.device = Rule::kAnyDevice;
    set(rule);
    read(41.0);
    EXPECT_EQ(only().message, "vial_A_temp of sim-1/vessel is at or above 40 Cel: 41 Cel");
}

TEST_F(NodeAlarmsTest, ARuleNamesAMetricTheDeviceHas) {
    Rule rule = too_hot();
    rule.metric = "vial_Z_temp";
    const auto refused = test::run_task(io_, alarms_->set_rule(rule));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::not_found);
    rule.metric = "alarm.vial_A_temp";
    EXPECT_EQ(test::run_task(io_, alarms_->set_rule(rule)).error().code, ErrorCode::malformed) << "it is text";
}

TEST_F(AlarmsTest, PagesItsHistoryAndForgetsWhatIsOld) {
    set(too_hot());
    for (int i = 0; i < 5; ++i) read(41.0), read(30.0);
    (void)acknowledge(only().id);
    store::AlarmHistoryQuery query;
    query.limit = 4;
    const auto first = history(query);
    ASSERT_EQ(first.size(), 4u);
    query.before = first.back().number;
    query.limit = 100;
    const auto rest = history(query);
    EXPECT_EQ(rest.size(), 7u);
    EXPECT_LT(rest.front().number, first.back().number);
    for (const char* const channel : {"mail", "pager"}) (void)test::run_task(io_, store_->delivered(channel, 1'000));
    clock_.advance(settings_.history + seconds{10});
    test::run_task(io_, alarms_->tidy());
    EXPECT_TRUE(history().empty());
}

}  // namespace
}  // namespace labhub::coordinator::alarms
