// The part of a job's run that pauses it.
#include "coordinator/runner/init/init_protocol.h"
#include "coordinator/runner/job_run.hpp"

namespace labhub::coordinator::runner {

void JobRun::pause(std::chrono::milliseconds limit) {
    if (state_.phase == Phase::running && facts_.cause.empty()) return pausing_.pause(limit);
    PauseState refused = pausing_.state();
    refused.failure = "the script is not running";
    link_.report(refused);
}

Result<Freezer> JobRun::find_freezer() const { return Freezer::find(sandbox_->cgroup(), init_); }

void JobRun::on_pause_changed(const PauseState& now) {
    if (!now.is_frozen && now.failure.empty()) tell_init(LABHUB_INIT_RESUMED);
    link_.report(now);
}

}  // namespace labhub::coordinator::runner
