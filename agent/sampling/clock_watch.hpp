#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "shared/base/clock.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::sampling {

/// What is known of the machine's wall clock.
struct ClockState {
    bool is_watched = true;                  ///< else it is trusted
    bool is_synchronised = true;             ///< by NTP, as the kernel knows (adjtimex)
    std::uint64_t steps = 0;                 ///< times it was set since the start
    std::chrono::milliseconds last_step{0};  ///< by how much, the last time; negative: back

    /// "synchronised", "unsynchronised", "trusted".
    std::string describe() const;
};

/// Whether the kernel's clock is disciplined (adjtimex(2): not STA_UNSYNC). True where the kernel won't say.
bool is_system_clock_synchronised();

/// Looks every second whether the wall clock is synchronised, and whether it was stepped: moved against the monotonic
/// clock by more than half a second between two looks. Changes are logged. Thread: the agent's main thread.
class ClockWatch {
  public:
    /// `is_synchronised` empty: the clock is trusted whatever the kernel says, but steps are still noticed.
    ClockWatch(const Clock& clock, std::function<bool()> is_synchronised);

    /// Looks, again and again, until it is cancelled.
    Task<void> run();
    void look();
    const ClockState& state() const { return state_; }
    /// Whether `time`, of a reading just taken, may be off: the clock isn't synchronised, or was set back so that the
    /// times of readings run ahead of it.
    bool is_unsure(UtcMillis time) const;

  private:
    const Clock& clock_;
    std::function<bool()> is_synchronised_;
    std::chrono::milliseconds offset_;  ///< wall clock minus monotonic clock at the last look
    ClockState state_;
};

}  // namespace labhub::agent::sampling
