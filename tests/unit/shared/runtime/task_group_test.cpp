#include "shared/runtime/task_group.hpp"

#include <gtest/gtest.h>

#include "shared/runtime/log.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

struct Tally {
    int begun = 0, ended = 0;
};

Task<void> wait_long(Tally* tally) {
    struct Count {
        Tally* tally;
        ~Count() { ++tally->ended; }
    } const count{tally};
    ++tally->begun;
    while (true) co_await sleep_for(hours{1});
}

Task<void> count_one(Tally* tally) {
    ++tally->begun;
    co_await sleep_for(milliseconds{1});
    ++tally->ended;
}

/// Takes its time to end after it was cancelled.
Task<void> end_slowly(Tally* tally) {
    ++tally->begun;
    try {
        co_await sleep_for(hours{1});
        co_await sleep_for(hours{1});
    } catch (const boost::system::system_error&) {
    }
    co_await asio::this_coro::reset_cancellation_state();
    co_await sleep_for(milliseconds{20});
    ++tally->ended;
}

TEST(TaskGroup, ForgetsTasksThatEnded) {
    asio::io_context io;
    TaskGroup group(io.get_executor());
    Tally tally;
    for (int i = 0; i < 10; ++i) group.spawn("short", count_one(&tally));
    EXPECT_EQ(group.size(), 10u);
    io.run();
    EXPECT_EQ(tally.ended, 10);
    EXPECT_EQ(group.size(), 0u);
}

TEST(TaskGroup, StopEndsAllBeforeItReturns) {
    asio::io_context io;
    TaskGroup group(io.get_executor());
    Tally tally;
    for (int i = 0; i < 100; ++i) group.spawn("long", wait_long(&tally));
    group.spawn("slow to end", end_slowly(&tally));
    io.run_one();
    test::run_task(io, group.stop());
    EXPECT_EQ(tally.ended, tally.begun);
    EXPECT_EQ(group.size(), 0u);
}

TEST(TaskGroup, StopsWhenEmpty) {
    asio::io_context io;
    TaskGroup group(io.get_executor());
    test::run_task(io, group.stop());
    test::run_task(io, group.stop());
}

TEST(TaskGroup, StartsNothingAfterItStopped) {
    asio::io_context io;
    TaskGroup group(io.get_executor());
    group.cancel();
    Tally tally;
    group.spawn("late", count_one(&tally));
    io.run();
    EXPECT_EQ(tally.begun, 0);
}

TEST(TaskGroup, CancelsItsTasksWhenDestroyed) {
    asio::io_context io;
    Tally tally;
    {
        TaskGroup group(io.get_executor());
        group.spawn("long", wait_long(&tally));
        io.run_for(milliseconds{1});
    }
    io.restart();
    io.run();
    EXPECT_EQ(tally.begun, 1);
    EXPECT_EQ(tally.ended, 1);
}

TEST(TaskGroup, MayStillBeRunningWhenTheLoopIsDestroyed) {
    Tally tally;
    {
        asio::io_context io;
        TaskGroup group(io.get_executor());
        group.spawn("long", wait_long(&tally));
        io.run_for(milliseconds{1});
    }
    EXPECT_EQ(tally.ended, tally.begun);
}

Task<void> fail() {
    co_await sleep_for(Steady::duration::zero());
    throw std::logic_error("a bug");
}

TEST(TaskGroupDeathTest, AbortsOnABugAndNamesTheTask) {
    const auto run = [] {
        (void)start_logging("test", "info");
        asio::io_context io;
        TaskGroup group(io.get_executor());
        group.spawn("sampler", fail());
        io.run();
    };
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(run(), "task 'sampler' ended by an exception: a bug");
}

}  // namespace
}  // namespace labhub
