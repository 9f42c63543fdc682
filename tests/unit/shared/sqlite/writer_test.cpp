#include "shared/sqlite/writer.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/post.hpp>

#include "tests/unit/shared/run_task.hpp"
#include "tests/unit/shared/sqlite/temporary_folder.hpp"

namespace labhub::sqlite {
namespace {

using test::run_task;
using test::TemporaryFolder;

Database open_with_table(const std::filesystem::path& path) {
    auto database = Database::open(path);
    EXPECT_TRUE(database) << database.error().to_string();
    EXPECT_TRUE(database->execute("CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b)"));
    return std::move(*database);
}

auto insert(std::int64_t id) {
    return [id](Database& database) -> Result<std::int64_t> {
        LABHUB_CHECK(database.run("INSERT INTO t(a) VALUES(?)", id));
        return id;
    };
}

std::int64_t count_rows(const std::filesystem::path& path) {
    auto database = Database::open(path, {.read_only = true});
    auto statement = database->prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(statement->step().value());
    return statement->column_int64(0);
}

/// Holds the writer in a job until told to go on, so that what is written meanwhile forms one group.
class Gate {
  public:
    explicit Gate(Writer& writer) {
        auto entered = std::make_shared<std::promise<void>>();
        auto inside = entered->get_future();
        writer.post([entered, open = open_.get_future().share()](Database&) -> Result<void> {
            entered->set_value();
            open.wait();
            return {};
        });
        inside.wait();
    }
    void open() { open_.set_value(); }

