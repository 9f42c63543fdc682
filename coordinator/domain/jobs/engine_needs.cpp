// What a job asks of the lab, against what the lab has.
#include <algorithm>

#include "coordinator/domain/jobs/engine.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

std::string mebibytes(std::int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Error never(std::string what, std::string most) {
    return Error{ErrorCode::out_of_range, "the experiment can never start: it asks for " + std::move(what),
                 std::move(most)};
}

}  // namespace

Result<void> Engine::check_devices(Submission& submission) {
    if (!submission.needs.empty() && submission.dry_run) {
        LABHUB_CHECK(choose_for_twin(submission));
    } else if (!submission.needs.empty()) {
        return choices_.check_named(submission.needs);
    }
    LABHUB_TRY([[maybe_unused]] const auto* const known, parts_.fleet.device(submission.device));
    return {};
}

/// A twin is made of one device, which is not lent for it: the first that would do.
Result<void> Engine::choose_for_twin(Submission& submission) {
    LABHUB_CHECK(choices_.check_named(submission.needs));
    const auto choice = choices_.of(submission.needs);
    if (choice->devices.empty())
        return Error{ErrorCode::conflict, "there is no device to make a twin of: " + choice->why_none};
    submission.device = choice->devices.front();
    submission.needs = {};
    return {};
}

/// What no end of another job would give it.
Result<void> Engine::check_can_be_met(const Limits& limits) const {
    const std::string cpus = format_number(limits.cpus) + " processors";
    if (settings_.cpus > 0 && limits.cpus > settings_.cpus)
        return never(cpus, "all experiments together have " + format_number(settings_.cpus) + " (jobs.cpus)");
    if (settings_.host_cpus > 0 && limits.cpus > settings_.host_cpus)
        return never(cpus, "this machine has " + format_number(settings_.host_cpus));
    const std::string memory = mebibytes(limits.memory_bytes) + " of memory";
    if (settings_.memory > 0 && limits.memory_bytes > settings_.memory)
        return never(memory, "all experiments together have " + mebibytes(settings_.memory) + " (jobs.memory)");
    if (settings_.host_memory > 0 && limits.memory_bytes > settings_.host_memory)
        return never(memory, "this machine has " + mebibytes(settings_.host_memory));
    return {};
}

/// Whether one of the devices that would do is idle.
Result<void> Engine::check_idle(const Job& job) {
    const auto choice = choices_.of(job.needs);
    Result<void> busy = Error{ErrorCode::conflict, "no device there is has what it needs: " + choice->why_none,
                              "leave out queue:false to wait for one"};
    for (const auto& device : choice->devices)
        if (busy = check_idle(device, job); busy) return busy;
    return busy;
}

/// Whether nobody holds the device, nor is to hold it next.
Result<void> Engine::check_idle(const DeviceAddress& device, const Job& job) {
    LABHUB_CHECK(parts_.leases.check_free(device));
    if (const auto entry = reserved_before(job, device))
        return Error{ErrorCode::conflict,
                     device.to_string() + " is reserved for " + entry->user + " from " + to_rfc3339(entry->from) +
                         " to " + to_rfc3339(entry->to),
                     "give it a shorter time_limit, or leave out queue:false to wait for its end"};
    const auto waited_for = [&](const JobId& by) {
        return Error{ErrorCode::conflict, device.to_string() + " is waited for by job:" + by.value,
                     "leave out queue:false to wait behind it"};
    };
    const auto is_wanted = [&](const Needs& needs) {
        const auto choice = choices_.of(needs);
        return std::find(choice->devices.begin(), choice->devices.end(), device) != choice->devices.end();
    };
    for (const auto& [id, entry] : jobs_)
        if (entry.job.status == Status::queued && !entry.job.dry_run && is_wanted(entry.job.needs))
            return waited_for(id);
    for (const auto& [id, other] : arriving_)
        if (is_wanted(other.needs)) return waited_for(id);
    return {};
}

/// What another has reserved of the device before the job's time limit would be over.
std::optional<Reserved> Engine::reserved_before(const Job& job, const DeviceAddress& device) const {
    if (!reserved) return std::nullopt;
    const UtcMillis now = parts_.clock.utc_now();
    for (const auto& entry : reserved({device}))
        if (entry.user != job.requested_by && entry.from < now + job.limits.time && now < entry.to) return entry;
    return std::nullopt;
}

const Job* Engine::job_on(const DeviceAddress& device) const {
    for (const auto& [id, entry] : jobs_)
        if (is_active(entry.job.status) && !entry.job.dry_run && entry.job.device == device) return &entry.job;
    return nullptr;
}

UtcMillis Engine::ends_by(const Job& job) const {
    return job.started.value_or(parts_.clock.utc_now()) + job.limits.time + longest_pauses(job);
}

bool Engine::has_use_for(const DeviceAddress& device, const std::string& user, UtcMillis since, UtcMillis until) {
    for (const auto& [id, entry] : jobs_) {
        const Job& job = entry.job;
        if (job.requested_by != user || job.dry_run) continue;
        const bool is_on_it = job.device == device && job.started && job.ended.value_or(since) >= since;
        if (is_on_it || (is_active(job.status) && job.device == device)) return true;
        if (job.status != Status::queued || job.is_held || job.not_before >= until) continue;
        const auto choice = choices_.of(job.needs);
        if (std::find(choice->devices.begin(), choice->devices.end(), device) != choice->devices.end()) return true;
    }
    return false;
}

}  // namespace labhub::coordinator::jobs
