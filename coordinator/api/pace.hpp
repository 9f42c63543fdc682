#pragma once

#include <map>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::api {

/// How fast each script may ask: so many requests a second over time, and so many at once before that. A script that
/// asks faster is slowed down to that pace, as it would be by a slower hub, and refused only when it asks for much
/// more by several connections. Lives on the main thread.
class Pace {
  public:
    struct Bounds {
        int per_second = 200;
        int at_once = 400;                              ///< after a second or more of silence
        std::chrono::milliseconds longest_wait{1'000};  ///< whoever would wait longer is refused
    };

    Pace() = default;
    explicit Pace(Bounds bounds) : bounds_(bounds) {}

    /// How long a request of this job that came `now` has to wait. Error too_many.
    Result<std::chrono::nanoseconds> ask(const JobId& job, Steady::time_point now);
    /// Jobs that are remembered: those that have asked within the last seconds.
    std::size_t jobs() const { return full_at_.size(); }

  private:
    void forget_idle(Steady::time_point now);

    Bounds bounds_;
    /// When a job that asks no more has all of its `at_once` again.
    std::map<JobId, Steady::time_point> full_at_;
    Steady::time_point forgot_{};
};

}  // namespace labhub::coordinator::api
