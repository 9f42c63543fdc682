#include "agent/edge_node/bd_seq.hpp"

#include <future>

#include <gtest/gtest.h>

#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::edge_node {
namespace {

TEST(BdSeq, BeginsAtZeroRisesAtEachConnectAndOverRestartsAndWraps) {
    const test::TemporaryFolder folder;
    const ManualClock clock;
    asio::io_context io(1);
    int expected = 0;
    for (int restart = 0; restart < 3; ++restart) {
        auto database = state::StateDatabase::open(folder.path(), clock);
        ASSERT_TRUE(database);
        StoredBdSeq bd_seq(*database, clock);
        for (int connect = 0; connect < 100; ++connect) EXPECT_EQ(test::run(io, bd_seq.next()), expected++ % 256);
    }
}

TEST(BdSeq, RisesWithoutADatabase) {
    const test::TemporaryFolder folder;
    const ManualClock clock;
    asio::io_context io(1);
    auto database = state::StateDatabase::open(folder.path(), clock);
    ASSERT_TRUE(database);
    StoredBdSeq bd_seq(*database, clock);
    EXPECT_EQ(test::run(io, bd_seq.next()), 0);
    database->writer().stop();
    EXPECT_EQ(test::run(io, bd_seq.next()), 1);
}

TEST(BdSeq, DoesNotWaitForADiskThatHangs) {
    const test::TemporaryFolder folder;
    const ManualClock clock;
    asio::io_context io(1);
    auto database = state::StateDatabase::open(folder.path(), clock);
    ASSERT_TRUE(database);
    StoredBdSeq bd_seq(*database, clock);
    EXPECT_EQ(test::run(io, bd_seq.next()), 0);
    std::promise<void> release;
    database->writer().post([done = release.get_future().share()](sqlite::Database&) -> Result<void> {
        done.wait();
        return {};
    });
    EXPECT_EQ(test::run(io, bd_seq.next()), 1);
    release.set_value();
    EXPECT_EQ(test::run(io, bd_seq.next()), 2);
}

TEST(BdSeq, RisesInMemoryAndWraps) {
    asio::io_context io(1);
    MemoryBdSeq bd_seq(UtcMillis{254'000});
    EXPECT_EQ(test::run(io, bd_seq.next()), 255);
    EXPECT_EQ(test::run(io, bd_seq.next()), 0);
}

}  // namespace
}  // namespace labhub::agent::edge_node
