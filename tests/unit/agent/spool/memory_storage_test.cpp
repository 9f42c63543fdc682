#include "agent/spool/memory_storage.hpp"

#include <malloc.h>

#include <gtest/gtest.h>

#include "agent/spool/spool.hpp"
#include "shared/runtime/task_group.hpp"
#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::spool {
namespace {

class MemoryStorageTest : public testing::Test {
  protected:
    Row row(Position position, Class of = Class::reading, std::string device = "vessel") {
        Batch batch{std::move(device),
                    {Reading{"x", static_cast<double>(position), UtcMillis{position}, Quality::good}}};
        return {position, of, std::make_shared<const Batch>(std::move(batch))};
    }
    Changed change(Change change) { return *test::run(io_, storage_.change(std::move(change))); }
    Changed append(Position from, Position to, Class of = Class::reading) {
        Change rows;
        for (Position position = from; position <= to; ++position) rows.rows.push_back(row(position, of));
        return change(std::move(rows));
    }
    std::vector<Position> positions(Position after = 0, ReadLimit limit = {1'000, 1u << 20}) {
        std::vector<Position> all;
        const auto rows = test::run(io_, storage_.read_after(after, limit));
        for (const Row& each : *rows) {
            EXPECT_EQ(each.batch->readings.at(0).value, Value{static_cast<double>(each.position)});
            all.push_back(each.position);
        }
        return all;
    }

    asio::io_context io_{1};
    MemoryStorage storage_{16 * 1024};
};

TEST_F(MemoryStorageTest, GivesBackWhatWasPutInInOrder) {
    ASSERT_TRUE(storage_.open(UtcMillis{0}));
    append(1, 5);
    EXPECT_EQ(positions(), (std::vector<Position>{1, 2, 3, 4, 5}));
    EXPECT_EQ(positions(3), (std::vector<Position>{4, 5}));
    EXPECT_EQ(positions(0, {2, 1'000}), (std::vector<Position>{1, 2}));
    EXPECT_EQ(positions(0, {100, 1}), (std::vector<Position>{1})) << "one is always read";
}

TEST_F(MemoryStorageTest, ForgetsAllButWithheldDevicesAndIsSmallWhenEmpty) {
    ASSERT_TRUE(storage_.open(UtcMillis{0}));
    append(1, 3);
    Change rows;
    rows.rows.push_back(row(4, Class::reading, "away"));
    change(std::move(rows));
    Change forget;
    forget.forget = Forget{4, {"away"}};
    change(std::move(forget));
    EXPECT_EQ(positions(), (std::vector<Position>{4}));
    Change rest;
    rest.forget = Forget{4, {}};
    change(std::move(rest));
    EXPECT_EQ(storage_.holding().bytes, 0u);
    EXPECT_EQ(total(storage_.holding().rows), 0u);
    EXPECT_EQ(storage_.open(UtcMillis{0})->acknowledged, 4);
}

TEST_F(MemoryStorageTest, IsBoundedAndGivesUpPlainReadingsFirst) {
    ASSERT_TRUE(storage_.open(UtcMillis{0}));
    append(1, 10, Class::alarm);
    const Changed changed = append(11, 500);
    EXPECT_GT(changed.dropped[2], 0u);
    EXPECT_EQ(changed.dropped[0], 0u);
    EXPECT_LE(storage_.holding().bytes, 16u * 1024);
    const auto left = positions();
    EXPECT_EQ(left.front(), 1);
    EXPECT_EQ(left.back(), 500);
    EXPECT_EQ(left.size() + changed.dropped[2], 500u);
}

TEST_F(MemoryStorageTest, DropsWhatIsTooOld) {
    ASSERT_TRUE(storage_.open(UtcMillis{0}));
    append(1, 10);
    Change old;
    old.too_old[2] = AgeLimit{UtcMillis{0}, 1, 4};
    EXPECT_EQ(change(std::move(old)).dropped[2], 4u);
    EXPECT_EQ(positions().front(), 5);
}

TEST_F(MemoryStorageTest, AThousandSpoolsTakeFewKilobytesEach) {
    constexpr std::size_t kNodes = 1'000;
    const ManualClock clock;
    TaskGroup tasks(io_.get_executor());
    std::vector<std::unique_ptr<Spool>> spools;
    std::size_t given = 0;
    const auto before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kNodes; ++i) {
        auto storage = std::make_unique<MemoryStorage>(64 * 1024);
        spools.push_back(std::make_unique<Spool>(io_.get_executor(), std::move(storage), Options{}, clock));
        spools.back()->give_to([&](const Batch&, Position) { ++given; });
        tasks.spawn("spool", spools.back()->run());
        spools.back()->append(Class::reading, *row(1).batch);
    }
    ASSERT_TRUE(test::run_until(io_, [&] { return given == kNodes; }));
    EXPECT_LT((::mallinfo2().uordblks - before) / kNodes, 6u * 1024);
    test::run(io_, tasks.stop());
}

}  // namespace
}  // namespace labhub::agent::spool
