#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "agent/spool/batch_codec.hpp"
#include "shared/base/clock.hpp"

namespace labhub::agent::spool {

/// Holds what is measured before the clock shows any believable date (a board without a battery begins in 1970), and
/// dates it by the monotonic clock once the wall clock was set. Pure bookkeeping, in memory: what a crash takes before
/// the clock was first set is lost. Bounded; what it has no room for goes on with the times it has.
class Undated {
  public:
    struct Held {
        Class of;
        Batch batch;
        std::chrono::milliseconds offset;  ///< wall clock minus monotonic clock when it was taken
    };
    explicit Undated(const Clock& clock, std::size_t max_batches = 4'096) : clock_(clock), max_batches_(max_batches) {}

    /// Whether the clock shows a time before 2000.
    bool is_needed() const;
    bool is_empty() const { return held_.empty(); }
    /// Returns what had to make room for it, the oldest, as it was.
    std::optional<Held> hold(Class of, Batch batch);
    /// Up to `most` of the oldest, dated by the clock as it is now, marked late and unsure. While the clock is still
    /// impossible they keep their times.
    std::vector<Held> release(std::size_t most);

  private:
    std::chrono::milliseconds offset() const;

    const Clock& clock_;
    std::size_t max_batches_;
    std::deque<Held> held_;
};

}  // namespace labhub::agent::spool
