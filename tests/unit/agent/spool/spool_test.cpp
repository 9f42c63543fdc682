#include "agent/spool/spool.hpp"

#include <fstream>

#include <signal.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "shared/runtime/task_group.hpp"
#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::spool {
namespace {

using namespace std::chrono_literals;

/// A spool that runs, and what it gave on.
class SpoolTest : public testing::Test {
  protected:
    struct Given {
        std::string device;
        Position position;
        double value;
    };

    ~SpoolTest() override { stop(); }

    void start(Bounds bounds = {}) {
        tasks_ = std::make_unique<TaskGroup>(io_.get_executor());
        spool_ = std::make_unique<Spool>(io_.get_executor(), file(), bounds, clock_);
        spool_->give_to([this](const Batch& batch, Position position) {
            given_.push_back({batch.device, position, as_number(batch.readings.at(0).value).value_or(-1)});
        });
        tasks_->spawn("spool", spool_->run());
        io_.restart();
        io_.poll();
    }
    void stop() {
        if (tasks_) test::run(io_, tasks_->stop());
        spool_.reset();
        tasks_.reset();
    }
    std::filesystem::path file() const { return folder_.path() / "spool.sqlite"; }

    Batch batch(double value, std::string device = "vessel") {
        return {std::move(device), {Reading{"x", value, clock_.utc_now(), Quality::good}}};
    }
    /// Appends, and waits until it was given on.
    Position append(double value, std::string device = "vessel") {
        const std::size_t before = given_.size();
        spool_->append(batch(value, std::move(device)));
        EXPECT_TRUE(test::run_until(io_, [&] { return given_.size() > before; }));
        return given_.empty() ? 0 : given_.back().position;
    }
    std::vector<double> stored(Position after = 0) {
        const auto rows = test::run(io_, spool_->read_after(after, 10'000));
        std::vector<double> values;
        if (rows)
            for (const Row& row : *rows) values.push_back(*as_number(row.batch.readings.at(0).value));
        return values;
    }
    void acknowledge(Position upto, std::vector<std::string> withheld = {}) {
        spool_->acknowledge(upto, std::move(withheld));
        EXPECT_TRUE(test::run_until(io_, [&] { return spool_->state().acknowledged >= upto; }));
    }

    test::TemporaryFolder folder_;
    asio::io_context io_{1};
    ManualClock clock_;
    std::unique_ptr<TaskGroup> tasks_;
    std::unique_ptr<Spool> spool_;
    std::vector<Given> given_;
};

TEST_F(SpoolTest, StoresBeforeItGivesOn) {
    start();
    const Position position = append(1);
    EXPECT_GT(position, 0);
    EXPECT_EQ(stored(), std::vector<double>{1});
    EXPECT_EQ(spool_->state().depth, 1u);
    EXPECT_EQ(spool_->state().last, position);
}

TEST_F(SpoolTest, GivesOnInTheOrderOfAppendingWithEventsInTheirPlace) {
    start();
    std::vector<std::size_t> seen;
    for (int i = 0; i < 20; ++i) {
        spool_->append(batch(i));
        spool_->after_pending([&] { seen.push_back(given_.size()); });
    }
    ASSERT_TRUE(test::run_until(io_, [&] { return seen.size() == 20; }));
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(seen[i], i + 1);
    for (std::size_t i = 1; i < 20; ++i) EXPECT_GT(given_[i].position, given_[i - 1].position);
}

TEST_F(SpoolTest, KeepsUnacknowledgedReadingsOverARestart) {
    start();
    append(1);
    const Position second = append(2);
    append(3);
    acknowledge(second);
    stop();
    start();
    EXPECT_EQ(stored(), std::vector<double>{3});
    EXPECT_EQ(spool_->state().depth, 1u);
    EXPECT_EQ(spool_->state().acknowledged, second);
}

TEST_F(SpoolTest, NeverRepeatsAPosition) {
    start();
    const Position first = append(1);
    acknowledge(first);
    stop();
    start();
    const Position second = append(2);
    EXPECT_GT(second, first);
    stop();
    std::filesystem::remove(file());
    clock_.advance(1s);
    start();
    EXPECT_GT(append(3), second) << "also with the file lost";
}

TEST_F(SpoolTest, DropsTheOldestAndCountsThemWhenItIsFull) {
    Bounds bounds;
    bounds.max_bytes = 128 * 1024;
    start(bounds);
    for (int i = 0; i < 100; ++i) {
        for (int j = 0; j < 40; ++j) spool_->append(batch(i * 40 + j));
        const std::size_t all = static_cast<std::size_t>(i + 1) * 40;
        ASSERT_TRUE(test::run_until(io_, [&] { return given_.size() == all; }));
    }
    const auto left = stored();
    EXPECT_GT(spool_->state().dropped, 0u);
    EXPECT_EQ(left.size() + spool_->state().dropped, 4000u);
    EXPECT_EQ(spool_->state().depth, left.size());
    EXPECT_EQ(left.back(), 3999) << "the newest are kept";
    EXPECT_LT(std::filesystem::file_size(file()), 512u * 1024);
}

TEST_F(SpoolTest, DropsWhatIsTooOld) {
    Bounds bounds;
    bounds.max_age = 1h;
    start(bounds);
    append(1);
    clock_.advance(61min);
    append(2);
    EXPECT_EQ(stored(), std::vector<double>{2});
    EXPECT_EQ(spool_->state().dropped, 1u);
}

TEST_F(SpoolTest, LeavesRowsOfWithheldDevicesWhenTheHostAcknowledges) {
    start();
    append(1, "away");
    append(2, "vessel");
    acknowledge(append(3, "vessel"), {"away"});
    EXPECT_EQ(stored(), std::vector<double>{1});
}

TEST_F(SpoolTest, IgnoresAnAcknowledgementOfWhatWasNeverSent) {
    start();
    const Position position = append(1);
    spool_->acknowledge(position + 1, {});
    spool_->acknowledge(-5, {});
    append(2);
    EXPECT_EQ(stored().size(), 2u);
    EXPECT_EQ(spool_->state().acknowledged, 0);
}

TEST_F(SpoolTest, ForgetsAHundredThousandRowsInSteps) {
    start();
    auto database = spool_file::open(folder_.path() / "other.sqlite", clock_.utc_now());
    ASSERT_TRUE(database);
    std::vector<std::string> batches(5'000, encode_batch(batch(1))), devices(5'000, "vessel");
    const auto appended = spool_file::append(*database, batches, devices, clock_.utc_now(), {});
    ASSERT_TRUE(appended);
    EXPECT_EQ(*spool_file::acknowledge(*database, appended->positions.back(), {}, 2'000), 2'000u);
    EXPECT_EQ(*spool_file::acknowledge(*database, appended->positions.back(), {}, 10'000), 3'000u);
    EXPECT_EQ(*spool_file::count(*database), 0u);
}

TEST_F(SpoolTest, BeginsAnewBesideADamagedFile) {
    {
        std::ofstream damaged(file());
        damaged << std::string(8192, 'x');
    }
    start();
    EXPECT_GT(append(1), 0);
    EXPECT_TRUE(spool_->state().problem.empty());
    EXPECT_TRUE(std::filesystem::exists(file().string() + ".damaged-" + std::to_string(clock_.utc_now().count)));
}

TEST_F(SpoolTest, PassesOverADamagedRow) {
    start();
    append(1);
    const Position second = append(2);
    append(3);
    stop();
    {
        auto database = sqlite::Database::open(file());
        ASSERT_TRUE(database);
        ASSERT_TRUE(database->run("UPDATE row SET batch = 'nonsense' WHERE position = ?", second));
    }
    start();
    EXPECT_EQ(stored(), (std::vector<double>{1, 3}));
}

TEST_F(SpoolTest, GivesOnWithoutPositionWhileTheDiskIsFullAndStoresAgainWhenItIsNot) {
    start();
    ASSERT_GT(append(1), 0);
    // A limit on file size is the nearest thing to a full disk that a test can have without being root.
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, SIG_IGN);
    const auto wal = std::filesystem::file_size(file().string() + "-wal");
    const rlimit full{wal, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &full);
    EXPECT_EQ(append(2), 0);
    EXPECT_FALSE(spool_->state().problem.empty());
    EXPECT_EQ(append(3), 0) << "live data goes on";
    EXPECT_EQ(spool_->state().dropped, 2u);
    ::setrlimit(RLIMIT_FSIZE, &before);
    clock_.advance(6s);
    EXPECT_GT(append(4), 0);
    EXPECT_TRUE(spool_->state().problem.empty());
    EXPECT_EQ(stored(), (std::vector<double>{1, 4}));
}

TEST_F(SpoolTest, GoesOnWithoutAFolder) {
    std::filesystem::remove_all(folder_.path());
    start();
    EXPECT_EQ(append(1), 0);
    EXPECT_FALSE(spool_->state().problem.empty());
}

}  // namespace
}  // namespace labhub::agent::spool
