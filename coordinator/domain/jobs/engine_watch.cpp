// What happens to jobs when something else ends: the coordinator before this one, a node, a runner, a lease.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/runner/job_spec.hpp"

namespace labhub::coordinator::jobs {

/// Where the coordinator before this one left the job.
void Engine::resume(const JobId& id) {
    Entry& self = jobs_.at(id);
    if (is_final(self.job.status)) return clear_away_sandbox(id);
    const bool may_have_runner =
        is_active(self.job.status) && (self.job.started || runner::read_job_spec(parts_.results.folder_of(id)));
    if (may_have_runner) {
        self.lost_since = parts_.clock.steady_now();
        self.has_reported = self.job.started.has_value();
    } else if (!self.job.stop_reason.empty()) {
        end_unstarted(id);
    } else if (self.job.status == Status::preparing) {
        Error why{ErrorCode::unavailable, "the coordinator ended before its sandbox was started"};
        tasks_.spawn("requeue", back_to_queue(id, std::move(why)));
    } else if (self.job.status != Status::queued) {
        Error why{ErrorCode::internal, "the coordinator ended before its sandbox was started"};
        sandbox_failed(id, why);
    }
}

/// Ends leases whose job ended while the end of the lease could not be stored.
void Engine::drop_orphans(const std::vector<leases::Lease>& open) {
    for (const auto& lease : open) {
        const auto holds = [&](const auto& e) {
            return e.second.job.lease == lease.id && is_active(e.second.job.status);
        };
        if (std::none_of(jobs_.begin(), jobs_.end(), holds)) drop_lease(lease.id);
    }
}

void Engine::drop_lease(LeaseId id) {
    auto drop = [](leases::Leases& leases, LeaseId orphan) -> Task<void> {
        auto released = co_await leases.release(std::move(orphan), "nobody holds it");
        if (!released) spdlog::error("can't store the end of a lease: {}", released.error().to_string());
    };
    tasks_.spawn("drop lease", drop(parts_.leases, std::move(id)));
}

/// A queued job waits for its node for as long as that is enrolled; an active one for node_lost_after. One that will do
/// with any device waits for as long as one of those it names may come.
bool Engine::is_node_lost(const Job& job) const {
    const auto is_gone = [&](const DeviceAddress& device) { return !parts_.fleet.nodes().contains(device.node); };
    const auto& named = job.needs.devices;
    if (!job.has_device()) return !named.empty() && std::all_of(named.begin(), named.end(), is_gone);
    const auto node = parts_.fleet.nodes().find(job.device.node);
    if (node == parts_.fleet.nodes().end()) return true;
    const auto since = node->second.unreachable_since;
    return is_active(job.status) && since && parts_.clock.steady_now() - *since > settings_.node_lost_after;
}

std::string Engine::why_node_lost(const Job& job) const {
    if (!job.has_device()) return "no node it names a device of is enrolled any more";
    const NodeId& node = job.device.node;
    if (!parts_.fleet.nodes().contains(node)) return "node " + node.value + " is not enrolled any more";
    return "node " + node.value + " was out of reach for " + format_duration(settings_.node_lost_after);
}

Task<void> Engine::watch_active() {
    settle_pauses();
    const auto now = parts_.clock.steady_now();
    std::vector<JobId> unreachable, without_runner;
    for (const auto& [id, entry] : jobs_) {
        if (is_final(entry.job.status) || entry.is_finishing) continue;
        if (entry.job.stop_reason.empty() && !entry.job.dry_run && is_node_lost(entry.job)) unreachable.push_back(id);
        if (!is_active(entry.job.status) || entry.is_starting || !entry.lost_since) continue;
        // A runner takes its lock before it reports for the first time; until then only time tells.
        const bool may_be_starting = !entry.has_reported && now - *entry.lost_since < settings_.runner_grace;
        if (!may_be_starting && !runner::is_runner_alive(parts_.results.folder_of(id))) without_runner.push_back(id);
    }
    for (const auto& id : unreachable) {
        const Entry* const lost = entry(id);
        if (!lost) continue;
        std::string message = why_node_lost(lost->job);
        (void)co_await stop(id, std::string(reason::kNodeLost), std::move(message));
    }
    for (const auto& id : without_runner) {
        Entry* const self = entry(id);
        if (!self || self->is_finishing || !is_active(self->job.status)) continue;
        self->is_finishing = true;
        tasks_.spawn("collect " + id.value, collect(id));
    }
}

/// The runner is dead, and with it the sandbox: the lease ends at once, then what is left is brought in.
Task<void> Engine::collect(JobId id) {
    Entry* const self = entry(id);
    spdlog::error("the runner of experiment {} is gone", id.value);
    auto released = co_await parts_.leases.release(self->job.lease, "runner lost");
    if (!released) spdlog::error("can't store the end of the lease of {}: {}", id.value, released.error().to_string());
    Ending ending;
    ending.time = parts_.clock.utc_now();
    ending.exit_code = -1;
    ending.reason = reason::kRunnerLost;
    ending.message = "the program that watched over the sandbox ended unexpectedly";
    // What was written for the runner did not wait for the disk, so a power cut may have taken it.
    if (!runner::read_job_spec(parts_.results.folder_of(id)))
        if (auto again = write_job_folder(self->job); !again) spdlog::error("{}", again.error().to_string());
    auto state = co_await parts_.launcher.collect(parts_.results.folder_of(id));
    if (state && state->ended) ending = ending_of(*state->ended);
    if (!state)
        spdlog::error("the outputs of experiment {} can't be brought in: {}", id.value, state.error().to_string());
    if (state && state->started && !self->job.started) self->job.started = state->started->time;
    co_await finish(id, std::move(ending));
}

/// A runner that was killed after it had told the end, but before its own, leaves the sandbox of an ended job behind.
void Engine::clear_away_sandbox(const JobId& id) {
    const auto folder = parts_.results.folder_of(id);
    if (socket_->is_connected(id) || !parts_.launcher.has_remains(folder)) return;
    auto clear = [](runner::Launcher& launcher, JobId job, std::filesystem::path job_dir) -> Task<void> {
        auto cleared = co_await launcher.collect(std::move(job_dir));
        // Conflict: the runner is about to do it itself.
        if (!cleared && cleared.error().code != ErrorCode::conflict)
            spdlog::error("the sandbox of experiment {} can't be cleared away: {}", job.value,
                          cleared.error().to_string());
    };
    tasks_.spawn("clear away " + id.value, clear(parts_.launcher, id, folder));
}

void Engine::lease_lost(const leases::Lease& lease, const Error& why) {
    for (auto& [id, entry] : jobs_) {
        if (entry.job.lease != lease.id || !is_active(entry.job.status)) continue;
        const bool expired = why.code == ErrorCode::timed_out;
        const std::string_view reason = expired ? reason::kLeaseLost : reason::kNodeLost;
        std::string message =
            expired ? "its lease has expired"
                    : "the agent of node " + lease.device.node.value + " gave up the lease and made the device safe";
        auto end = [](Engine& engine, JobId job, std::string because, std::string text) -> Task<void> {
            (void)co_await engine.stop(std::move(job), std::move(because), std::move(text));
        };
        tasks_.spawn("lease lost", end(*this, id, std::string(reason), std::move(message)));
        return;
    }
    // No job holds it: what is left of one that ended while its end could not be stored.
    drop_lease(lease.id);
}

}  // namespace labhub::coordinator::jobs
