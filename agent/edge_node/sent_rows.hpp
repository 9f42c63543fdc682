#pragma once

#include <optional>

#include "agent/spool/storage.hpp"

namespace labhub::agent::edge_node {

using spool::Position;

/// Which rows of the spool the host has been sent since the last birth. Live rows go out as they come; the rows before
/// them are sent again behind their back. A message may carry its spool position (and so invite the host to acknowledge
/// all up to it) only while nothing before it is missing. Pure bookkeeping.
class SentRows {
  public:
    /// The host begins anew (a birth, or it came online): everything stored after `after` is to be sent.
    void restart(Position after = 0);

    /// Everything stored has been sent, and live rows carry their positions.
    bool is_caught_up() const { return caught_up_; }
    /// Every stored row up to here has been sent.
    Position sent_until() const { return sent_until_; }
    /// Rises at each restart: rows read before it are not to be sent.
    unsigned generation() const { return generation_; }

    void sent_live(Position position);
    /// A live row couldn't be sent; it has to be sent again from the spool.
    void missed_live(Position position);
    /// Whether that row, and all live ones after it, went out already.
    bool was_sent_ahead(Position position) const { return ahead_from_ && position >= *ahead_from_; }
    /// The last of these live rows; 0: there are none. None of them has said its position.
    Position ahead_until() const { return ahead_from_ ? ahead_until_ : 0; }
    /// The last row that was to go out live, sent or not.
    Position newest() const { return newest_; }
    /// The next stored row has been dealt with.
    void replayed(Position position) { sent_until_ = position; }
    /// Nothing is left in the spool that wasn't sent.
    void reached_end();

  private:
    Position sent_until_ = 0;
    bool caught_up_ = false;
    std::optional<Position> ahead_from_;
    Position ahead_until_ = 0;
    Position newest_ = 0;
    unsigned generation_ = 0;
};

}  // namespace labhub::agent::edge_node
