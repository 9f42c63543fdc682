#include "shared/sqlite/readers.hpp"

#include <future>

#include <gtest/gtest.h>

#include "shared/sqlite/writer.hpp"
#include "tests/unit/shared/run_task.hpp"
#include "tests/unit/shared/sqlite/temporary_folder.hpp"

namespace labhub::sqlite {
namespace {

using test::TemporaryFolder;

Result<std::int64_t> count_rows(Database& database) {
    LABHUB_TRY(auto statement, database.cached("SELECT count(*) FROM t"));
    LABHUB_CHECK(statement.step());
    return statement.column_int64(0);
}

void make_table(const std::filesystem::path& path) {
    auto database = Database::open(path);
    ASSERT_TRUE(database->execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)"));
}

TEST(Readers, AnswerOnTheAwaitingExecutor) {
    const TemporaryFolder folder;
    make_table(folder / "a.db");
    asio::io_context io;
    auto readers = Readers::start(folder / "a.db", 2);
    ASSERT_TRUE(readers) << readers.error().to_string();
    const auto count = test::run_task(io, (*readers)->read(count_rows));
    ASSERT_TRUE(count);
    EXPECT_EQ(*count, 1);
}

TEST(Readers, SeeOneStateDuringARead) {
    const TemporaryFolder folder;
    make_table(folder / "a.db");
    auto readers = std::move(*Readers::start(folder / "a.db", 1));
    auto twice = [path = folder / "a.db"](Database& database) -> Result<std::int64_t> {
        LABHUB_TRY(const auto before, count_rows(database));
        LABHUB_TRY(auto other, Database::open(path));
        LABHUB_CHECK(other.run("INSERT INTO t VALUES(2)"));
        LABHUB_TRY(const auto after, count_rows(database));
        return after - before;
    };
    EXPECT_EQ(readers->read_and_wait(twice).value(), 0);
    EXPECT_EQ(readers->read_and_wait(count_rows).value(), 2);
}

TEST(Readers, EndAReadThatTakesTooLongAndGoOn) {
    const TemporaryFolder folder;
    make_table(folder / "a.db");
    auto readers = std::move(*Readers::start(folder / "a.db", 1, {.time_limit = std::chrono::milliseconds{30}}));
    auto endless = [](Database& database) -> Result<void> {
        return database.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n");
    };
    EXPECT_EQ(readers->read_and_wait(endless).error().code, ErrorCode::timed_out);
    EXPECT_EQ(readers->read_and_wait(count_rows).value(), 1);
}

TEST(Readers, ChangeNothing) {
    const TemporaryFolder folder;
    make_table(folder / "a.db");
    auto readers = std::move(*Readers::start(folder / "a.db", 1));
    auto change = [](Database& database) -> Result<void> { return database.run("DELETE FROM t"); };
    EXPECT_EQ(readers->read_and_wait(change).error().code, ErrorCode::forbidden);
}

TEST(Readers, RefuseMoreThanTheirBoundAndAfterStop) {
    const TemporaryFolder folder;
    make_table(folder / "a.db");
    auto readers = std::move(*Readers::start(folder / "a.db", 1, {.queue_bound = 0}));
    EXPECT_EQ(readers->read_and_wait(count_rows).error().code, ErrorCode::too_many);
    readers->stop();
    EXPECT_EQ(readers->read_and_wait(count_rows).error().code, ErrorCode::unavailable);
}

TEST(Readers, NeedTheFile) {
    const TemporaryFolder folder;
    EXPECT_EQ(Readers::start(folder / "none.db", 1).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace labhub::sqlite
