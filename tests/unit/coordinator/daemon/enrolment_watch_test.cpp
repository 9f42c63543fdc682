#include "coordinator/daemon/enrolment_watch.hpp"

#include <stdlib.h>

#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/files.hpp"
#include "shared/sqlite/migrate.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::daemon {
namespace {

using ::testing::HasSubstr;

const std::string kKey = "SHA256:" + std::string(43, 'A');
const std::string kOtherKey = "SHA256:" + std::string(43, 'B');

std::string entry(const std::string& id, const std::string& key = kKey, const std::string& ssh = "127.0.0.1:1") {
    return "[[node]]\nid = \"" + id + "\"\nssh = \"" + ssh + "\"\nhost_key = \"" + key + "\"\n";
}

struct TemporaryFolder {
    std::filesystem::path path;
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "labhub-enrolment-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

/// Over a real file, with sessions that no agent answers and an ingest that is not connected.
class EnrolmentWatchTest : public testing::Test {
  protected:
    EnrolmentWatchTest() {
        auto database = sqlite::Database::open(":memory:");
        EXPECT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        jobs_ = std::make_unique<store::JobStore>(*writer_);
        leases_ = std::make_unique<leases::Leases>(fleet_, *jobs_, clock_, std::chrono::seconds{3});
        EnrolmentWatch::Others others{fleet_, *leases_, recorder_, ingest_, pool_, clock_};
        watch_ = std::make_unique<EnrolmentWatch>(file_, EnrolmentWatch::Login{"labhub", "/nonexistent/key"}, others);
        write(entry("a") + entry("b"));
        watch_->begin(link::read_enrolments(file_).value());
        look();
        look();
    }
    ~EnrolmentWatchTest() override {
        test::run_task(io_, fleet_.stop());
        pool_.join();
    }

    /// As an editor does: a new file in the old one's place.
    void write(const std::string& text) { ASSERT_TRUE(write_file(file_, text)); }
    void look() { test::run_task(io_, watch_->look()); }
    void take(const std::string& text) {
        write(text);
        watch_->reload();
        look();
    }
    std::set<std::string> nodes() const {
        std::set<std::string> ids;
        for (const auto& [id, node] : fleet_.nodes()) ids.insert(id.value);
        return ids;
    }
    const fleet::Node& node(const std::string& id) const { return fleet_.nodes().at(NodeId{id}); }
    const std::string& problem() const { return fleet_.enrolment_list.problem; }

