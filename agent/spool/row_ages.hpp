#pragma once

#include <chrono>
#include <deque>
#include <utility>

#include "agent/spool/storage.hpp"

namespace labhub::agent::spool {

/// Which rows are too old. The wall clock may be wrong at first and set later (a board without a battery begins in
/// 1970), so rows of this run are aged by the monotonic clock; only those of former runs by the times they bear.
class RowAges {
  public:
    /// The run begins: its rows have positions after `last`.
    void begin(Position last) {
        own_from_ = last + 1;
        seen_.clear();
    }
    /// A row was stored now.
    void stored(Position position, Steady::time_point now);
    /// What is older than `max_age`.
    AgeLimit limit(std::chrono::milliseconds max_age, Steady::time_point now, UtcMillis utc_now) const;

  private:
    Position own_from_ = 0;
    std::deque<std::pair<Steady::time_point, Position>> seen_;  ///< a few hundred marks, coarser the older they get
};

}  // namespace labhub::agent::spool
