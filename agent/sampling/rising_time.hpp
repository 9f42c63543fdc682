#pragma once

#include "shared/base/clock.hpp"

namespace labhub::agent::sampling {

/// A clock that was set back by no more than this is waited for: NTP corrects by so much in ordinary life.
inline constexpr std::chrono::milliseconds kSmallStep{10'000};

/// Whether a clock that shows `now` was set back too far to be waited for since it showed `last`.
constexpr bool is_set_back(UtcMillis now, UtcMillis last) { return last.count - now.count > kSmallStep.count(); }

/// The time of what is measured at `now`, after `last`: later than that, also where two fall on one millisecond or the
/// clock went back a little. After a large step back it is `now`: every time would be false for as long as the step
/// was.
constexpr UtcMillis rising_time(UtcMillis now, UtcMillis last) {
    return now > last || is_set_back(now, last) ? now : UtcMillis{last.count + 1};
}

/// The newest of times that come one after the other, where a large step back makes what was before no longer count.
constexpr UtcMillis newest_time(UtcMillis newest, UtcMillis next) {
    return next > newest || is_set_back(next, newest) ? next : newest;
}

}  // namespace labhub::agent::sampling
