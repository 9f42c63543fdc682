#pragma once

#include <chrono>

#include "shared/base/clock.hpp"

namespace labhub {

/// Waits between attempts: doubling from `first` to `most`, each drawn from the upper half so that a fleet that lost
/// its broker in one moment does not come back in one moment.
class Backoff {
  public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
        : first_(first), most_(most), next_(first) {}

    /// How long to wait before the next attempt.
    std::chrono::milliseconds next();
    /// An attempt succeeded: begin again at `first`.
    void reset() { next_ = first_; }

  private:
    std::chrono::milliseconds first_, most_, next_;
};

}  // namespace labhub
