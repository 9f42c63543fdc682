// What no outage may take: every reading reaches a host that acknowledges, and only one that doesn't gets less.
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include <sys/mount.h>

#include "tests/integration/agent/agent_lab.hpp"

namespace labhub::test {
namespace {

using sparkplug::MessageType;
using namespace std::chrono_literals;

constexpr const char* kNodeCommands = "spBv1.0/labhub/NCMD/sim-1";
constexpr const char* kMetric = "vial_A_temp";
constexpr std::int64_t kPeriodMs = 100;

/// A host by the rules: it stores each sample once, acknowledges what it has stored of an unbroken run, and asks for a
/// rebirth when it lost the thread. It can be killed: what it has stored stays.
class Host {
  public:
    explicit Host(std::uint16_t port) : port_(port) { start(); }

    void start() {
        observer_ = std::make_unique<Observer>(port_);
        taken_ = 0;
        unbroken_ = false;
        observer_->publish("spBv1.0/STATE/labhub",
                           R"({"online":true,"timestamp":)" + std::to_string(++state_time_) + "}", true);
        observer_->command(kNodeCommands, sparkplug::node_metric::kRebirth, true);
    }
    void kill() { observer_.reset(); }
    bool acknowledges = true;

    /// Takes what has come, and returns whether `metric` now has a sample from each period from the first one on.
    void take() {
        if (!observer_) return;
        const auto all = observer_->all();
        std::int64_t position = 0;
        for (; taken_ < all.size(); ++taken_) position = std::max(position, take(all[taken_]));
        if (position > 0 && acknowledges)
            observer_->command(kNodeCommands, sparkplug::node_metric::kAcknowledge, position);
    }
    const std::set<std::int64_t>& times() const { return times_; }
    std::size_t historical() const { return historical_; }
    std::int64_t newest_live() const { return newest_live_; }
    const std::map<std::string, Value>& node_metrics() const { return node_metrics_; }

    /// The longest hole between samples that lie between `from` and `until`.
    std::int64_t longest_hole(std::int64_t from = 0, std::int64_t until = INT64_MAX) const {
        std::int64_t last = 0, longest = 0;
        for (const std::int64_t time : times_) {
            if (time < from || time > until) continue;
            if (last > 0) longest = std::max(longest, time - last);
            last = time;
        }
        return longest;
    }

  private:
    std::int64_t take(const Seen& seen) {
        const auto& payload = seen.payload;
        if (seen.topic.type == MessageType::nbirth) unbroken_ = true;
        if (seen.topic.type == MessageType::nbirth || seen.topic.type == MessageType::ndata)
            for (const auto& metric : payload.metrics) node_metrics_[metric.name] = metric.value;
        if (seen.topic.type == MessageType::ndeath) return 0;
        if (unbroken_ && seen.topic.type != MessageType::nbirth && payload.seq != static_cast<std::uint8_t>(seq_ + 1)) {
            unbroken_ = false;
            observer_->command(kNodeCommands, sparkplug::node_metric::kRebirth, true);
        }
        seq_ = payload.seq.value_or(0);
        if (seen.topic.type != MessageType::ddata || payload.metrics.empty()) return 0;
        for (const auto& metric : payload.metrics) {
            if (metric.name != kMetric) continue;
            times_.insert(metric.timestamp->count);
            historical_ += metric.is_historical ? 1 : 0;
            if (!metric.is_historical) newest_live_ = std::max(newest_live_, metric.timestamp->count);
        }
        const auto& properties = payload.metrics[0].properties;
        const auto found = properties.find(sparkplug::property::kSpoolPosition);
        return unbroken_ && found != properties.end() ? std::get<std::int64_t>(found->second) : 0;
    }