    TemporaryFolder folder_;
    const std::filesystem::path file_ = folder_.path / "nodes.toml";
    asio::io_context io_;
    asio::thread_pool pool_{1};
    ManualClock clock_{UtcMillis{1'700'000'000'000}};
    std::unique_ptr<store::TelemetryStore> store_ = store::TelemetryStore::open(folder_.path / "telemetry").value();
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<store::JobStore> jobs_;
    fleet::Fleet fleet_{io_.get_executor(), clock_};
    telemetry::Recorder recorder_{*store_, fleet_, io_.get_executor(), clock_};
    ingest::Ingest ingest_{ingest::Options{}, clock_, recorder_};
    std::unique_ptr<leases::Leases> leases_;
    std::unique_ptr<EnrolmentWatch> watch_;
};

using Ids = std::set<std::string>;

TEST_F(EnrolmentWatchTest, TakesAChangeByItselfOnceTheFileHasBeenTheSameTwice) {
    write(entry("a") + entry("c"));
    look();
    EXPECT_EQ(nodes(), (Ids{"a", "b"})) << "somebody may be writing it";
    look();
    EXPECT_EQ(nodes(), (Ids{"a", "c"}));
    EXPECT_TRUE(problem().empty());
}

TEST_F(EnrolmentWatchTest, TakesTheFileAtOnceWhenAsked) {
    take(entry("a") + entry("b") + entry("PLC 1"));
    EXPECT_EQ(nodes(), (Ids{"PLC 1", "a", "b"}));
}

TEST_F(EnrolmentWatchTest, OpensTheSessionAnewToANodeWithAnotherKeyOrAddressOnly) {
    fleet_.device_born({NodeId{"a"}, "v"}, clock_.utc_now(), {MetricInfo{}}, {});
    const auto *const a = node("a").link.get(), *const b = node("b").link.get();
    take(entry("a", kOtherKey) + entry("b"));
    EXPECT_NE(node("a").link.get(), a);
    EXPECT_EQ(node("a").link->enrolment().host_key_fingerprint, kOtherKey);
    EXPECT_EQ(node("a").devices.size(), 1u) << "what is known of it stays";
    EXPECT_EQ(node("b").link.get(), b);
    take(entry("b", kKey, "127.0.0.1:2") + entry("a", kOtherKey));
    EXPECT_EQ(node("b").link->enrolment().ssh_port, 2);
}

TEST_F(EnrolmentWatchTest, LetsGoOfANodeWhenNobodyLeasesADeviceOfIt) {
    const auto lease = leases_->reserve({NodeId{"b"}, "v"}, "job:x", std::chrono::seconds{60});
    ASSERT_TRUE(lease);
    take(entry("a"));
    EXPECT_TRUE(node("b").is_leaving);
    EXPECT_EQ(leases_->check_free({NodeId{"b"}, "v"}).error().code, ErrorCode::conflict);
    EXPECT_EQ(leases_->check_free({NodeId{"b"}, "other"}).error().code, ErrorCode::unavailable)
        << "lent to nobody else";
    EXPECT_TRUE(leases_->check_free({NodeId{"a"}, "v"}));
    look();
    EXPECT_EQ(nodes(), (Ids{"a", "b"}));
    leases_->forget(lease->id);
    look();
    EXPECT_EQ(nodes(), Ids{"a"});
}

TEST_F(EnrolmentWatchTest, KeepsALeavingNodeThatIsListedAgain) {
    const auto lease = leases_->reserve({NodeId{"b"}, "v"}, "job:x", std::chrono::seconds{60});
    ASSERT_TRUE(lease);
    take(entry("a"));
    const auto* const link = node("b").link.get();
    take(entry("a") + entry("b"));
    EXPECT_FALSE(node("b").is_leaving);
    EXPECT_EQ(node("b").link.get(), link) << "its session went on all the time";
    take(entry("a"));
    take(entry("a") + entry("b", kOtherKey));
    EXPECT_EQ(node("b").link->enrolment().host_key_fingerprint, kOtherKey);
    leases_->forget(lease->id);
    look();
    EXPECT_EQ(nodes(), (Ids{"a", "b"}));
}

TEST_F(EnrolmentWatchTest, RefusesAFileWithAMistakeAsAWhole) {
    take(entry("c") + entry("d", kKey, "d:99999"));
    EXPECT_THAT(problem(), HasSubstr(file_.string() + ":7:7: [[node]] ssh is wrong: '99999' is not a port"));
    EXPECT_EQ(nodes(), (Ids{"a", "b"})) << "what was in force stays in force";
    take(entry("a") + entry("a"));
    EXPECT_THAT(problem(), HasSubstr(":6:6: [[node]] id is wrong: node a is listed twice"));
    std::filesystem::remove(file_);
    look();
    look();
    EXPECT_THAT(problem(), HasSubstr(file_.string()));
    EXPECT_EQ(nodes(), (Ids{"a", "b"}));
    take(entry("a"));
    EXPECT_TRUE(problem().empty());
    EXPECT_EQ(nodes(), Ids{"a"});
}

TEST_F(EnrolmentWatchTest, DoesNothingWhereTheListSaysTheSame) {
    const auto* const a = node("a").link.get();
    take("# in another order\n" + entry("b") + entry("a"));
    EXPECT_EQ(node("a").link.get(), a);
    EXPECT_EQ(nodes(), (Ids{"a", "b"}));
}

}  // namespace
}  // namespace labhub::coordinator::daemon
