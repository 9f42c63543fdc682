#include "shared/sqlite/database.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "tests/unit/shared/sqlite/temporary_folder.hpp"

namespace labhub::sqlite {
namespace {

using test::TemporaryFolder;

std::int64_t read_number(Database& database, std::string_view sql) {
    auto statement = database.cached(sql);
    EXPECT_TRUE(statement) << statement.error().to_string();
    auto row = statement->step();
    EXPECT_TRUE(row && *row);
    return statement->column_int64(0);
}

TEST(Database, StoresAndReadsEveryKindOfValue) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database) << database.error().to_string();
    ASSERT_TRUE(database->execute("CREATE TABLE t(a, b, c, d, e, f, g, h, i)"));
    const std::string bytes("\0\xff\x01", 3);
    const std::optional<std::string> missing;
    auto done = database->run("INSERT INTO t VALUES(?,?,?,?,?,?,?,?,?)", nullptr, true, std::int64_t{-5}, 2.5, "text",
                              std::as_bytes(std::span(bytes)), UtcMillis{1'700'000'000'123}, JobId("j1"), missing);
    ASSERT_TRUE(done) << done.error().to_string();
    auto row = database->prepare("SELECT * FROM t");
    ASSERT_TRUE(row->step().value());
    EXPECT_TRUE(row->is_null(0));
    EXPECT_TRUE(row->column_bool(1));
    EXPECT_EQ(row->column_int64(2), -5);
    EXPECT_EQ(row->column_double(3), 2.5);
    EXPECT_EQ(row->column_text(4), "text");
    EXPECT_EQ(row->column_type(4), ColumnType::text);
    EXPECT_EQ(row->column_blob(5), bytes);
    EXPECT_EQ(row->column_type(5), ColumnType::blob);
    EXPECT_EQ(row->column_time(6), UtcMillis{1'700'000'000'123});
    EXPECT_EQ(row->column_optional<std::string>(7), "j1");
    EXPECT_EQ(row->column_optional<std::string>(8), std::nullopt);
    EXPECT_EQ(row->column_optional<double>(3), 2.5);
    EXPECT_FALSE(row->step().value());
}

TEST(Database, KeepsEmptyTextApartFromNullAndStoresNanAsNull) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database->execute("CREATE TABLE t(a, b)"));
    ASSERT_TRUE(database->run("INSERT INTO t VALUES(?, ?)", std::string_view{}, std::nan("")));
    EXPECT_EQ(read_number(*database, "SELECT count(*) FROM t WHERE a = '' AND b IS NULL"), 1);
}

TEST(Database, LetsACachedStatementBeUsedWithinItself) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database->execute("CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3)"));
    constexpr auto kSql = "SELECT a FROM t ORDER BY a";
    for (int round = 0; round < 3; ++round) {
        auto outer = database->cached(kSql);
        ASSERT_TRUE(outer->step().value());
        auto inner = database->cached(kSql);
        ASSERT_TRUE(inner->step().value());
        ASSERT_TRUE(inner->step().value());
        EXPECT_EQ(inner->column_int64(0), 2);
        EXPECT_EQ(outer->column_int64(0), 1);
    }
}

TEST(Database, ForgetsBindingsBeforeACachedStatementIsUsedAgain) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database->cached("SELECT ?")->bind(1, 7).run());
    auto again = database->cached("SELECT ?");
    ASSERT_TRUE(again->step().value());
    EXPECT_TRUE(again->is_null(0));
}

TEST(Database, NamesTheStatementThatFailed) {
    auto database = Database::open(":memory:");
    auto failed = database->prepare("SELEKT 1");
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("syntax error"), std::string::npos) << failed.error().message;
    EXPECT_NE(failed.error().detail.find("SELEKT 1"), std::string::npos);
    EXPECT_FALSE(database->prepare("SELECT 1; SELECT 2"));
    EXPECT_FALSE(database->prepare("  "));
    auto out_of_range = database->prepare("SELECT ?")->bind(2, 1).step();
    ASSERT_FALSE(out_of_range);
    EXPECT_NE(out_of_range.error().message.find("bind"), std::string::npos);
}

TEST(Database, ReportsABrokenConstraintAsConflict) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database->execute("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id))"));
    ASSERT_TRUE(database->run("INSERT INTO p VALUES(1)"));
    EXPECT_EQ(database->run("INSERT INTO p VALUES(1)").error().code, ErrorCode::conflict);
    EXPECT_EQ(database->run("INSERT INTO c VALUES(9)").error().code, ErrorCode::conflict)
        << "foreign keys are enforced";
}

