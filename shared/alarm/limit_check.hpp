#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "shared/alarm/words.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"

namespace labhub::alarm {

/// What makes a metric alarming. Limits are inclusive and in the metric's unit.
struct Limits {
    std::optional<double> lowlow, low, high, highhigh;
    Severity lowlow_severity = Severity::major;
    Severity low_severity = Severity::minor;
    Severity high_severity = Severity::minor;
    Severity highhigh_severity = Severity::major;
    /// An alarm of a limit clears only when the value is back inside it by more than this.
    double hysteresis = 0;
    /// The condition must hold for so long before it counts. Escalation waits too; de-escalation and clearing don't.
    std::chrono::milliseconds delay{0};
    /// No reading for so long is an alarm; 0: never.
    std::chrono::milliseconds no_data{0};
    /// A reading without a value, or not of good quality, is an alarm.
    bool quality = true;

    bool operator==(const Limits&) const = default;
};

/// Errors malformed (nothing to watch), out_of_range (the limits are not in order, a negative time or hysteresis, a
/// hysteresis wider than the gap between low and high).
Result<void> check_limits(const Limits& limits);

/// "at or above 45 Cel", "no reading for 1m", "no usable value": the condition for people.
std::string explain(const Limits& limits, Condition condition, std::string_view unit);

/// A live reading that is older than the one before by so much tells that the clock it is stamped by was set back.
inline constexpr std::chrono::seconds kClockStep{10};

/// Decides whether one metric is alarming: a pure state machine over live readings and the monotonic clock. A reading
/// that is not newer than the last one (a birth that repeats what is known) changes nothing, unless it is older by
/// kClockStep: then the order in which they arrive counts, not what a corrected clock said before. While there is no
/// usable value the alarms of the limits stay as they are: not knowing is no clearing.
class LimitCheck {
  public:
    /// `present`: the condition it was in before a restart, kept until a reading tells otherwise.
    LimitCheck(const Limits& limits, Steady::time_point now, Condition present = Condition::none);

    /// True when the condition changed.
    bool take(const Reading& reading, Steady::time_point now);
    /// The same for what only time changes.
    bool look(Steady::time_point now);
    /// When look() may next find a change; time_point::max() for never.
    Steady::time_point next_look() const;

    Condition condition() const { return condition_; }
    Severity severity() const;
    /// The last usable number, which stays when a later reading has none.
    std::optional<double> value() const { return value_; }
    /// The limit that the present condition is about.
    std::optional<double> limit() const;
    /// Of the last reading taken.
    UtcMillis time() const { return time_; }

  private:
    /// One thing that may be wrong, and since when it has been without a break.
    struct Watch {
        Condition condition = Condition::none;
        Severity severity = Severity::none;
        std::optional<double> limit;
        bool is_upper = false;
        bool is_on = false;  ///< the limits ask for it
        std::chrono::milliseconds delay{0};
        std::optional<Steady::time_point> since;
        bool counts = false;  ///< it has held for `delay`
    };
    void hold(Watch& watch, bool is_wrong, Steady::time_point now);
    bool is_beyond(const Watch& watch, double value) const;
    bool settle(Steady::time_point now);
    const Watch* worst() const;

    double hysteresis_;
    std::array<Watch, 6> watches_;  ///< in the order in which equal severities are shown
    Condition condition_;
    std::optional<double> value_;
    UtcMillis time_{};
};

}  // namespace labhub::alarm
