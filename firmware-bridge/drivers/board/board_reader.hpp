#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "firmware-bridge/drivers/board/board_link.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"

namespace labhub::firmware_bridge {

/// Reads every channel of a board, in as few parts as the line lets through: one reply for all on a clean line,
/// shorter ones after a long one was spoilt time and again, longer ones again when none had to be repeated.
///
/// Thread: the link's. Owned by the driver; refers to its metrics and counters. Failure: see read().
class BoardReader {
  public:
    BoardReader(const std::vector<MetricInfo>& metrics, BoardCounters& counters, const Clock& clock)
        : metrics_(metrics), counters_(counters), clock_(clock) {}

    /// Every metric, with one time. What the board could not measure, and what did not come through within `limit`,
    /// has no value and quality bad. Errors: timed_out when nothing came through at all, unavailable when the link
    /// was closed meanwhile, corrupt, and what the board refuses.
    Task<Result<std::vector<Reading>>> read(std::shared_ptr<BoardLink> link, std::chrono::milliseconds limit);

  private:
    struct Gathered {
        std::vector<Value> values;
        std::size_t next = 0;  ///< the first channel that is missing
    };

    Task<Result<void>> gather(std::shared_ptr<BoardLink> link, std::chrono::milliseconds limit, Gathered& gathered);
    Result<void> take(const labhub::board::ReadReply& reply, Gathered& gathered) const;
    bool is_all(std::size_t channels) const { return channels >= metrics_.size(); }

    const std::vector<MetricInfo>& metrics_;
    BoardCounters& counters_;
    const Clock& clock_;
    std::size_t part_ = kMostChannels;  ///< channels asked for at once

    static constexpr std::size_t kMostChannels = 64;  ///< of a board: shared/proto/board.options
};

}  // namespace labhub::firmware_bridge