    std::uint16_t port_;
    std::unique_ptr<Observer> observer_;
    std::size_t taken_ = 0;
    bool unbroken_ = false;
    std::uint8_t seq_ = 0;
    std::int64_t state_time_ = 1'000;
    std::set<std::int64_t> times_;
    std::map<std::string, Value> node_metrics_;
    std::size_t historical_ = 0;
    std::int64_t newest_live_ = 0;
};

class SpoolLab : public AgentLab {
  protected:
    ~SpoolLab() override {
        agent_.kill();
        if (is_mounted_) ::umount2((folder_ / "data").c_str(), MNT_DETACH);
    }
    /// Lets the host work until it has `more` samples more.
    bool collect(Host& host, std::size_t more, std::chrono::milliseconds limit = 40s) {
        const std::size_t goal = host.times().size() + more;
        return eventually(
            [&] {
                host.take();
                return host.times().size() >= goal;
            },
            limit);
    }
    /// Lets the host work until the spool is as good as empty.
    bool drain(Host& host) {
        return eventually(
            [&] {
                host.take();
                return rows() < 20;
            },
            40s);
    }
    std::size_t rows() {
        const auto status = ssh("status");
        const auto at = status.out.find("spool   ");
        return at == std::string::npos ? SIZE_MAX : std::stoul(status.out.substr(at + 8));
    }
    std::string spool_line() {
        const auto status = ssh("status");
        const auto at = status.out.find("spool   ");
        return at == std::string::npos ? "" : status.out.substr(at, status.out.find('\n', at) - at);
    }
    /// Whether the agent's folder could be made a disk of its own.
    bool mount_small_disk() {
        std::filesystem::create_directories(folder_ / "data");
        is_mounted_ = ::mount("none", (folder_ / "data").c_str(), "tmpfs", 0, "size=3m,mode=0700") == 0;
        return is_mounted_;
    }
    void fill_disk() {
        std::ofstream filler(folder_ / "data" / "filler", std::ios::binary);
        while (filler.write(std::string(4096, 'x').data(), 4096).flush()) {
        }
    }
    void free_disk() { std::filesystem::remove(folder_ / "data" / "filler"); }

