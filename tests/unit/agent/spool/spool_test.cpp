#include "agent/spool/spool.hpp"
#include "agent/spool/file_storage.hpp"
#include "agent/spool/spool_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include <signal.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "shared/runtime/task_group.hpp"
#include "shared/sqlite/migrate.hpp"
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

    void start() {
        tasks_ = std::make_unique<TaskGroup>(io_.get_executor());
        options_.commit_interval = 5ms;
        spool_ = std::make_unique<Spool>(io_.get_executor(), std::make_unique<FileStorage>(file(), file_options_),
                                         options_, clock_);
        spool_->give_to([this](const Batch& batch, Position position) {
            given_.push_back({batch.device, position, as_number(batch.readings.at(0).value).value_or(-1)});
        });
        tasks_->spawn("spool", spool_->run());
        test::run(io_, spool_->wait_until_opened(5s));
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
    Position append(double value, std::string device = "vessel", Class of = Class::reading) {
        const std::size_t before = given_.size();
        spool_->append(of, batch(value, std::move(device)));
        EXPECT_TRUE(test::run_until(io_, [&] { return given_.size() > before; }));
        return given_.empty() ? 0 : given_.back().position;
    }
    std::vector<double> stored(Position after = 0) {
        const auto rows = test::run(io_, spool_->read_after(after, ReadLimit{10'000, 1u << 20}));
        std::vector<double> values;
        if (rows)
            for (const Row& row : *rows) values.push_back(*as_number(row.batch->readings.at(0).value));
        return values;
    }
    void acknowledge(Position upto, std::vector<std::string> withheld = {}) {
        clock_.advance(1s);
        spool_->acknowledge(upto, std::move(withheld));
        EXPECT_TRUE(test::run_until(io_, [&] { return spool_->state().acknowledged >= upto; }));
    }

    test::TemporaryFolder folder_;
    asio::io_context io_{1};
    ManualClock clock_;
    std::unique_ptr<TaskGroup> tasks_;
    std::unique_ptr<Spool> spool_;
    std::vector<Given> given_;
    FileStorage::Options file_options_;
    Options options_;
};

std::uint64_t dropped(const Spool& spool, Class of) { return spool.state().dropped[static_cast<std::size_t>(of)]; }

TEST_F(SpoolTest, StoresBeforeItGivesOn) {
    start();
    const Position position = append(1);
    EXPECT_GT(position, 0);
    EXPECT_EQ(stored(), std::vector<double>{1});
    EXPECT_EQ(spool_->state().depth(), 1u);
    EXPECT_EQ(spool_->state().last, position);
}

TEST_F(SpoolTest, GivesOnInTheOrderOfAppendingWithEventsInTheirPlace) {
    start();
    std::vector<std::size_t> seen;
    for (int i = 0; i < 20; ++i) {
        spool_->append(Class::reading, batch(i));
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
    EXPECT_EQ(spool_->state().depth(), 1u);
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
    file_options_.max_bytes = 128 * 1024;
    start();
    for (int i = 0; i < 100; ++i) {
        for (int j = 0; j < 40; ++j) spool_->append(Class::reading, batch(i * 40 + j));
        const std::size_t all = static_cast<std::size_t>(i + 1) * 40;
        ASSERT_TRUE(test::run_until(io_, [&] { return given_.size() == all; }));
    }
    const auto left = stored();
    EXPECT_GT(total(spool_->state().dropped), 0u);
    EXPECT_EQ(left.size() + total(spool_->state().dropped), 4000u);
    EXPECT_EQ(spool_->state().depth(), left.size());
    EXPECT_EQ(left.back(), 3999) << "the newest are kept";
    EXPECT_LT(std::filesystem::file_size(file()), 512u * 1024);
}

TEST_F(SpoolTest, GivesUpPlainReadingsBeforeChangesOfStateBeforeAlarms) {
    file_options_.max_bytes = 96 * 1024;
    start();
    const auto fill = [&](Class of, double value, int count) {
        for (int i = 0; i < count; i += 40) {
            for (int j = 0; j < 40; ++j) spool_->append(of, batch(value));
            const std::size_t before = given_.size();
            ASSERT_TRUE(test::run_until(io_, [&] { return given_.size() >= before + 40; }));
        }
    };
    fill(Class::alarm, 1, 400);
    fill(Class::state_change, 2, 400);
    fill(Class::reading, 3, 3'000);
    EXPECT_GT(dropped(*spool_, Class::reading), 0u);
    EXPECT_EQ(dropped(*spool_, Class::state_change), 0u);
    auto left = stored();
    EXPECT_EQ(std::count(left.begin(), left.end(), 1.0), 400) << "the oldest of all, but alarms";
    EXPECT_EQ(std::count(left.begin(), left.end(), 2.0), 400);
    fill(Class::alarm, 1, 3'000);
    left = stored();
    EXPECT_EQ(std::count(left.begin(), left.end(), 2.0) + std::count(left.begin(), left.end(), 3.0), 0);
    EXPECT_EQ(dropped(*spool_, Class::state_change), 400u);
    EXPECT_GT(dropped(*spool_, Class::alarm), 0u);
    EXPECT_EQ(left.size(), spool_->state().depth());
    stop();
    start();
    EXPECT_EQ(spool_->state().holding.rows, (PerClass{left.size(), 0, 0}));
}

TEST_F(SpoolTest, LetsGoFirstWhatWasSentToAHostThatNeverAcknowledges) {
    file_options_.max_bytes = 96 * 1024;
    start();
    const Position sent = append(1, "vessel", Class::state_change);
    clock_.advance(1s);
    spool_->note_sent(sent);
    for (int i = 0; i < 80; ++i) {
        for (int j = 0; j < 40; ++j) spool_->append(Class::reading, batch(2));
        const std::size_t all = static_cast<std::size_t>(i + 1) * 40 + 1;
        ASSERT_TRUE(test::run_until(io_, [&] { return given_.size() == all; }));
    }
    EXPECT_EQ(spool_->state().sent, sent);
    EXPECT_EQ(spool_->state().unconfirmed, 1u);
    EXPECT_EQ(dropped(*spool_, Class::state_change), 1u);
    stop();
    start();
    EXPECT_EQ(spool_->state().sent, sent) << "over a restart";
}

TEST_F(SpoolTest, AClockThatIsSetForwardMakesNothingOld) {
    options_.max_age = 1h;
    start();
    append(1);
    clock_.step_utc(std::chrono::hours{24 * 365 * 50});
    clock_.advance(1min);
    append(2);
    EXPECT_EQ(stored(), (std::vector<double>{1, 2}));
    EXPECT_EQ(total(spool_->state().dropped), 0u);
}

TEST_F(SpoolTest, KnowsTheNewestTimeOverARestartThoughAllWasForgotten) {
    start();
    const UtcMillis newest = clock_.utc_now();
    const Position position = append(1);
    acknowledge(position);
    EXPECT_TRUE(test::run_until(io_, [&] { return spool_->state().depth() == 0; }));
    stop();
    clock_.step_utc(-1h);
    start();
    EXPECT_EQ(spool_->state().newest, newest);
    EXPECT_GT(append(2), position) << "positions rise though the clock went back";
}

TEST_F(SpoolTest, ForgetsAFarAheadNewestTimeOnceTheClockIsRight) {
    start();
    clock_.step_utc(std::chrono::hours{24 * 365 * 75});
    append(1);
    clock_.step_utc(-std::chrono::hours{24 * 365 * 75});
    clock_.advance(1s);
    const UtcMillis newest = clock_.utc_now();
    const Position position = append(2);
    stop();
    start();
    EXPECT_EQ(spool_->state().newest, newest) << "from the rows";
    acknowledge(position);
    EXPECT_TRUE(test::run_until(io_, [&] { return spool_->state().depth() == 0; }));
    stop();
    start();
    EXPECT_EQ(spool_->state().newest, newest) << "from the mark";
}

TEST_F(SpoolTest, AgeTakesManyRowsInStepsWithoutWaitingForTheNextLook) {
    options_.max_age = 1h;
    {
        auto database = spool_file::open(file(), false);
        ASSERT_TRUE(database);
        spool_file::Shapes shapes;
        ASSERT_TRUE(shapes.load(*database));
        std::vector<Row> rows;
        for (Position position = 1; position <= 5'000; ++position)
            rows.push_back(Row{position, Class::reading, std::make_shared<const Batch>(batch(1))});
        ASSERT_TRUE(spool_file::append(*database, shapes, rows));
    }
    clock_.advance(2h);
    start();
    append(2);
    EXPECT_TRUE(test::run_until(io_, [&] { return spool_->state().depth() == 1; })) << spool_->state().depth();
    EXPECT_EQ(dropped(*spool_, Class::reading), 5'000u);
}

TEST_F(SpoolTest, ReadsWhatAnAgentOfTheFormerLayoutLeft) {
    {
        auto database = sqlite::Database::open(file());
        ASSERT_TRUE(database);
        const std::array former{sqlite::Migration{"0001_spool", R"sql(
    CREATE TABLE row(position INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, device TEXT NOT NULL, batch BLOB NOT NULL);
    CREATE TABLE mark(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO mark VALUES('acknowledged', 0);
)sql"}};
        ASSERT_TRUE(sqlite::migrate(*database, former));
        // version, device, one reading: no shared name, "x", time 0, quality 192, the integer 5.
        const std::string batch("\x01\x06vessel\x01\x00\x01x\x00\xC0\x01\x03\x0A", 17);
        ASSERT_TRUE(database->run("INSERT INTO row VALUES(?, 1, 'vessel', ?)", clock_.utc_now().count + 5'000,
                                  std::as_bytes(std::span(batch))));
    }
    start();
    EXPECT_EQ(stored(), std::vector<double>{5});
    EXPECT_EQ(spool_->state().depth(), 1u);
    EXPECT_GT(append(6), clock_.utc_now().count + 5'000);
}

TEST_F(SpoolTest, SetsAsideAFileThatTurnsOutDamagedAndSaysSo) {
    start();
    for (int i = 0; i < 20; ++i) {
        for (int j = 0; j < 100; ++j) spool_->append(Class::reading, batch(j));
        const std::size_t all = static_cast<std::size_t>(i + 1) * 100;
        ASSERT_TRUE(test::run_until(io_, [&] { return given_.size() == all; }));
    }
    stop();
    {
        // The pages of the rows alone: the file opens well.
        std::fstream damaged(file(), std::ios::in | std::ios::out | std::ios::binary);
        const auto size = std::filesystem::file_size(file());
        for (std::uintmax_t at = size / 2 / 4096 * 4096; at + 4096 <= size; at += 4096) {
            damaged.seekp(static_cast<std::streamoff>(at));
            damaged << std::string(4096, '\xA5');
        }
    }
    start();
    Position position = 0;
    for (int i = 0; i < 5 && position == 0; ++i) position = append(100 + i);
    EXPECT_GT(position, 0) << spool_->state().problem;
    EXPECT_GE(spool_->state().replaced, 1u);
    EXPECT_FALSE(spool_->state().replaced_why.empty());
    EXPECT_TRUE(spool_->state().problem.empty());
}

TEST_F(SpoolTest, AnAlarmDoesNotWaitForTheCommitInterval) {
    start();
    stop();
    tasks_ = std::make_unique<TaskGroup>(io_.get_executor());
    options_.commit_interval = 10s;
    spool_ = std::make_unique<Spool>(io_.get_executor(), std::make_unique<FileStorage>(file(), file_options_), options_,
                                     clock_);
    spool_->give_to([this](const Batch& batch, Position position) {
        given_.push_back({batch.device, position, as_number(batch.readings.at(0).value).value_or(-1)});
    });
    tasks_->spawn("spool", spool_->run());
    append(1);
    const auto begun = Steady::now();
    append(2, "vessel", Class::alarm);
    EXPECT_LT(Steady::now() - begun, 5s);
}

TEST_F(SpoolTest, DropsWhatIsTooOld) {
    options_.max_age = 1h;
    start();
    append(1);
    append(10, "vessel", Class::state_change);
    clock_.advance(62min);
    append(2);
    EXPECT_EQ(stored(), (std::vector<double>{10, 2})) << "a change of state is kept for longer";
    EXPECT_EQ(dropped(*spool_, Class::reading), 1u);
    stop();
    clock_.advance(62min);
    start();
    append(3);
    EXPECT_EQ(stored(), (std::vector<double>{10, 3})) << "also of a former run";
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

TEST_F(SpoolTest, ForgetsManyRowsInSteps) {
    auto database = spool_file::open(folder_.path() / "other.sqlite", false);
    ASSERT_TRUE(database);
    spool_file::Shapes shapes;
    ASSERT_TRUE(shapes.load(*database));
    std::vector<Row> rows;
    for (Position position = 1; position <= 5'000; ++position)
        rows.push_back(Row{position, Class::reading, std::make_shared<const Batch>(batch(1))});
    ASSERT_TRUE(spool_file::append(*database, shapes, rows));
    EXPECT_EQ(total(spool_file::forget(*database, Forget{5'000, {}}, 2'000)->rows), 2'000u);
    EXPECT_EQ(total(spool_file::forget(*database, Forget{5'000, {}}, 10'000)->rows), 3'000u);
    EXPECT_EQ(total(spool_file::count(*database, 0, 5'000)->rows), 0u);
}

TEST_F(SpoolTest, CountsWhatAFormerRunLeftWithoutHoldingAnythingUp) {
    {
        auto database = spool_file::open(file(), false);
        ASSERT_TRUE(database);
        spool_file::Shapes shapes;
        ASSERT_TRUE(shapes.load(*database));
        std::vector<Row> rows;
        for (Position position = 1; position <= 50'000; ++position)
            rows.push_back(Row{position, Class::reading, std::make_shared<const Batch>(batch(1))});
        ASSERT_TRUE(spool_file::append(*database, shapes, rows));
    }
    start();
    EXPECT_GT(append(2), 0);
    EXPECT_TRUE(test::run_until(io_, [&] { return spool_->state().holding.counted; }));
    EXPECT_EQ(spool_->state().depth(), 50'001u);
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
    EXPECT_EQ(total(spool_->state().dropped), 2u);
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
