// What jobs have used, as it is kept with their ends.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <tuple>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "coordinator/store/job_store.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr UtcMillis kHour{1'700'002'800'000};  // a full one

class UsageStore : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(folder_);
        open();
    }
    void TearDown() override {
        store_.reset();
        writer_.reset();
        fs::remove_all(folder_);
    }
    void open() {
        store_.reset();
        writer_.reset();
        auto database = sqlite::Database::open(folder_ / "labhub.db");
        ASSERT_TRUE(sqlite::migrate(*database, main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        store_ = std::make_unique<JobStore>(*writer_);
    }
    template <class T>
    T run(Task<T> task) {
        asio::io_context context;
        auto future = asio::co_spawn(context, std::move(task), asio::use_future);
        context.run();
        return future.get();
    }
    jobs::Job job(std::string id, std::string user = "user:ada") {
        jobs::Job made;
        made.id = JobId{std::move(id)};
        made.device = DeviceAddress{NodeId{"n1"}, "vessel"};
        made.requested_by = std::move(user);
        made.script = "print(1)\n";
        made.secret = "s";
        made.created = kHour;
        return made;
    }
    void end(jobs::Job made, UtcMillis when, std::int64_t cpu_ms) {
        made.status = jobs::Status::completed;
        made.ended = when;
        made.cpu_ms = cpu_ms;
        ASSERT_TRUE(run(store_->update(made, jobs::Event{0, when, "completed", "", ""})));
    }
    void begin_and_end(jobs::Job made, UtcMillis when, std::int64_t cpu_ms) {
        ASSERT_TRUE(run(store_->insert(made, jobs::Event{0, kHour, "queued", "", ""})));
        end(made, when, cpu_ms);
    }
    std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> usage(UtcMillis now = kHour + 48h) {
        const auto loaded = run(store_->load_usage(now));
        EXPECT_TRUE(loaded) << loaded.error().to_string();
        std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> rows;
        for (const auto& each : *loaded) rows.emplace_back(each.user, each.hour.count, each.cpu_ms);
        return rows;
    }
    using Rows = std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>;

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-usage-" + random_hex(4));
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<JobStore> store_;
};

TEST_F(UsageStore, SumsWhatEndedByUserAndHour) {
    begin_and_end(job("a"), kHour + 1min, 1'000);
    begin_and_end(job("b"), kHour + 59min, 2'000);
    begin_and_end(job("c"), kHour + 61min, 4'000);
    begin_and_end(job("d", "user:bob"), kHour + 2min, 8'000);
    begin_and_end(job("e"), kHour + 3min, 0);
    open();
    auto rows = usage();
    std::sort(rows.begin(), rows.end());
    const std::int64_t next = (kHour + 1h).count;
    EXPECT_EQ(rows,
              (Rows{{"user:ada", kHour.count, 3'000}, {"user:ada", next, 4'000}, {"user:bob", kHour.count, 8'000}}));
}

TEST_F(UsageStore, RemembersWhatADeletedJobUsed) {
    begin_and_end(job("a"), kHour, 1'000);
    ASSERT_TRUE(run(store_->remove(JobId{"a"})));
    begin_and_end(job("a"), kHour + 1min, 500);  // the id is free again
    EXPECT_EQ(usage(), (Rows{{"user:ada", kHour.count, 1'500}}));
}

TEST_F(UsageStore, CountsAnEndOnceHoweverOftenTheJobIsStored) {
    begin_and_end(job("a"), kHour, 1'000);
    end(job("a"), kHour, 1'000);
    EXPECT_EQ(usage(), (Rows{{"user:ada", kHour.count, 1'000}}));
}

TEST_F(UsageStore, LetsGoOfWhatNoWindowReaches) {
    begin_and_end(job("a"), kHour, 1'000);
    EXPECT_EQ(usage(kHour + 24h * 360).size(), 1u);
    EXPECT_EQ(usage(kHour + 24h * 400).size(), 0u);
    EXPECT_EQ(usage(kHour).size(), 0u) << "for good";
}

TEST_F(UsageStore, KeepsHowLargeResultsAre) {
    jobs::Job known = job("a"), unknown = job("b");
    known.result_bytes = 42;
    begin_and_end(known, kHour, 1);
    begin_and_end(unknown, kHour, 1);
    auto loaded = run(store_->load());
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->at(0).result_bytes, 42);
    EXPECT_EQ(loaded->at(1).result_bytes, std::nullopt);
    store_->post_result_bytes(JobId{"b"}, 7);
    loaded = run(store_->load());
    EXPECT_EQ(loaded->at(1).result_bytes, 7);
}

}  // namespace
}  // namespace labhub::coordinator::store
