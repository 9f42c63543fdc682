#include <gtest/gtest.h>

#include "agent/spool/file_storage.hpp"
#include "agent/spool/spool.hpp"
#include "shared/runtime/task_group.hpp"
#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::spool {
namespace {

using namespace std::chrono_literals;

/// A spool whose file another connection keeps locked: a disk that takes its time.
class SlowDiskTest : public testing::Test {
  protected:
    struct Given {
        Position position;
        bool is_late;
        double value;
    };

    SlowDiskTest() {
        options_.commit_interval = 5ms;
        options_.slow_disk = 50ms;
        auto storage = std::make_unique<FileStorage>(file(), FileStorage::Options{});
        spool_ = std::make_unique<Spool>(io_.get_executor(), std::move(storage), options_, clock_);
        spool_->give_to([this](const Batch& batch, Position position) {
            given_.push_back({position, batch.is_late, as_number(batch.readings.at(0).value).value_or(-1)});
        });
        tasks_.spawn("spool", spool_->run());
        test::run(io_, spool_->wait_until_opened(5s));
    }
    ~SlowDiskTest() override { test::run(io_, tasks_.stop()); }

    std::filesystem::path file() const { return folder_.path() / "spool.sqlite"; }
    void append(double value) {
        spool_->append(Class::reading, {"vessel", {Reading{"x", value, clock_.utc_now(), Quality::good}}});
    }
    bool wait_for(std::size_t count) {
        return test::run_until(io_, [&] { return given_.size() >= count; });
    }

    test::TemporaryFolder folder_;
    asio::io_context io_{1};
    ManualClock clock_;
    Options options_;
    std::vector<Given> given_;
    std::unique_ptr<Spool> spool_;
    TaskGroup tasks_{io_.get_executor()};
};

TEST_F(SlowDiskTest, LosesNothingAndHoldsUpNoLiveDataNorEvents) {
    append(1);
    ASSERT_TRUE(wait_for(1));
    auto lock = sqlite::Database::open(file());
    ASSERT_TRUE(lock);
    ASSERT_TRUE(lock->execute("BEGIN IMMEDIATE"));
    append(2);
    ASSERT_TRUE(wait_for(2));
    EXPECT_EQ(given_[1].position, 0);
    EXPECT_FALSE(spool_->state().problem.empty()) << "it is said";
    append(3);
    bool was_told = false;
    spool_->after_pending([&] { was_told = true; });
    ASSERT_EQ(given_.size(), 3u) << "at once";
    EXPECT_TRUE(was_told);
    EXPECT_EQ(given_[2].position, 0);
    ASSERT_TRUE(lock->execute("ROLLBACK"));
    ASSERT_TRUE(wait_for(5));
    EXPECT_EQ(given_[3].value, 2);
    EXPECT_EQ(given_[4].value, 3);
    EXPECT_TRUE(given_[3].is_late && given_[4].is_late);
    EXPECT_GT(given_[3].position, given_[0].position);
    EXPECT_GT(given_[4].position, given_[3].position);
    EXPECT_EQ(total(spool_->state().dropped), 0u);
    EXPECT_TRUE(spool_->state().problem.empty());
    append(4);
    ASSERT_TRUE(wait_for(6));
    EXPECT_FALSE(given_[5].is_late);
    const auto rows = test::run(io_, spool_->read_after(0, ReadLimit{10, 1u << 20}));
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->size(), 4u);
}

TEST_F(SlowDiskTest, CountsWhatItHasNoRoomToKeepWaiting) {
    auto lock = sqlite::Database::open(file());
    ASSERT_TRUE(lock);
    ASSERT_TRUE(lock->execute("BEGIN IMMEDIATE"));
    append(0);
    ASSERT_TRUE(wait_for(1));
    for (int i = 1; i <= 300; ++i) append(i);
    EXPECT_EQ(given_.size(), 301u) << "live data of all";
    EXPECT_EQ(total(spool_->state().dropped), 300u - options_.max_waiting);
    ASSERT_TRUE(lock->execute("ROLLBACK"));
    ASSERT_TRUE(wait_for(301 + 1 + options_.max_waiting));
}

TEST_F(SlowDiskTest, AFlushEndsThoughTheDiskHangs) {
    auto lock = sqlite::Database::open(file());
    ASSERT_TRUE(lock);
    ASSERT_TRUE(lock->execute("BEGIN IMMEDIATE"));
    append(1);
    test::run(io_, spool_->flush(100ms));
    EXPECT_EQ(given_.size(), 1u);
    ASSERT_TRUE(lock->execute("ROLLBACK"));
}

}  // namespace
}  // namespace labhub::agent::spool
