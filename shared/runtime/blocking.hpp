#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
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
    // The caller's cancellation must not reach the pool's thread: Asio would emit it there while the work runs or ends.
    auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
    return asio::co_spawn(pool, impl::call(std::move(work)), std::move(uncancelled));
}

}  // namespace labhub
