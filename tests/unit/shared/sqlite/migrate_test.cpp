#include "shared/sqlite/migrate.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/shared/sqlite/migrations.hpp"

namespace labhub::sqlite {
namespace {

const Migration kFirst{"0001_first", "CREATE TABLE a(x)"};
const Migration kSecond{"0002_second", "CREATE TABLE b(x); INSERT INTO b VALUES(1)"};

std::int64_t count(Database& database, std::string_view sql) {
    auto statement = database.prepare(sql);
    return statement && statement->step().value() ? statement->column_int64(0) : -1;
}

TEST(Migrate, AppliesEachOnce) {
    auto database = Database::open(":memory:");
    const std::vector<Migration> one{kFirst}, both{kFirst, kSecond};
    ASSERT_TRUE(migrate(*database, one));
    ASSERT_TRUE(migrate(*database, both));
    ASSERT_TRUE(migrate(*database, both));
    EXPECT_EQ(count(*database, "SELECT count(*) FROM b"), 1);
    EXPECT_EQ(count(*database, "SELECT count(*) FROM schema_migrations WHERE applied_at > 1600000000000"), 2);
}

TEST(Migrate, RefusesAMigrationThatWasChanged) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(migrate(*database, std::vector{kFirst}));
    const Migration edited{"0001_first", "CREATE TABLE a(x, y)"};
    const auto refused = migrate(*database, std::vector{edited});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find("0001_first was changed"), std::string::npos) << refused.error().message;
}

TEST(Migrate, RefusesADatabaseOfALaterVersion) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(migrate(*database, std::vector{kFirst, kSecond}));
    const auto refused = migrate(*database, std::vector{kFirst});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_NE(refused.error().message.find("0002_second"), std::string::npos);
}

TEST(Migrate, RefusesAMigrationInsertedBeforeAppliedOnes) {
    auto database = Database::open(":memory:");
    ASSERT_TRUE(migrate(*database, std::vector{kSecond}));
    const auto refused = migrate(*database, std::vector{kFirst, kSecond});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_FALSE(migrate(*database, std::vector{kSecond, kFirst})) << "not in order";
}

TEST(Migrate, UndoesAFailedOneAndKeepsThoseBefore) {
    auto database = Database::open(":memory:");
    const Migration broken{"0002_broken", "CREATE TABLE c(x); INSERT INTO nowhere VALUES(1)"};
    const auto failed = migrate(*database, std::vector{kFirst, broken});
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("0002_broken"), std::string::npos) << failed.error().message;
    EXPECT_EQ(count(*database, "SELECT count(*) FROM sqlite_master WHERE name IN ('a','c')"), 1);
    EXPECT_TRUE(migrate(*database, std::vector{kFirst, kSecond})) << "after a repair it goes on";
}

TEST(Migrate, RefusesOneThatEndsItsTransaction) {
    auto database = Database::open(":memory:");
    const Migration commits{"0001_commits", "CREATE TABLE c(x); COMMIT"};
    EXPECT_FALSE(migrate(*database, std::vector{commits}));
}

TEST(EmbedSql, CompilesFilesInOrderOfTheirNames) {
    const auto embedded = test::migrations();
    ASSERT_EQ(embedded.size(), 2u);
    EXPECT_EQ(embedded[0].name, "0001_vials");
    EXPECT_EQ(embedded[1].name, "0002_readings");
    auto database = Database::open(":memory:");
    const auto applied = migrate(*database, embedded);
    ASSERT_TRUE(applied) << applied.error().to_string();
    ASSERT_TRUE(database->run("INSERT INTO vials(name) VALUES('A')"));
    EXPECT_EQ(count(*database, R"(SELECT count(*) FROM vials WHERE note = 'a;b "c" \n')"), 1);
}

}  // namespace
}  // namespace labhub::sqlite
