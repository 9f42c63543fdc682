#include "coordinator/cli/up/supervised.hpp"

#include <csignal>

#include "shared/base/clock.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::cli::up {
namespace {

using namespace std::chrono_literals;

// What ran longer than this did not fail to start: the next wait is short again.
constexpr auto kStartedWell = 30s;
constexpr auto kAfterKill = 5s;

}  // namespace

Supervised::Supervised(asio::any_io_executor executor, ChildSpec spec, Tell tell)
    : executor_(executor), spec_(std::move(spec)), tell_(std::move(tell)), wake_(executor), over_(executor) {}

Task<void> Supervised::run_once() {
    auto started = Child::start(executor_, spec_);
    if (!started) {
        tell_(started.error().to_string());
        co_return;
    }
    child_.emplace(std::move(*started));
    const std::string end = co_await child_->wait();
    child_.reset();
    if (!is_stopping_) tell_(spec_.name + " ended unasked: " + end + " (see " + spec_.log.string() + ")");
}

Task<void> Supervised::run() {
    is_over_ = false;
    Backoff backoff(500ms, 30s);
    while (!is_stopping_) {
        const Steady::time_point begun = Steady::now();
        co_await run_once();
        if (is_stopping_) break;
        ++deaths_;
        if (Steady::now() - begun > kStartedWell) backoff.reset();
        const std::chrono::milliseconds wait = backoff.next();
        tell_(spec_.name + " is started again in " + format_duration(wait));
        wake_.expires_after(wait);
        co_await wake_.async_wait(as_result);
    }
    is_over_ = true;
    over_.cancel();
}

Task<void> Supervised::stop(std::chrono::milliseconds grace) {
    is_stopping_ = true;
    wake_.cancel();
    if (child_) child_->signal(SIGTERM);
    if (is_over_) co_return;
    over_.expires_after(grace);
    co_await over_.async_wait(as_result);
    if (is_over_) co_return;
    if (child_) {
        tell_(spec_.name + " did not stop within " + format_duration(grace) + ": killed");
        child_->signal(SIGKILL);
    }
    over_.expires_after(kAfterKill);
    co_await over_.async_wait(as_result);
}

}  // namespace labhub::cli::up
