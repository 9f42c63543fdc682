// A host that acknowledges what it was told has everything in the end, though nothing new is sampled.
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "agent/edge_node/edge_node.hpp"
#include "agent/spool/memory_storage.hpp"
#include "shared/sparkplug/codec.hpp"
#include "tests/support/mosquitto.hpp"
#include "tests/unit/agent/support/coroutines.hpp"
#include "tests/unit/agent/support/fake_driver.hpp"

namespace labhub::agent::edge_node {
namespace {

using namespace std::chrono_literals;
using sparkplug::MessageType;

constexpr const char* kNodeCommands = "spBv1.0/lab/NCMD/node";
constexpr const char* kMetric = "vial_A_temp";

mqtt::ConnectOptions to(const test::PrivateBroker& broker) {
    mqtt::ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = broker.port();
    options.keepalive = 5s;
    return options;
}

/// Rows in memory; reading them back can be held up, before or after they were looked at.
class SlowStorage final : public spool::Storage {
  public:
    enum class Hold { none, before, after };
    explicit SlowStorage(asio::any_io_executor executor) : released_(executor, Steady::time_point::max()) {}

    void hold(Hold how) { hold_ = how, reading_ = false; }
    void release() { hold_ = Hold::none, released_.cancel(); }
    bool is_held() const { return reading_; }

    Result<spool::Found> open(UtcMillis now) override { return rows_.open(now); }
    Task<Result<spool::Changed>> change(spool::Change change) override { return rows_.change(std::move(change)); }
    Task<Result<std::vector<spool::Row>>> read_after(Position after, spool::ReadLimit limit) override {
        if (hold_ == Hold::before) co_await wait();
        auto reading = rows_.read_after(after, limit);
        auto read = co_await std::move(reading);
        if (hold_ == Hold::after) co_await wait();
        co_return read;
    }
    Task<Result<void>> count_some() override { return rows_.count_some(); }
    spool::Holding holding() const override { return rows_.holding(); }

  private:
    Task<void> wait() {
        reading_ = true;
        co_await released_.async_wait(as_result);
    }
    spool::MemoryStorage rows_{1u << 20};
    asio::steady_timer released_;
    Hold hold_ = Hold::none;
    bool reading_ = false;
};

/// By the rules: it acknowledges positions it was told in an unbroken session, and nothing else.
class Host {
  public:
    Host(asio::io_context& io, const test::PrivateBroker& broker, std::int64_t since)
        : io_(io), tasks_(io.get_executor()) {
        test::run(io_, begin(to(broker), since));
        tasks_.spawn("host", work());
    }
    ~Host() { test::run(io_, tasks_.stop()); }

    bool acknowledges = true;
    bool is_born = false;
    bool lost_the_thread = false;
    Position told = 0;
    std::multiset<std::int64_t> live, historical;  ///< the samples' times

  private:
    Task<void> begin(mqtt::ConnectOptions options, std::int64_t since) {
        const std::string online = R"({"online":true,"timestamp":)" + std::to_string(since) + "}";
        options.will =
            mqtt::Will{"spBv1.0/STATE/hub", R"({"online":false,"timestamp":)" + std::to_string(since) + "}", 1, true};
        auto connecting = mqtt::Connection::connect(std::move(options));
        auto connected = co_await std::move(connecting);
        connection_ = std::move(connected.value());
        std::vector<mqtt::Subscription> wanted;
        for (const char* filter : {"spBv1.0/lab/NBIRTH/#", "spBv1.0/lab/DBIRTH/#", "spBv1.0/lab/NDATA/#",
                                   "spBv1.0/lab/DDATA/#", "spBv1.0/lab/DDEATH/#"})
            wanted.push_back({filter, 1});
        auto subscribed = co_await connection_->subscribe(std::move(wanted));
        auto announcing = connection_->publish_acknowledged("spBv1.0/STATE/hub", online, true);
        auto announced = co_await std::move(announcing);
        if (!subscribed || !announced) throw std::runtime_error("the host can't begin");
        command(sparkplug::node_metric::kRebirth, true);
    }
    void command(std::string metric, Value value) {
        const auto bytes = sparkplug::encode(
            MessageType::ncmd, sparkplug::node_command(std::move(metric), std::move(value), SystemClock().utc_now()));
        EXPECT_TRUE(connection_->publish(kNodeCommands, *bytes, 1));
    }
    Task<void> work() {
        while (true) {
            auto message = co_await connection_->receive();
            if (!message) co_return;
            take(*message);
        }
    }
    void take(const mqtt::Message& message) {
        const auto topic = sparkplug::parse_topic(message.topic);
        const auto decoded = sparkplug::decode(message.payload);
        ASSERT_TRUE(topic && decoded && decoded->payload.seq);
        const auto& payload = decoded->payload;
        const bool is_birth = topic->type == MessageType::nbirth;
        if (!is_birth && !is_born) return;
        if (!is_birth && *payload.seq != static_cast<std::uint8_t>(seq_ + 1)) lost_the_thread = true;
        seq_ = static_cast<std::uint8_t>(*payload.seq);
        is_born = true;
        if (topic->type != MessageType::ddata || payload.metrics.empty()) return;
        for (const auto& metric : payload.metrics)
            (metric.is_historical ? historical : live).insert(metric.timestamp->count);
        const auto& properties = payload.metrics[0].properties;
        const auto position = properties.find(sparkplug::property::kSpoolPosition);
        if (position == properties.end()) return;
        told = std::get<std::int64_t>(position->second);
        if (acknowledges && !lost_the_thread) command(sparkplug::node_metric::kAcknowledge, told);
    }

