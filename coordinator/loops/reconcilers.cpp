#include "coordinator/loops/reconcilers.hpp"

namespace labhub::coordinator::loops {

void Reconcilers::add(std::string name, std::chrono::milliseconds period, std::function<Task<void>()> run) {
    list_.push_back({std::move(name), period, std::move(run), std::nullopt, false,
                     std::make_unique<asio::steady_timer>(executor_)});
}

void Reconcilers::start() {
    for (std::size_t i = 0; i < list_.size(); ++i) tasks_.spawn("reconciler " + list_[i].name, repeat(i));
}

void Reconcilers::nudge(std::string_view name) {
    for (Reconciler& one : list_) {
        if (one.name != name) continue;
        one.is_nudged = true;
        one.pause->cancel();
    }
}

Task<void> Reconcilers::repeat(std::size_t index) {
    while ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none) {
        Reconciler& self = list_[index];
        self.is_nudged = false;
        co_await self.run();
        self.last_run = clock_.utc_now();
        self.pause->expires_after(self.period);
        if (!self.is_nudged) co_await self.pause->async_wait(as_result);
    }
}

}  // namespace labhub::coordinator::loops
