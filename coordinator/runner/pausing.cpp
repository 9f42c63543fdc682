#include "coordinator/runner/pausing.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::runner {
namespace {

using namespace std::chrono_literals;

constexpr auto kFreezeLimit = 10s;
constexpr auto kFirstLook = 1ms;
constexpr auto kLastLook = 50ms;
/// Version 1 can miss a process that forks just then, and says so by staying half frozen: asking anew catches it.
constexpr auto kAskAnewAfter = 500ms;

}  // namespace

Pausing::Pausing(asio::any_io_executor executor, TaskGroup& tasks, Events events)
    : events_(std::move(events)), run_timer_(executor), limit_timer_(executor), tasks_(tasks) {}

Pausing::~Pausing() { end(); }

void Pausing::pause(std::chrono::milliseconds limit) {
    if (has_ended_) return fail(Error{ErrorCode::conflict, "the script is being ended"});
    limit_ = limit;
    is_wanted_ = true;
    if (is_frozen_) return tell();
    begin_settling();
}

void Pausing::resume() {
    is_wanted_ = false;
    // While it is being frozen, settle() sees that it is not wanted any more.
    if (is_settling_) return;
    if (is_frozen_) thaw();
    tell();
}

void Pausing::end() {
    has_ended_ = true;
    is_wanted_ = false;
    if (freezer_) thaw();
}

PauseState Pausing::state() const {
    PauseState state;
    state.is_frozen = is_frozen_;
    state.time = SystemClock{}.utc_now();
    return state;
}

void Pausing::begin_settling() {
    if (std::exchange(is_settling_, true)) return;
    tasks_.spawn("pause", settle());
}

Task<void> Pausing::settle() {
    if (is_wanted_)
        co_await freeze();
    else if (!has_ended_)
        tell();
    is_settling_ = false;
    // Asked for again while it was being called off.
    if (is_wanted_ && !is_frozen_) begin_settling();
}

Task<void> Pausing::freeze() {
    if (auto begun = begin(); !begun) {
        if (freezer_) thaw();
        is_wanted_ = false;
        co_return fail(begun.error());
    }
    const bool frozen = co_await await_frozen();
    if (has_ended_) co_return;
    if (frozen && is_wanted_) {
        is_frozen_ = true;
        tasks_.spawn("pause limit", watch_limit());
        spdlog::info("the script is paused (cgroup version {})", freezer_->version());
        co_return tell();
    }
    thaw();
    if (!is_wanted_) co_return tell();
    is_wanted_ = false;
    fail(Error{ErrorCode::timed_out, "some of its processes did not stop within 10 s"});
}

/// The guard comes first: from the kernel's first step on somebody must be there to undo it.
Result<void> Pausing::begin() {
    LABHUB_TRY(auto freezer, events_.find_freezer());
    LABHUB_TRY(auto guard, FreezeGuard::set(freezer));
    guard_.emplace(std::move(guard));
    freezer_ = std::move(freezer);
    paused_at_ = Steady::now();
    run_timer_.cancel();
    return freezer_->freeze();
}

Task<bool> Pausing::await_frozen() {
    const auto deadline = *paused_at_ + kFreezeLimit;
    auto ask_anew = *paused_at_ + kAskAnewAfter;
    Steady::duration look = kFirstLook;
    while (is_wanted_ && Steady::now() < deadline) {
        if (freezer_->is_frozen()) co_return true;
        if (Steady::now() >= ask_anew) {
            (void)freezer_->thaw();
            (void)freezer_->freeze();
            ask_anew = Steady::now() + kAskAnewAfter;
        }
        co_await sleep_for(look);
        const auto cancelled = co_await asio::this_coro::cancellation_state;
        if (cancelled.cancelled() != asio::cancellation_type::none) co_return false;
        look = std::min<Steady::duration>(look * 2, kLastLook);
    }
    co_return false;
}

Task<void> Pausing::watch_limit() {
    limit_timer_.expires_at(*paused_at_ + limit_);
    const auto pause = *paused_at_;
    auto [failure] = co_await limit_timer_.async_wait(as_result);
    if (!failure && is_frozen_ && paused_at_ == pause) events_.on_limit();
}

void Pausing::thaw() {
    if (auto thawed = freezer_->thaw(); !thawed) spdlog::warn("{}", thawed.error().to_string());
    freezer_.reset();
    guard_.reset();
    limit_timer_.cancel();
    is_frozen_ = false;
    if (paused_at_) paused_before_ += Steady::now() - *paused_at_;
    paused_at_.reset();
    run_timer_.cancel();
}

void Pausing::fail(const Error& why) {
    spdlog::warn("the script can't be paused: {}", why.to_string());
    tell(why.to_string());
}

void Pausing::tell(std::string failure) {
    PauseState now = state();
    now.failure = std::move(failure);
    events_.on_change(now);
}

Steady::duration Pausing::paused_for() const {
    return paused_before_ + (paused_at_ ? Steady::now() - *paused_at_ : Steady::duration{0});
}

Task<void> Pausing::run_for(std::chrono::milliseconds limit) {
    const auto began = Steady::now();
    const auto paused_then = paused_for();
    while (true) {
        const Steady::duration left = began + limit - Steady::now() + (paused_for() - paused_then);
        if (left <= Steady::duration{0} && !is_paused()) co_return;
        if (is_paused())
            run_timer_.expires_at(Steady::time_point::max());
        else
            run_timer_.expires_after(left);
        co_await run_timer_.async_wait(as_result);
        const auto cancelled = co_await asio::this_coro::cancellation_state;
        if (cancelled.cancelled() != asio::cancellation_type::none) co_return;
    }
}

}  // namespace labhub::coordinator::runner
