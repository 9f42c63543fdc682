#include "shared/runtime/task.hpp"

#include <gtest/gtest.h>

#include "tests/unit/shared/run_task.hpp"

namespace labhub {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using test::run_task;

Task<int> number_after(Steady::duration time) {
    co_await sleep_for(time);
    co_await sleep_for(Steady::duration::zero());
    co_return 7;
}

/// Says in `ended` that its frame is gone.
struct Ending {
    bool* ended;
    ~Ending() { *ended = true; }
};

Task<int> never(bool* ended) {
    const Ending ending{ended};
    while (true) co_await sleep_for(hours{1});
}

Task<Result<int>> answer(Steady::duration time) {
    co_await sleep_for(time);
    co_return Result<int>(7);
}

Task<int> broken() {
    co_await sleep_for(Steady::duration::zero());
    throw std::logic_error("bug");
}

TEST(Within, GivesTheValueOfATaskThatIsInTime) {
    asio::io_context io;
    EXPECT_EQ(run_task(io, within(hours{1}, number_after(milliseconds{1}))), std::optional(7));
}

TEST(Within, EndsATaskThatIsLateBeforeItReturns) {
    asio::io_context io;
    bool ended = false;
    const auto start = Steady::now();
    EXPECT_EQ(run_task(io, within(milliseconds{20}, never(&ended))), std::nullopt);
    EXPECT_TRUE(ended);
    EXPECT_GE(Steady::now() - start, milliseconds{20});
}

TEST(Within, NamesWhatWasLate) {
    asio::io_context io;
    const auto late = run_task(io, within(milliseconds{1'5}, "ask the board", answer(hours{1})));
    EXPECT_EQ(late.error().code, ErrorCode::timed_out);
    EXPECT_EQ(late.error().message, "ask the board: no answer within 15ms");
    EXPECT_EQ(run_task(io, within(hours{1}, "ask the board", answer(milliseconds{1}))).value(), 7);
}

TEST(Within, LetsAnExceptionThroughAtOnce) {
    asio::io_context io;
    const auto start = Steady::now();
    EXPECT_THROW(run_task(io, within(hours{1}, broken())), std::logic_error);
    EXPECT_LT(Steady::now() - start, std::chrono::minutes{1});
}

Task<bool> nested(bool* ended) {
    auto inner = within(hours{1}, never(ended));
    auto outer = co_await within(milliseconds{10}, std::move(inner));
    co_return outer.has_value();
}

TEST(Within, CanBeNested) {
    asio::io_context io;
    bool ended = false;
    EXPECT_FALSE(run_task(io, nested(&ended)));
    EXPECT_TRUE(ended);
}

TEST(Sleep, WakesEarlyWhenCancelled) {
    asio::io_context io;
    bool ended = false;
    asio::cancellation_signal cancel;
    asio::co_spawn(io, sleep_for(hours{1}),
                   asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { ended = true; }));
    asio::post(io, [&] { cancel.emit(asio::cancellation_type::terminal); });
    io.run();
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace labhub
