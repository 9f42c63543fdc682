#include "coordinator/notify/notifier.hpp"

#include <gtest/gtest.h>

#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/json.hpp"
#include "shared/sqlite/migrate.hpp"
#include "tests/unit/coordinator/notify/receivers.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::notify {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class NotifierTest : public testing::Test {
  protected:
    NotifierTest() : courier_(std::move(*Courier::start())) {
        auto database = sqlite::Database::open(":memory:");
        EXPECT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        store_ = std::make_unique<store::AlarmStore>(*writer_);
        outbox_ = std::make_unique<AlarmOutbox>(*store_);
        settings_.channels = {{"chat", alarm::Severity::minor, Webhook{receiver_.url(), ""}, {}}};
        settings_.group_window = milliseconds{30};
        settings_.first_retry = milliseconds{10};
        settings_.longest_retry = milliseconds{50};
    }
    ~NotifierTest() override {
        stop();
        courier_->stop();
    }

    void start() {
        notifier_ = std::make_unique<Notifier>(io_.get_executor(), settings_, *outbox_, *courier_, clock_);
        ASSERT_TRUE(labhub::test::run_task(io_, notifier_->start()));
    }
    void stop() {
        if (notifier_) labhub::test::run_task(io_, notifier_->stop());
        notifier_.reset();
    }
    void happen(int number, UtcMillis time) {
        alarms::Alarm alarm;
        alarm.id = alarms::AlarmId{"alarm" + std::to_string(number)};
        alarm.rule = alarms::RuleId{"hot"};
        alarm.device = DeviceAddress{NodeId{"sim-1"}, "vessel"};
        alarm.metric = "vial_A_temp";
        alarm.condition = alarm::Condition::high;
        alarm.severity = alarm.highest = alarm::Severity::minor;
        alarm.message = "event " + std::to_string(number);
        auto event = alarms::event_of(alarm, alarms::EventKind::raised, time);
        ASSERT_TRUE(labhub::test::run_task(io_, store_->record(alarm, event, {"chat"})));
        if (notifier_) notifier_->wake();
    }
    void happen(int number) { happen(number, clock_.utc_now()); }
    /// Runs the loop until the receiver has got so many messages.
    std::vector<http::Request> messages(std::size_t count) {
        const auto until = Steady::now() + seconds{20};
        while (receiver_.received().size() < count && Steady::now() < until) io_.run_one_for(milliseconds{20});
        return receiver_.received();
    }
    void damage_the_last_event(const std::string& kind) {
        const auto done = writer_->write_and_wait([kind](sqlite::Database& database) {
            return database.run(
                "UPDATE alarm_events SET kind = ? WHERE number = (SELECT max(number) FROM alarm_events)", kind);
        });
        ASSERT_TRUE(done) << done.error().to_string();
    }
    std::size_t undelivered() {
        const auto waiting = labhub::test::run_task(io_, store_->undelivered("chat", 100));
        return waiting ? waiting->size() : 999;
    }
    void wait_until_delivered() {
        const auto until = Steady::now() + seconds{20};
        while (undelivered() > 0 && Steady::now() < until) io_.run_one_for(milliseconds{20});
        EXPECT_EQ(undelivered(), 0u);
    }
    static std::size_t count_in(const http::Request& request) {
        return parse_json(request.body)->as_object().at("count").to_number<std::size_t>();
    }

    asio::io_context io_{1};
    SystemClock clock_;
    test::WebhookReceiver receiver_;
    std::unique_ptr<Courier> courier_;
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<store::AlarmStore> store_;
    std::unique_ptr<AlarmOutbox> outbox_;
    NotifierSettings settings_;
    std::unique_ptr<Notifier> notifier_;
};

TEST_F(NotifierTest, TellsOfWhatHappensTogetherInOneMessage) {
    start();
    for (int i = 1; i <= 5; ++i) happen(i);
    const auto told = messages(1);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(count_in(told[0]), 5u);
    wait_until_delivered();
    happen(6);
    EXPECT_EQ(count_in(messages(2)[1]), 1u);
    wait_until_delivered();
    EXPECT_EQ(notifier_->state()[0].delivered, 2u);
}

