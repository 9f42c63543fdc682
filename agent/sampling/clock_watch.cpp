#include "agent/sampling/clock_watch.hpp"

#include <sys/timex.h>

#include <spdlog/spdlog.h>

namespace labhub::agent::sampling {
namespace {

constexpr std::chrono::milliseconds kPeriod{1'000};
constexpr std::chrono::milliseconds kStep{500};
constexpr std::chrono::milliseconds kAhead{1'000};

std::chrono::milliseconds offset_of(const Clock& clock) {
    const auto steady = std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady_now().time_since_epoch());
    return std::chrono::milliseconds{clock.utc_now().count} - steady;
}

}  // namespace

std::string ClockState::describe() const {
    if (!is_watched) return "trusted";
    return is_synchronised ? "synchronised" : "unsynchronised";
}

bool is_system_clock_synchronised() {
    timex state{};
    const int answer = ::adjtimex(&state);
    return answer < 0 || (state.status & STA_UNSYNC) == 0;
}

ClockWatch::ClockWatch(const Clock& clock, std::function<bool()> is_synchronised)
    : clock_(clock), is_synchronised_(std::move(is_synchronised)), offset_(offset_of(clock)) {
    state_.is_watched = static_cast<bool>(is_synchronised_);
    state_.is_synchronised = !is_synchronised_ || is_synchronised_();
    if (!state_.is_synchronised)
        spdlog::warn("the clock is not synchronised: readings are marked so until it is, unless node.trust_clock");
}

void ClockWatch::look() {
    const auto offset = offset_of(clock_);
    // Each look begins anew, so that slewing never adds up to a step.
    const auto moved = offset - offset_;
    offset_ = offset;
    if (moved > kStep || moved < -kStep) {
        ++state_.steps;
        state_.last_step = moved;
        const bool is_forward = moved.count() > 0;
        spdlog::warn("the clock was set {} by {}", is_forward ? "forward" : "back",
                     format_duration(is_forward ? moved : -moved));
    }
    const bool now = !is_synchronised_ || is_synchronised_();
    if (now != state_.is_synchronised) spdlog::warn("the clock is {}synchronised", now ? "" : "not ");
    state_.is_synchronised = now;
}

bool ClockWatch::is_unsure(UtcMillis time) const { return !state_.is_synchronised || time > clock_.utc_now() + kAhead; }

Task<void> ClockWatch::run() {
    while (true) {
        co_await sleep_for(kPeriod);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        look();
    }
}

}  // namespace labhub::agent::sampling
