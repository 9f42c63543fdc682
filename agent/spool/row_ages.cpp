#include "agent/spool/row_ages.hpp"

namespace labhub::agent::spool {
namespace {

constexpr std::chrono::seconds kApart{60};
constexpr std::size_t kMost = 512;

}  // namespace

void RowAges::stored(Position position, Steady::time_point now) {
    if (!seen_.empty() && now - seen_.back().first < kApart) {
        seen_.back().second = position;
        return;
    }
    seen_.emplace_back(now, position);
    if (seen_.size() <= kMost) return;
    // Every second of the older half goes: its rows are then held a little longer than need be.
    std::deque<std::pair<Steady::time_point, Position>> kept;
    for (std::size_t i = 0; i < seen_.size(); ++i)
        if (i >= kMost / 2 || i % 2 == 1) kept.push_back(seen_[i]);
    seen_ = std::move(kept);
}

AgeLimit RowAges::limit(std::chrono::milliseconds max_age, Steady::time_point now, UtcMillis utc_now) const {
    AgeLimit limit{utc_now - max_age, own_from_, 0};
    for (const auto& [time, position] : seen_) {
        // A mark stands for rows stored up to kApart later.
        if (now - time <= max_age + kApart) break;
        limit.own_through = position;
    }
    return limit;
}

}  // namespace labhub::agent::spool
