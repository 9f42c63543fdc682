#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/sampling/device.hpp"
#include "agent/sampling/schedule.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::sampling {

/// Reads one device when its metrics are due, and notices when it goes and returns.
/// Thread: the agent's main thread. A failed read becomes "no value, bad quality", reported once; sampling goes on.
class Sampler {
  public:
    Sampler(Device& device, Schedule schedule, const Clock& clock)
        : device_(device), schedule_(std::move(schedule)), clock_(clock) {}

    /// Goes on until it is cancelled.
    Task<void> run();
    /// One look at the link and one read of what is due.
    Task<void> tick();
    /// When something is due again; the end of time before the device was found.
    Steady::time_point next() const { return schedule_.next(); }

  private:
    void begin_schedule();

    Device& device_;
    Schedule schedule_;
    const Clock& clock_;
};

}  // namespace labhub::agent::sampling
