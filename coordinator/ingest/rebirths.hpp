#pragma once

#include <algorithm>
#include <optional>

#include "shared/base/clock.hpp"

namespace labhub::coordinator::ingest {

/// When to ask one node for its births: once they are wanted at most once in an interval, and again and again until
/// they come, as a request may get lost; but not while the node is silent since the last one. A node that speaks and
/// doesn't answer is asked less often after a while, as it may not know how. Thread: the ingest's.
class Rebirths {
  public:
    explicit Rebirths(std::chrono::milliseconds interval) : interval_(interval) {}

    void want(Steady::time_point at) { wanted_at_ = std::min(wanted_at_.value_or(at), at); }
    /// Somebody asks for them: wanted even where the node is silent.
    void ask_for(Steady::time_point at) {
        want(at);
        is_asked_for_ = true;
    }
    /// The node was born.
    void answered();
    /// Requests up to now reached nobody.
    void begin_anew();

    /// Whether to send a request now.
    bool take(Steady::time_point now, Steady::time_point last_heard);
    /// Requests since the last birth.
    int unanswered() const { return unanswered_; }
    bool is_under_way(Steady::time_point now, Steady::duration window) const {
        return unanswered_ > 0 && now - *requested_at_ < window;
    }
    bool has_asked() const { return requested_at_.has_value(); }

  private:
    const std::chrono::milliseconds interval_;
    std::optional<Steady::time_point> wanted_at_, requested_at_;
    bool is_asked_for_ = false;
    int unanswered_ = 0;
};

}  // namespace labhub::coordinator::ingest
