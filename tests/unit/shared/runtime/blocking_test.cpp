#include "shared/runtime/blocking.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/shared/run_task.hpp"

namespace labhub {
namespace {

struct Places {
    std::thread::id worked, resumed;
};

Task<Places> work_elsewhere(asio::thread_pool* pool) {
    Places places;
    places.worked = co_await run_blocking(*pool, std::this_thread::get_id);
    places.resumed = std::this_thread::get_id();
    co_return places;
}

TEST(RunBlocking, WorksOnThePoolAndResumesOnTheCaller) {
    asio::io_context io;
    asio::thread_pool pool(1);
    const auto places = test::run_task(io, work_elsewhere(&pool));
    EXPECT_NE(places.worked, std::this_thread::get_id());
    EXPECT_EQ(places.resumed, std::this_thread::get_id());
    pool.join();
}

int fail() { throw std::runtime_error("broken"); }

Task<int> work_that_throws(asio::thread_pool* pool) { co_return co_await run_blocking(*pool, fail); }

TEST(RunBlocking, BringsExceptionsBack) {
    asio::io_context io;
    asio::thread_pool pool(1);
    EXPECT_THROW(test::run_task(io, work_that_throws(&pool)), std::runtime_error);
    pool.join();
}

}  // namespace
}  // namespace labhub
