#include "agent/edge_node/replay_pace.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::agent::edge_node {
namespace {

/// A burst is what one wake-up may send: a tenth of a second's worth.
constexpr double kBurstSeconds = 0.1;

}  // namespace

std::uint32_t ReplayPace::allowance(Steady::time_point now) {
    const double elapsed = std::chrono::duration<double>(now - counted_at_).count();
    counted_at_ = now;
    const double most = std::max(1.0, kBurstSeconds * limits_.messages_per_second);
    credit_ = std::min(most, credit_ + elapsed * limits_.messages_per_second);
    return credit_ < 1 ? 0 : static_cast<std::uint32_t>(credit_);
}

std::chrono::milliseconds ReplayPace::wait() const {
    const double missing = std::max(0.0, 1 - credit_) / limits_.messages_per_second;
    return std::max(std::chrono::milliseconds{10}, std::chrono::milliseconds{std::lround(missing * 1000)});
}

void ReplayPace::under_way(spool::Position position, std::size_t bytes, Steady::time_point now) {
    if (under_way_.empty()) moved_at_ = now;
    under_way_.emplace_back(position, bytes);
    unacknowledged_ += bytes;
}

void ReplayPace::acknowledged(spool::Position upto, Steady::time_point now) {
    while (!under_way_.empty() && under_way_.front().first <= upto) {
        unacknowledged_ -= under_way_.front().second;
        under_way_.pop_front();
        moved_at_ = now;
    }
}

}  // namespace labhub::agent::edge_node