  private:
    bool is_mounted_ = false;
};

TEST_F(SpoolLab, NothingIsLostWhenBrokerHostAndAgentAreKilledInTurn) {
    start();
    Host host(broker_.port());
    ASSERT_TRUE(collect(host, 10));
    std::vector<std::pair<std::int64_t, std::int64_t>> lives;
    std::int64_t born = *host.times().begin();
    for (int round = 0; round < 3; ++round) {
        host.kill();
        broker_.kill();
        const std::size_t before = rows();
        ASSERT_TRUE(eventually([&] { return rows() >= before + 15; })) << "sampling goes on";
        broker_.restart();
        host.start();
        ASSERT_TRUE(collect(host, 20));
        // The host alone, while readings are on their way to it.
        host.kill();
        const std::size_t unseen = rows();
        ASSERT_TRUE(eventually([&] { return rows() >= unseen + 10; }));
        host.start();
        ASSERT_TRUE(collect(host, 15));
        ASSERT_TRUE(drain(host));
        // The agent, with the broker away, so that what it had is in its spool alone.
        broker_.kill();
        host.kill();
        const std::size_t stored = rows();
        ASSERT_TRUE(eventually([&] { return rows() >= stored + 10; }));
        agent_.kill();
        const auto died = static_cast<std::int64_t>(SystemClock().utc_now().count);
        lives.emplace_back(born, died);
        broker_.restart();
        start_agent();
        born = SystemClock().utc_now().count;
        host.start();
        ASSERT_TRUE(collect(host, 20));
    }
    ASSERT_TRUE(drain(host));
    for (const auto& [from, until] : lives) {
        EXPECT_LT(host.longest_hole(from, until), 4 * kPeriodMs) << "a hole in the readings";
        // The last one before the kill was read within a period, and committed within another.
        const auto last = std::prev(host.times().upper_bound(until));
        EXPECT_GT(*last, until - 6 * kPeriodMs) << "what was in the spool at the kill";
    }
}

TEST_F(SpoolLab, AHostThatNeverAcknowledgesGetsARollingWindowAfterARebirth) {
    start();
    Host host(broker_.port());
    host.acknowledges = false;
    // The window is twice the keepalive of five seconds and five more.
    ASSERT_TRUE(collect(host, 250, 60s));
    const std::size_t stored = rows();
    EXPECT_GT(stored, 200u) << "nothing is forgotten";
    const std::size_t before = host.historical();
    host.kill();
    host.start();
    ASSERT_TRUE(eventually([&] {
        host.take();
        return host.historical() > before + 120;
    }));
    ASSERT_TRUE(collect(host, 30));
    const std::size_t again = host.historical() - before;
    EXPECT_GE(again, 130u) << "at least the window of 15 s";
    EXPECT_LT(again, 215u) << "but not all of it";
    EXPECT_LT(host.longest_hole(), 4 * kPeriodMs);
    // When it acknowledges after all, it is sent everything.
    const std::size_t with_window = host.historical();
    host.acknowledges = true;
    ASSERT_TRUE(eventually([&] {
        host.take();
        return host.historical() > with_window + 230;
    }));
    EXPECT_TRUE(drain(host));
}

TEST_F(SpoolLab, AFullDiskStopsNeitherControlNorLiveDataAndEndsByItself) {
    if (!mount_small_disk()) GTEST_SKIP() << "a small disk can't be mounted here: " << std::strerror(errno);
    start();
    Host host(broker_.port());
    ASSERT_TRUE(collect(host, 10));
    host.kill();
    // Not acknowledged, and on the disk before it is full.
    const std::size_t stored = rows();
    ASSERT_TRUE(eventually([&] { return rows() > stored + 10; }));
    const auto full_at = SystemClock().utc_now().count;
    fill_disk();
    ASSERT_TRUE(eventually([&] { return spool_line().find("NOT STORING") != std::string::npos; })) << spool_line();
    EXPECT_EQ(ssh("set stirrer=40").status, 0) << "control goes on";
    host.start();
    ASSERT_TRUE(eventually([&] {
        host.take();
        return !host.times().empty() && *host.times().rbegin() > SystemClock().utc_now().count - 1'000;
    })) << "live data goes on";
    const auto& problem = host.node_metrics().at("Node Info/Spool Problem");
    EXPECT_NE(problem, Value{std::string()}) << "and it is said so";
    free_disk();
    ASSERT_TRUE(eventually([&] { return spool_line().find("NOT STORING") == std::string::npos; })) << spool_line();
    ASSERT_TRUE(collect(host, 30));
    ASSERT_TRUE(drain(host));
    EXPECT_LT(host.longest_hole(0, full_at), 4 * kPeriodMs) << "what was stored before is not lost";
    EXPECT_EQ(ssh("set stirrer=0").status, 0);
}

TEST_F(SpoolLab, ADamagedSpoolIsSetAsideAndTheNodeSaysSo) {
    start();
    {
        Host host(broker_.port());
        host.acknowledges = false;
        ASSERT_TRUE(collect(host, 20));
    }
    agent_.kill();
    for (const char* part : {"spool.sqlite", "spool.sqlite-wal"}) {
        const auto file = folder_ / "data" / part;
        if (!std::filesystem::exists(file)) continue;
        const auto size = std::filesystem::file_size(file);
        std::ofstream(file, std::ios::binary) << std::string(size, '\x5A');
    }
    start_agent();
    Host host(broker_.port());
    ASSERT_TRUE(collect(host, 20));
    EXPECT_NE(spool_line().find("begun anew"), std::string::npos) << spool_line();
    EXPECT_EQ(host.node_metrics().at("Node Info/Spool Replaced"), Value{std::int64_t{1}});
    EXPECT_TRUE(host.node_metrics().contains("Node Info/Clock"));
    bool is_kept = false;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "data"))
        is_kept = is_kept || entry.path().filename().string().starts_with("spool.sqlite.damaged-");
    EXPECT_TRUE(is_kept);
    EXPECT_TRUE(drain(host));
}

TEST_F(SpoolLab, ReplayDelaysNeitherLiveDataNorCommands) {
    sample_every("20ms");
    start();
    broker_.kill();
    ASSERT_TRUE(eventually([&] { return rows() > 600; }, 60s));
    broker_.restart();
    Host host(broker_.port());
    std::int64_t worst = 0;
    ASSERT_TRUE(eventually(
        [&] {
            host.take();
            if (host.newest_live() > 0) worst = std::max(worst, SystemClock().utc_now().count - host.newest_live());
            return host.historical() > 600;
        },
        40s));
    EXPECT_LT(worst, 2'000) << "live readings come while the old ones do";
    EXPECT_EQ(ssh("set stirrer=40").status, 0);
    EXPECT_TRUE(eventually([&] { return output("stirrer") == 40; }));
    EXPECT_TRUE(drain(host));
    EXPECT_LT(host.longest_hole(), 400);
}

}  // namespace
}  // namespace labhub::test