    asio::io_context& io_;
    std::unique_ptr<mqtt::Connection> connection_;
    std::uint8_t seq_ = 0;
    TaskGroup tasks_;
};

class ReplayTest : public testing::Test {
  protected:
    ReplayTest() {
        auto storage = std::make_unique<SlowStorage>(io_.get_executor());
        storage_ = storage.get();
        auto opened = state::StateDatabase::open(folder_.path(), clock_);
        if (!opened) throw std::runtime_error(opened.error().to_string());
        state_ = std::make_unique<state::StateDatabase>(std::move(*opened));
        audit_ = std::make_unique<safety::AuditLog>(state_->writer(), clock_);
        path_ =
            std::make_unique<safety::CommandPath>(io_.get_executor(), clock_, *audit_, safety::CommandPath::Limits{});
        path_->add(device_);
        test::run(io_, device_.look());
        spool::Options options;
        options.commit_interval = 1ms;
        spool_ = std::make_unique<spool::Spool>(io_.get_executor(), std::move(storage), options, clock_);
        spool_->open();
        Settings settings;
        settings.group = "lab", settings.node = "node", settings.primary_host = "hub";
        settings.replay.messages_per_second = 1'000;
        node_ = std::make_unique<EdgeNode>(io_.get_executor(), settings, to(broker_), clock_, *spool_, *path_, bd_seq_);
        spool_->give_to([this](const spool::Batch& batch, Position position) { node_->live(batch, position); });
        tasks_.spawn("spool", spool_->run());
    }
    ~ReplayTest() override {
        storage_->release();
        test::run(io_, node_->stop());
        test::run(io_, tasks_.stop());
        test::run(io_, path_->stop());
    }

    void start_node() { tasks_.spawn("node", node_->run()); }
    void new_host() {
        host_.reset();
        host_ = std::make_unique<Host>(io_, broker_, ++hosts_);
    }
    /// Until all of them are stored.
    void sample(int count) {
        const auto rows = spool_->state().depth() + count;
        for (int i = 0; i < count; ++i) {
            Reading reading{kMetric, 36.5, clock_.utc_now() + std::chrono::milliseconds{++samples_}, Quality::good};
            spool_->append(spool::Class::reading, spool::Batch{"vessel", {reading}});
            times_.insert(reading.time.count);
        }
        ASSERT_TRUE(test::run_until(io_, [&] { return spool_->state().depth() == rows; }));
    }
    /// Rows that went out live while the replay was held up, and nothing after them.
    void sample_ahead_of_replay(int count, SlowStorage::Hold how) {
        storage_->hold(how);
        new_host();
        start_node();
        ASSERT_TRUE(test::run_until(io_, [&] { return host_->is_born && storage_->is_held(); }));
        const auto before = host_->live.size();
        sample(count);
        ASSERT_TRUE(test::run_until(io_, [&] { return host_->live.size() == before + count; }));
        ASSERT_EQ(host_->told, 0);
    }
    bool all_is_acknowledged() {
        return test::run_until(io_, [&] { return spool_->state().depth() == 0; });
    }
    void expect_all_came() {
        EXPECT_FALSE(host_->lost_the_thread) << "a hole in seq";
        std::set<std::int64_t> came(host_->live.begin(), host_->live.end());
        came.insert(host_->historical.begin(), host_->historical.end());
        EXPECT_EQ(came, times_);
    }

