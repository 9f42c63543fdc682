#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

#include "agent/spool/storage.hpp"

namespace labhub::agent::edge_node {

/// How fast stored rows are sent again: so many messages a second, and so many bytes under way, whether on this side
/// of the broker or (with a host that acknowledges) not yet stored by the host. Pure bookkeeping.
class ReplayPace {
  public:
    struct Limits {
        std::uint32_t messages_per_second = 50;
        std::size_t bytes_in_flight = 256 * 1024;
        /// With so many bytes under way and no acknowledgement for so long, what is under way is taken for lost.
        std::chrono::milliseconds give_up{15'000};
    };
    explicit ReplayPace(Limits limits) : limits_(limits) {}

    /// A replay begins: nothing of it is under way.
    void restart() { under_way_.clear(), unacknowledged_ = 0; }
    /// Messages that may go now; they count when told by sent().
    std::uint32_t allowance(Steady::time_point now);
    void sent(std::uint32_t messages) { credit_ -= messages; }
    /// How long until there is an allowance.
    std::chrono::milliseconds wait() const;

    /// Rows up to `position` are under way to a host that acknowledges.
    void under_way(spool::Position position, std::size_t bytes, Steady::time_point now);
    void acknowledged(spool::Position upto, Steady::time_point now);
    /// Whether `local` bytes on this side and those not acknowledged leave room for more.
    bool has_room(std::size_t local) const {
        return local < std::min(limits_.bytes_in_flight, kLocalBound) && unacknowledged_ < limits_.bytes_in_flight;
    }
    /// Nothing was acknowledged for too long, with something under way.
    bool has_stalled(Steady::time_point now) const { return !under_way_.empty() && now - moved_at_ > limits_.give_up; }

  private:
    /// What is published next stands behind these bytes, so that even a slow line has it soon.
    static constexpr std::size_t kLocalBound = 32 * 1024;

    Limits limits_;
    double credit_ = 1;
    Steady::time_point counted_at_{};
    std::deque<std::pair<spool::Position, std::size_t>> under_way_;
    std::size_t unacknowledged_ = 0;
    Steady::time_point moved_at_{};
};

}  // namespace labhub::agent::edge_node
