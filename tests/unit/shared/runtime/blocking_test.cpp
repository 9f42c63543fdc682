#include "shared/runtime/blocking.hpp"
#include <future>

#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/detached.hpp>

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

Task<void> wait_for_gate(asio::thread_pool* pool, std::shared_future<void> gate, int* done) {
    auto work = [gate, done] {
        gate.wait();
        ++*done;
    };
    co_await run_blocking(*pool, std::move(work));
}

TEST(RunBlocking, EndsWorkWhoseCallerWasCancelledWhetherItRunsOrWaits) {
    for (int round = 0; round < 50; ++round) {
        asio::io_context io;
        asio::thread_pool pool(1);
        std::promise<void> open;
        const auto gate = open.get_future().share();
        int done = 0;
        std::vector<std::unique_ptr<asio::cancellation_signal>> cancels;
        for (int i = 0; i < 4; ++i) {  // one runs, the others wait for the pool's only thread
            cancels.push_back(std::make_unique<asio::cancellation_signal>());
            asio::co_spawn(io, wait_for_gate(&pool, gate, &done),
                           asio::bind_cancellation_slot(cancels.back()->slot(), asio::detached));
        }
        io.poll();
        for (const auto& cancel : cancels) cancel->emit(asio::cancellation_type::all);
        io.poll();
        open.set_value();
        io.run();
        pool.join();
        EXPECT_EQ(done, 4);
    }
}

}  // namespace
}  // namespace labhub
