#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/spool/storage.hpp"

namespace labhub::agent::edge_node {

using spool::Position;

/// What the host has of the spool, as far as this node can know, over all sessions of this run of the agent.
///
/// A host that acknowledges is sent everything it hasn't acknowledged. One that never does, as it speaks plain
/// Sparkplug only, gets a rolling window: what was sent longer ago than a broken connection can go unnoticed is taken
/// for received. A host of the first kind that is silent for long is treated as one of the second until it speaks
/// again; nothing is forgotten meanwhile but at the spool's bounds. Pure bookkeeping.
class Delivery {
  public:
    struct Options {
        /// At least 1.5 × keepalive plus the host's reorder time: what was sent within it may have been lost.
        std::chrono::milliseconds window{65'000};
        /// A host that used to acknowledge and hasn't for so long doesn't any more.
        std::chrono::milliseconds patience{std::chrono::minutes{10}};
    };
    /// `acknowledged`, `sent`: as the spool found them at its start.
    Delivery(Options options, Position acknowledged, Position sent);

    /// A message said: everything up to `position` has been sent, but for rows of `withheld` devices.
    void said(Position position, const std::vector<std::string>& withheld, Steady::time_point now);
    /// Everything up to here has been sent in this session, no device left out.
    void sent_all(Position until, Steady::time_point now);

    /// The connection, or the host, was found gone: what was sent last may not have arrived.
    void lost(Steady::time_point now);

    struct Acknowledged {
        std::optional<spool::Forget> forget;
        bool replay_all = false;  ///< it does acknowledge after all: it lacks what was taken for received
    };
    /// The host says it has everything up to `position`. A position that wasn't said in this run is ignored: it may
    /// have been said when other devices were withheld.
    Acknowledged acknowledge(Position position, Steady::time_point now);

    /// Where a replay that begins now has to begin: after this.
    Position replay_after(Steady::time_point now);
    /// Whether the host is one that acknowledges.
    bool is_acknowledging(Steady::time_point now) const;
    /// Whether a host that does acknowledge has been silent for so long, though there was something to say.
    bool has_waited(std::chrono::milliseconds duration, Steady::time_point now) const;
    /// How often everything was to be sent again, as the host lacked what was taken for received: what it had before
    /// says nothing of that.
    unsigned begun_anew() const { return begun_anew_; }
    /// Taken for received by a host that doesn't acknowledge.
    Position taken_for_received() const { return taken_for_received_; }

  private:
    struct Said {
        Position first, last;
        std::vector<std::string> withheld;
    };
    void move_window(Steady::time_point now);

    Options options_;
    std::deque<Said> said_;
    Position acknowledged_;
    Position taken_for_received_;
    unsigned begun_anew_ = 0;
    std::deque<std::pair<Steady::time_point, Position>> sent_;
    std::optional<Steady::time_point> waiting_since_;  ///< said something it has not acknowledged
};

}  // namespace labhub::agent::edge_node
