#include "shared/runtime/task.hpp"

namespace labhub {

Task<void> sleep_for(Steady::duration duration) {
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, duration);
    co_await timer.async_wait(as_result);
}

}  // namespace labhub
