// What is another way for a job that runs against a twin: it waits for a slot and for no device, has no lease, and its
// sandbox is served by the twin's hub.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"

namespace labhub::coordinator::jobs {

void Engine::know(Job job) {
    const JobId id = job.id;
    jobs_[id].job = std::move(job);
}

Task<void> Engine::start_dry_run(JobId id) {
    Entry* const self = entry(id);
    self->is_starting = true;
    self->job.status = Status::preparing;
    auto preparing = happened(to_string(Status::preparing), "gets a twin of " + self->job.device.to_string());
    auto stored = co_await parts_.store.update(self->job, std::move(preparing));
    if (!stored) {
        spdlog::error("can't store the start of dry run {}: {}", id.value, stored.error().to_string());
        self->job.status = Status::queued;
    }
    if (stored) co_await start_runner(id);
    if (!stored && !self->job.stop_reason.empty()) end_unstarted(id);
    self->is_starting = false;
}

Result<void> Engine::open_api(const Entry& entry, UniqueFd listener) {
    if (entry.job.dry_run) return parts_.dry_runs.open(entry.job, std::move(listener));
    return parts_.api.open(entry.job.id, std::move(listener));
}

/// Its script has begun with a twin that went with the coordinator before this one.
bool Engine::is_interrupted_dry_run(const Entry& entry, runner::Phase phase) const {
    const bool has_begun = phase != runner::Phase::preparing || entry.job.started.has_value();
    return entry.job.dry_run && has_begun && entry.job.stop_reason.empty() && !entry.is_finishing &&
           !parts_.dry_runs.is_open(entry.job.id);
}

/// What it found becomes a part of the job's message; a dry run that can't tell what it found has failed.
Task<void> Engine::finish_dry_run(JobId id, Ending* ending, std::string* message) {
    if (!parts_.dry_runs.is_open(id)) co_return;
    auto finishing = parts_.dry_runs.finish(id, *ending);
    auto found = co_await std::move(finishing);
    if (found) {
        *message = found->message;
        co_return;
    }
    spdlog::error("the results of dry run {} are incomplete: {}", id.value, found.error().to_string());
    *message = "the results are incomplete: " + found.error().to_string();
}

}  // namespace labhub::coordinator::jobs