    test::PrivateBroker broker_;
    test::TemporaryFolder folder_;
    asio::io_context io_{1};
    SystemClock clock_;
    sampling::Device device_{"vessel", std::make_unique<test::FakeDriver>(clock_), clock_};
    std::unique_ptr<state::StateDatabase> state_;
    std::unique_ptr<safety::AuditLog> audit_;
    std::unique_ptr<safety::CommandPath> path_;
    SlowStorage* storage_ = nullptr;
    std::unique_ptr<spool::Spool> spool_;
    MemoryBdSeq bd_seq_{UtcMillis{0}};
    std::unique_ptr<EdgeNode> node_;
    std::unique_ptr<Host> host_;
    TaskGroup tasks_{io_.get_executor()};
    std::int64_t hosts_ = 0, samples_ = 0;
    std::set<std::int64_t> times_;
};

/// How many rows waited; sixteen are read at once.
class ReplayOf : public ReplayTest, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Rows, ReplayOf, testing::Values(0, 5, 16, 40));

TEST_P(ReplayOf, EndsWithThePositionOfWhatWentLiveMeanwhile) {
    sample(GetParam());
    sample_ahead_of_replay(20, SlowStorage::Hold::before);
    storage_->release();
    ASSERT_TRUE(all_is_acknowledged()) << spool_->state().depth() << " rows stay for ever";
    expect_all_came();
    EXPECT_LE(host_->historical.size(), static_cast<std::size_t>(GetParam()) + 1) << "one row says it for all";
}

TEST_F(ReplayTest, ThatFoundNothingLooksAgainWhenRowsWentLiveMeanwhile) {
    sample_ahead_of_replay(3, SlowStorage::Hold::after);
    storage_->release();
    ASSERT_TRUE(all_is_acknowledged());
    expect_all_came();
}

TEST_F(ReplayTest, IsFollowedByLiveRowsThatSayTheirOwnPositions) {
    sample(5);
    sample_ahead_of_replay(5, SlowStorage::Hold::before);
    storage_->release();
    ASSERT_TRUE(all_is_acknowledged());
    const auto historical = host_->historical.size();
    sample(3);
    ASSERT_TRUE(all_is_acknowledged());
    EXPECT_EQ(host_->historical.size(), historical);
    expect_all_came();
}

TEST_F(ReplayTest, GoesOnForAHostThatRestartsInTheMidstOfIt) {
    sample(40);
    sample_ahead_of_replay(5, SlowStorage::Hold::before);
    host_.reset();
    storage_->release();
    new_host();
    ASSERT_TRUE(all_is_acknowledged());
    expect_all_came();
}

TEST_F(ReplayTest, BeginsAgainForAHostThatRestartsBeforeItAcknowledged) {
    sample(20);
    sample_ahead_of_replay(5, SlowStorage::Hold::before);
    host_->acknowledges = false;
    storage_->release();
    ASSERT_TRUE(test::run_until(io_, [&] { return host_->told == spool_->state().last; }));
    ASSERT_EQ(spool_->state().depth(), 25u);
    new_host();
    ASSERT_TRUE(all_is_acknowledged());
    expect_all_came();
}

TEST_F(ReplayTest, BeginsAgainAfterTheBrokerRestartedAndNothingMoreWasSampled) {
    sample_ahead_of_replay(5, SlowStorage::Hold::before);
    host_->acknowledges = false;
    host_.reset();
    broker_.kill();
    storage_->release();
    ASSERT_TRUE(test::run_until(io_, [&] { return !node_->is_connected(); }));
    sample(5);
    broker_.restart();
    new_host();
    ASSERT_TRUE(all_is_acknowledged());
    expect_all_came();
}

}  // namespace
}  // namespace labhub::agent::edge_node
