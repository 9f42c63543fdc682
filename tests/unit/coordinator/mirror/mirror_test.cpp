#include "coordinator/mirror/mirror.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/json.hpp"
#include "shared/sqlite/migrate.hpp"
#include "tests/support/mosquitto/private_broker.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::mirror {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const DeviceAddress kDevice{NodeId{"sim-1"}, "vessel"};
const std::string kTopic = "labhub/lab/sim-1/vessel/";

/// A mirror before a real broker, over a registry that the test fills.
class MirrorTest : public testing::Test {
  protected:
    MirrorTest()
        : writer_(open_database()),
          jobs_(*writer_),
          commands_(*writer_),
          fleet_(io_.get_executor(), clock_),
          leases_(fleet_, jobs_, clock_, seconds{30}),
          commander_(fleet_, leases_, commands_, clock_, [](std::string_view, double) {}) {
        link::Enrolment enrolment;
        enrolment.node = kDevice.node;
        enrolment.ssh_host = "127.0.0.1";
        enrolment.ssh_port = 1;
        fleet_.enrol(std::move(enrolment), "coordinator", "/nonexistent/key");
        MirrorOptions options;
        options.broker.host = "127.0.0.1";
        options.broker.port = broker_.port();
        options.group = "lab";
        options.host_id = "hub";
        options.refresh = std::chrono::hours{1};
        mirror_ = std::make_unique<Mirror>(io_.get_executor(), options, fleet_, commander_, clock_);
        mirror_->start();
        labhub::test::run_task(io_, listen());
        asio::co_spawn(io_, hear(), asio::detached);
    }
    ~MirrorTest() override {
        labhub::test::run_task(io_, mirror_->stop());
        labhub::test::run_task(io_, listener_->disconnect());
        labhub::test::run_task(io_, fleet_.stop());
    }

    static std::unique_ptr<sqlite::Writer> open_database() {
        auto database = sqlite::Database::open(":memory:");
        EXPECT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        return std::move(*sqlite::Writer::start(std::move(*database)));
    }
    Task<void> listen() {
        mqtt::ConnectOptions options;
        options.host = "127.0.0.1";
        options.port = broker_.port();
        auto connecting = mqtt::Connection::connect(std::move(options));
        auto connected = co_await std::move(connecting);
        EXPECT_TRUE(connected);
        listener_ = std::move(*connected);
        std::vector<mqtt::Subscription> all;
        all.push_back({"labhub/#", 0});
        auto subscribing = listener_->subscribe(std::move(all));
        const auto done = co_await std::move(subscribing);
        EXPECT_TRUE(done);
    }
    Task<void> hear() {
        while (true) {
            auto message = co_await listener_->receive();
            if (!message) co_return;
            ++heard_;
            shown_[message->topic] = message->payload;
        }
    }
    template <class Condition>
    bool wait_until(Condition condition) {
        const auto limit = Steady::now() + seconds{20};
        while (!condition() && Steady::now() < limit) io_.run_one_for(milliseconds{20});
        return condition();
    }
    bool wait_for(const std::string& topic, const std::string& part) {
        return wait_until([&] { return shown_.contains(topic) && shown_[topic].find(part) != std::string::npos; });
    }
    /// Lets the mirror look some times.
    void let_it_look() {
        const auto until = Steady::now() + milliseconds{900};
        while (Steady::now() < until) io_.run_one_for(milliseconds{20});
    }
    void be_born(const std::vector<std::string>& metrics) {
        std::vector<MetricInfo> infos;
        std::vector<Reading> readings;
        for (const auto& name : metrics) {
            MetricInfo info;
            info.name = name, info.unit = "V";
            infos.push_back(info);
            readings.push_back({name, 1.5, clock_.utc_now(), Quality::good});
        }
        fleet_.node_born(kDevice.node, clock_.utc_now(), {});
        fleet_.device_born(kDevice, clock_.utc_now(), infos, readings);
    }

    asio::io_context io_{1};
    SystemClock clock_;
    labhub::test::PrivateBroker broker_;
    std::unique_ptr<sqlite::Writer> writer_;
    store::JobStore jobs_;
    store::CommandStore commands_;
    fleet::Fleet fleet_;
    leases::Leases leases_;
    commands::Commander commander_;
    std::unique_ptr<Mirror> mirror_;
    std::unique_ptr<mqtt::Connection> listener_;
    std::map<std::string, std::string> shown_;
    std::size_t heard_ = 0;
};

TEST_F(MirrorTest, SaysThatTheValuesOfANodeThatIsGoneAreStale) {
    be_born({"temp"});
    ASSERT_TRUE(wait_for(kTopic + "temp", R"("quality":"good")"));
    fleet_.node_died(kDevice.node, "its Will");
    EXPECT_TRUE(wait_for(kTopic + "temp", R"("quality":"stale")")) << shown_[kTopic + "temp"];
    EXPECT_TRUE(wait_for("labhub/lab/sim-1/state", "its Will")) << shown_["labhub/lab/sim-1/state"];
}

TEST_F(MirrorTest, EndsTheTopicsOfMetricsThatABirthHasNoMore) {
    be_born({"temp", "old"});
    ASSERT_TRUE(wait_for(kTopic + "old", "1.5"));
    ASSERT_TRUE(wait_for("labhub/lab/sim-1", R"("old")"));
    be_born({"temp"});
    EXPECT_TRUE(wait_until([&] { return shown_[kTopic + "old"].empty(); }));
    EXPECT_TRUE(wait_until([&] { return shown_["labhub/lab/sim-1"].find(R"("old")") == std::string::npos; }));
    EXPECT_THAT(shown_[kTopic + "temp"], HasSubstr("1.5"));
}

TEST_F(MirrorTest, EndsAllTopicsOfANodeThatIsLetGo) {
    be_born({"temp"});
    const std::vector<std::string> topics{"labhub/lab/sim-1", "labhub/lab/sim-1/state", kTopic + "state",
                                          kTopic + "temp"};
    for (const auto& topic : topics) ASSERT_TRUE(wait_for(topic, "{")) << topic;
    fleet_.dismiss(kDevice.node);
    for (const auto& topic : topics) EXPECT_TRUE(wait_until([&] { return shown_[topic].empty(); })) << topic;
}

TEST_F(MirrorTest, SaysNothingAnewWhileNothingChanges) {
    be_born({"temp", "od"});
    ASSERT_TRUE(wait_for(kTopic + "od", "1.5"));
    ASSERT_TRUE(wait_for(kTopic + "state", "true"));
    let_it_look();
    const auto before = heard_;
    let_it_look();
    EXPECT_EQ(heard_, before);
    fleet_.device_died(kDevice, clock_.utc_now(), "unplugged");
    EXPECT_TRUE(wait_for(kTopic + "state", "unplugged"));
}

}  // namespace
}  // namespace labhub::coordinator::mirror