TEST_F(NotifierTest, TriesAgainUntilItIsHeard) {
    receiver_.status = 500;
    start();
    happen(1);
    ASSERT_GE(messages(3).size(), 3u);
    EXPECT_NE(notifier_->state()[0].problem.find("status 500"), std::string::npos);
    EXPECT_EQ(undelivered(), 1u);
    happen(2);
    receiver_.status = 200;
    wait_until_delivered();
    EXPECT_TRUE(notifier_->state()[0].problem.empty());
    EXPECT_GE(notifier_->state()[0].failed, 3u);
}

TEST_F(NotifierTest, LosesNothingOverARestart) {
    receiver_.status = 500;
    start();
    happen(1);
    (void)messages(1);
    stop();
    happen(2);
    receiver_.status = 200;
    start();
    wait_until_delivered();
    EXPECT_EQ(count_in(receiver_.received().back()), 2u);
}

TEST_F(NotifierTest, SendsNoMoreMessagesThanItsRate) {
    settings_.messages_per_hour = 2;
    settings_.group_window = milliseconds{0};
    start();
    for (int i = 1; i <= 2; ++i) {
        happen(i);
        (void)messages(static_cast<std::size_t>(i));
        wait_until_delivered();
    }
    for (int i = 3; i <= 6; ++i) happen(i);
    for (int turn = 0; turn < 20; ++turn) io_.run_one_for(milliseconds{20});
    EXPECT_EQ(receiver_.received().size(), 2u);
    EXPECT_EQ(undelivered(), 4u) << "it is told later";
}

TEST_F(NotifierTest, WaitsLongerAndLongerWhereTheOutboxCanNotBeRead) {
    settings_.group_window = milliseconds{0};
    settings_.first_retry = settings_.longest_retry = std::chrono::hours{1};
    happen(1);
    happen(2);
    // The first of them alone can be read: what fails is the reading of all that is to be told.
    damage_the_last_event("nonsense");
    start();
    for (int turn = 0; turn < 200; ++turn) io_.run_one_for(milliseconds{2});
    EXPECT_EQ(notifier_->state()[0].failed, 1u);
    EXPECT_FALSE(notifier_->state()[0].problem.empty());
    EXPECT_TRUE(receiver_.received().empty());
    stop();
    damage_the_last_event("raised");
    start();
    EXPECT_EQ(count_in(messages(1)[0]), 2u);
}

TEST_F(NotifierTest, HasNoProblemOnceNothingIsLeftToTell) {
    happen(1);
    damage_the_last_event("nonsense");
    start();
    const auto problem = [this] { return notifier_->state()[0].problem; };
    for (int turn = 0; turn < 1'000 && problem().empty(); ++turn) io_.run_one_for(milliseconds{20});
    EXPECT_FALSE(problem().empty());
    ASSERT_TRUE(labhub::test::run_task(io_, store_->delivered("chat", 1'000)));
    for (int turn = 0; turn < 1'000 && !problem().empty(); ++turn) io_.run_one_for(milliseconds{20});
    EXPECT_EQ(problem(), "");
}

TEST_F(NotifierTest, GivesUpWhatIsTooOldToMatter) {
    settings_.give_up_after = seconds{60};
    happen(1, clock_.utc_now() - std::chrono::hours{1});
    happen(2);
    start();
    wait_until_delivered();
    ASSERT_EQ(receiver_.received().size(), 1u);
    EXPECT_EQ(count_in(receiver_.received()[0]), 1u);
    EXPECT_EQ(notifier_->state()[0].given_up, 1u);
}

TEST_F(NotifierTest, ForgetsChannelsThatAreGone) {
    happen(1);
    settings_.channels[0].name = "other";
    start();
    EXPECT_EQ(undelivered(), 0u);
}

}  // namespace
}  // namespace labhub::coordinator::notify
