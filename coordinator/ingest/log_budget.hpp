#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "shared/base/clock.hpp"

namespace labhub::coordinator::ingest {

/// How many lines of the log nodes that are not enrolled may cause, all together: kAtOnce, and one more each second.
/// Whoever may publish can make up names, and each new name says something for the first time. Thread: the ingest's.
class LogBudget {
  public:
    static constexpr std::int64_t kAtOnce = 100;

    /// Whether there is room for one line; counted as left out where there is none.
    bool take(Steady::time_point now) {
        const auto passed = std::chrono::floor<std::chrono::seconds>(now - filled_at_.value_or(now));
        filled_at_ = filled_at_.value_or(now) + passed;
        left_ = std::min<std::int64_t>(kAtOnce, left_ + passed.count());
        if (left_ == 0) {
            ++left_out_;
            return false;
        }
        --left_;
        return true;
    }
    std::uint64_t take_left_out() { return std::exchange(left_out_, 0); }

  private:
    std::int64_t left_ = kAtOnce;
    std::uint64_t left_out_ = 0;
    std::optional<Steady::time_point> filled_at_;
};

}  // namespace labhub::coordinator::ingest