  private:
    std::promise<void> open_;
};

struct Stored {
    std::thread::id thread;
    Result<std::int64_t> id;
    std::int64_t visible_rows = 0;
};

Task<Stored> store_and_look(Writer* writer, std::filesystem::path path) {
    Stored stored;
    stored.id = co_await writer->write(insert(7));
    stored.thread = std::this_thread::get_id();
    stored.visible_rows = count_rows(path);
    co_return stored;
}

TEST(Writer, ResumesTheTaskOnItsOwnThreadAfterTheCommit) {
    const TemporaryFolder folder;
    asio::io_context io;
    auto writer = Writer::start(open_with_table(folder / "a.db"));
    const auto stored = run_task(io, store_and_look(writer->get(), folder / "a.db"));
    ASSERT_TRUE(stored.id);
    EXPECT_EQ(*stored.id, 7);
    EXPECT_EQ(stored.thread, std::this_thread::get_id());
    EXPECT_EQ(stored.visible_rows, 1);
}

TEST(Writer, UndoesAFailedWriteAlone) {
    const TemporaryFolder folder;
    auto writer = std::move(*Writer::start(open_with_table(folder / "a.db")));
    Gate gate(*writer);
    auto insert_then_fail = [](Database& database) -> Result<void> {
        LABHUB_CHECK(database.run("INSERT INTO t(a) VALUES(100)"));
        return Error{ErrorCode::not_found, "changed my mind"};
    };
    auto throws = [](Database& database) -> Result<void> {
        LABHUB_CHECK(database.run("INSERT INTO t(a) VALUES(101)"));
        throw std::runtime_error("bug");
    };
    auto before = std::async(std::launch::async, [&] { return writer->write_and_wait(insert(1)); });
    auto failed = std::async(std::launch::async, [&] { return writer->write_and_wait(insert_then_fail); });
    auto thrown = std::async(std::launch::async, [&] { return writer->write_and_wait(throws); });
    auto after = std::async(std::launch::async, [&] { return writer->write_and_wait(insert(2)); });
    while (writer->waiting() < 4) std::this_thread::yield();
    gate.open();
    EXPECT_TRUE(before.get());
    EXPECT_EQ(failed.get().error().code, ErrorCode::not_found);
    EXPECT_EQ(thrown.get().error().code, ErrorCode::internal);
    EXPECT_TRUE(after.get());
    EXPECT_EQ(count_rows(folder / "a.db"), 2);
}

TEST(Writer, FailsTheWholeGroupWhenItsCommitFails) {
    const TemporaryFolder folder;
    auto database = open_with_table(folder / "a.db");
    ASSERT_TRUE(database.execute("CREATE TABLE c(p REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED)"));
    auto writer = std::move(*Writer::start(std::move(database)));
    Gate gate(*writer);
    auto orphan = [](Database& db) -> Result<void> { return db.run("INSERT INTO c VALUES(999)"); };
    auto good = std::async(std::launch::async, [&] { return writer->write_and_wait(insert(1)); });
    auto bad = std::async(std::launch::async, [&] { return writer->write_and_wait(orphan); });
    while (writer->waiting() < 2) std::this_thread::yield();
    gate.open();
    EXPECT_EQ(good.get().error().code, ErrorCode::conflict);
    EXPECT_EQ(bad.get().error().code, ErrorCode::conflict);
    EXPECT_TRUE(writer->write_and_wait(insert(1))) << "the next group is not harmed";
    EXPECT_EQ(count_rows(folder / "a.db"), 1);
}

TEST(Writer, RefusesMoreThanItsBound) {
    const TemporaryFolder folder;
    auto writer = std::move(*Writer::start(open_with_table(folder / "a.db"), {.queue_bound = 3}));
    Gate gate(*writer);
    for (int i = 0; i < 3; ++i) writer->post(insert(i));
    const auto refused = writer->write_and_wait(insert(9));
    gate.open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::too_many);
    writer->stop();
    EXPECT_EQ(count_rows(folder / "a.db"), 3) << "stopping commits what was accepted";
    EXPECT_EQ(writer->write_and_wait(insert(10)).error().code, ErrorCode::unavailable);
}

TEST(Writer, ReportsAFullDatabaseAndGoesOnWhenThereIsRoom) {
    const TemporaryFolder folder;
    auto database = open_with_table(folder / "a.db");
    ASSERT_TRUE(database.execute("PRAGMA max_page_count=10"));
    auto writer = std::move(*Writer::start(std::move(database)));
    auto big = [](Database& db) -> Result<void> { return db.run("INSERT INTO t(b) VALUES(zeroblob(1000000))"); };
    EXPECT_EQ(writer->write_and_wait(big).error().code, ErrorCode::storage_full);
    EXPECT_TRUE(writer->write_and_wait(insert(1)));
    EXPECT_EQ(count_rows(folder / "a.db"), 1);
}

TEST(Writer, EndsAGroupThatItsWorkCommitted) {
    const TemporaryFolder folder;
    auto writer = std::move(*Writer::start(open_with_table(folder / "a.db")));
    auto meddles = [](Database& db) -> Result<void> { return db.run("COMMIT"); };
    EXPECT_EQ(writer->write_and_wait(meddles).error().code, ErrorCode::internal);
    EXPECT_TRUE(writer->write_and_wait(insert(1)));
}

Task<std::optional<Result<std::int64_t>>> give_up_soon(Writer* writer) {
    auto write = writer->write(insert(5));
    co_return co_await within(std::chrono::milliseconds{5}, std::move(write));
}

TEST(Writer, FinishesAWriteWhoseTaskGaveUp) {
    const TemporaryFolder folder;
    asio::io_context io;
    auto writer = std::move(*Writer::start(open_with_table(folder / "a.db")));
    Gate gate(*writer);
    const auto outcome = run_task(io, give_up_soon(writer.get()));
    EXPECT_FALSE(outcome.has_value());
    gate.open();
    writer->stop();
    io.restart();
    io.run();
    EXPECT_EQ(count_rows(folder / "a.db"), 1);
}

Task<void> store_many(Writer* writer, std::int64_t first, int count, int* stored) {
    for (int i = 0; i < count; ++i) {
        auto done = co_await writer->write(insert(first + i));
        if (done) ++*stored;
    }
}

TEST(Writer, ServesManyTasksAtOnce) {
    const TemporaryFolder folder;
    asio::io_context io;
    auto writer = std::move(*Writer::start(open_with_table(folder / "a.db")));
    int stored = 0;
    for (std::int64_t task = 0; task < 50; ++task)
        asio::co_spawn(io, store_many(writer.get(), task * 100, 20, &stored), asio::detached);
    io.run();
    EXPECT_EQ(stored, 1000);
    EXPECT_EQ(count_rows(folder / "a.db"), 1000);
}

/// Writes rows from `first` on, and reports each as soon as it is said to be committed. Never returns.
[[noreturn]] void write_until_killed(const std::filesystem::path& path, std::int64_t first, int report) {
    auto writer = std::move(*Writer::start(open_with_table(path)));
    for (std::int64_t id = first;; ++id) {
        if (!writer->write_and_wait(insert(id))) ::_exit(1);
        if (::write(report, &id, sizeof id) != sizeof id) ::_exit(2);
    }
}

TEST(Writer, KeepsEveryCommittedRowWhenKilled) {
    const TemporaryFolder folder;
    std::set<std::int64_t> reported;
    for (int round = 0; round < 15; ++round) {
        int pipe[2];
        ASSERT_EQ(::pipe(pipe), 0);
        const pid_t child = ::fork();
        if (child == 0) write_until_killed(folder / "a.db", round * 1'000'000, pipe[1]);
        ::close(pipe[1]);
        std::int64_t id = 0;
        for (int i = 0; i < 5 + round * 7; ++i) {
            ASSERT_EQ(::read(pipe[0], &id, sizeof id), static_cast<ssize_t>(sizeof id));
            reported.insert(id);
        }
        ::kill(child, SIGKILL);
        while (::read(pipe[0], &id, sizeof id) == sizeof id) reported.insert(id);
        ::close(pipe[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself: " << status;
        auto database = Database::open(folder / "a.db");
        ASSERT_TRUE(database);
        auto rows = database->prepare("SELECT a FROM t");
        std::set<std::int64_t> kept;
        while (rows->step().value()) kept.insert(rows->column_int64(0));
        for (const auto row : reported) ASSERT_TRUE(kept.contains(row)) << "row " << row << " lost in round " << round;
    }
}

}  // namespace
}  // namespace labhub::sqlite