TEST(Database, MakesItsFileReadableByItsOwnerOnly) {
    const TemporaryFolder folder;
    ASSERT_TRUE(Database::open(folder / "a.db")->execute("CREATE TABLE t(a)"));
    struct stat about {};
    ASSERT_EQ(::stat((folder / "a.db").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST(Database, RefusesAFileThatIsNoDatabase) {
    const TemporaryFolder folder;
    std::ofstream(folder / "a.db") << std::string(8192, 'x');
    auto opened = Database::open(folder / "a.db");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
    EXPECT_NE(opened.error().message.find("a.db"), std::string::npos) << opened.error().message;
}

TEST(Database, SaysWhatIsMissing) {
    const TemporaryFolder folder;
    EXPECT_EQ(Database::open(folder / "none/a.db").error().code, ErrorCode::not_found);
    EXPECT_EQ(Database::open(folder / "a.db", {.read_only = true}).error().code, ErrorCode::not_found);
}

TEST(Database, ReportsDamagedPagesAsCorrupt) {
    const TemporaryFolder folder;
    {
        auto database = Database::open(folder / "a.db", {.wal = false});
        ASSERT_TRUE(database->execute(
            "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 2000)"
            "INSERT INTO t SELECT hex(randomblob(40)) FROM n"));
    }
    std::fstream file(folder / "a.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 8, '\x5a');
    file.close();
    auto database = Database::open(folder / "a.db", {.wal = false});
    ASSERT_TRUE(database) << database.error().to_string();
    auto read = database->run("SELECT sum(length(a)) FROM t");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
}

TEST(Database, ReadOnlyConnectionChangesNothing) {
    const TemporaryFolder folder;
    auto writer = Database::open(folder / "a.db");
    ASSERT_TRUE(writer->execute("CREATE TABLE t(a)"));
    auto reader = Database::open(folder / "a.db", {.read_only = true});
    ASSERT_TRUE(reader) << reader.error().to_string();
    EXPECT_EQ(reader->run("INSERT INTO t VALUES(1)").error().code, ErrorCode::forbidden);
}

TEST(Database, GivesUpOnALockAfterItsTime) {
    const TemporaryFolder folder;
    auto first = Database::open(folder / "a.db");
    auto second = Database::open(folder / "a.db", {.busy_timeout = std::chrono::milliseconds{20}});
    auto transaction = Transaction::begin(*first);
    ASSERT_TRUE(transaction);
    auto blocked = Transaction::begin(*second);
    ASSERT_FALSE(blocked);
    EXPECT_EQ(blocked.error().code, ErrorCode::unavailable);
}

TEST(Database, EndsAQueryAtItsDeadline) {
    auto database = Database::open(":memory:");
    database->limit_time(Steady::now() + std::chrono::milliseconds{30});
    constexpr auto kEndless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n";
    EXPECT_EQ(database->run(kEndless).error().code, ErrorCode::timed_out);
    database->limit_time(std::nullopt);
    EXPECT_TRUE(database->run("SELECT 1"));
}

TEST(Database, ReportsADatabaseAtItsLimitAsStorageFull) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database->execute("CREATE TABLE t(a); PRAGMA max_page_count=8"));
    auto full = database->run("INSERT INTO t VALUES(zeroblob(1000000))");
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, ErrorCode::storage_full);
    EXPECT_TRUE(database->run("INSERT INTO t VALUES(1)")) << "what fits goes on";
}

TEST(Database, ReportsAFullDiskAndGoesOnWhenThereIsRoom) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system needs root";
    const TemporaryFolder folder;
    if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=512k") != 0)
        GTEST_SKIP() << "mount is not permitted here";
    {
        auto database = Database::open(folder / "a.db");
        ASSERT_TRUE(database) << database.error().to_string();
        ASSERT_TRUE(database->execute("CREATE TABLE t(a)"));
        std::ofstream(folder / "filler") << std::string(300'000, 'x');
        Result<void> written;
        for (int i = 0; i < 100 && written; ++i) written = database->run("INSERT INTO t VALUES(randomblob(20000))");
        ASSERT_FALSE(written);
        EXPECT_EQ(written.error().code, ErrorCode::storage_full) << written.error().to_string();
        std::filesystem::remove(folder / "filler");
        EXPECT_TRUE(database->run("INSERT INTO t VALUES(randomblob(20000))"));
        EXPECT_EQ(read_number(*database, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                  1);
    }
    ::umount(folder.path().c_str());
}

TEST(Transaction, IsUndoneUnlessCommitted) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(database->execute("CREATE TABLE t(a)"));
    {
        auto dropped = Transaction::begin(*database);
        ASSERT_TRUE(database->run("INSERT INTO t VALUES(1)"));
        EXPECT_TRUE(database->in_transaction());
    }
    EXPECT_FALSE(database->in_transaction());
    auto kept = Transaction::begin(*database);
    ASSERT_TRUE(database->run("INSERT INTO t VALUES(2)"));
    EXPECT_EQ(database->changes(), 1);
    ASSERT_TRUE(kept->commit());
    EXPECT_EQ(read_number(*database, "SELECT sum(a) FROM t"), 2);
}

}  // namespace
}  // namespace labhub::sqlite
