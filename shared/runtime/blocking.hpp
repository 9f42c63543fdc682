#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include "shared/runtime/task.hpp"

namespace labhub {

namespace impl {
template <class F>
Task<std::invoke_result_t<F>> call(F work) {
    co_return work();
}
}  // namespace impl

/// Runs `work` (what blocks: files, archives, child processes) on the pool and resumes on the caller's executor with
/// its result. The caller goes on when it is cancelled only after `work` has ended: there is no way to interrupt it.
template <class F>
Task<std::invoke_result_t<F>> run_blocking(asio::thread_pool& pool, F work) {
    return asio::co_spawn(pool, impl::call(std::move(work)), asio::use_awaitable);
}

}  // namespace labhub
