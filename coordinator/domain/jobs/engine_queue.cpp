// How a queued job comes to its device, its lease and its runner.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/domain/jobs/params.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// Where the sandbox has our Python packages (runner/oci_config.cpp).
constexpr const char* kPythonFolder = "/opt/labhub/python";

/// Python's own hook to run something before a script, from a folder that only dry runs have in their path.
void add_virtual_time(const Job& job, UtcMillis now, std::map<std::string, std::string>& environment) {
    std::string& path = environment["PYTHONPATH"];
    path = std::string(kPythonFolder) + "/labhub_dry_run/site:" + kPythonFolder + (path.empty() ? "" : ":" + path);
    environment["LABHUB_DRY_RUN"] = job.id.value;
    environment["LABHUB_DRY_RUN_START"] = std::to_string(now.count);
}

}  // namespace

Task<void> Engine::run_queue() {
    is_queue_wanted_ = true;
    turns_at_.reset();
    if (is_queue_running_) co_return;
    is_queue_running_ = true;
    while (std::exchange(is_queue_wanted_, false)) {
        const std::vector<Start> starts = make_schedule(situation()).starts;
        for (const auto& [id, device] : starts) {
            const Entry* const next = entry(id);
            // While another was started this one may have been stopped or held, the device reserved, or everything
            // paused.
            if (!next || next->job.status != Status::queued || !next->job.stop_reason.empty()) continue;
            if (next->job.is_held || pause_ || reserved_before(next->job, device)) continue;
            co_await start_job(id, device);
        }
    }
    is_queue_running_ = false;
    turns_at_.reset();
}

Task<void> Engine::start_job(JobId id, DeviceAddress device) {
    Entry* const self = entry(id);
    if (self->job.dry_run) co_return co_await start_dry_run(id);
    auto lease = parts_.leases.reserve(device, self->job.holder(), lease_time(self->job));
    if (!lease) co_return;
    self->is_starting = true;
    self->job.status = Status::preparing;
    self->job.device = device;
    self->job.lease = lease->id;
    co_await launch(id, *lease);
    self->is_starting = false;
}

/// Whatever it awaits, the job may have been asked to stop when it goes on.
Task<void> Engine::launch(JobId id, leases::Lease lease) {
    Entry* const self = entry(id);
    auto preparing = happened(to_string(Status::preparing), "holds " + lease.device.to_string());
    auto stored = co_await parts_.store.update_with_new_lease(self->job, lease, std::move(preparing));
    if (!stored) {
        spdlog::error("can't store the start of experiment {}: {}", id.value, stored.error().to_string());
        parts_.leases.forget(lease.id);
        self->job.lease = {};
        self->job.give_up_device();
        self->job.status = Status::queued;
    }
    if (!self->job.stop_reason.empty()) co_return end_unstarted(id);
    if (!stored) co_return;
    auto granted = co_await parts_.leases.grant(lease.id);
    if (!granted) co_return co_await back_to_queue(id, granted.error());
    co_await start_runner(id);
}

/// The job is stored as being prepared, and has what it needs.
Task<void> Engine::start_runner(JobId id) {
    Entry* const self = entry(id);
    if (!self->job.stop_reason.empty()) co_return end_unstarted(id);
    auto sound = co_await parts_.images.check_before_use(self->job.image_digest);
    if (!sound) co_return sandbox_failed(id, sound.error());
    if (!self->job.stop_reason.empty()) co_return end_unstarted(id);
    auto placed = co_await place_inputs(self->job);
    if (!placed) co_return sandbox_failed(id, placed.error());
    if (!self->job.stop_reason.empty()) co_return end_unstarted(id);
    auto written = write_job_folder(self->job);
    if (!written) co_return sandbox_failed(id, written.error());
    // Its runner may have reported by the time that start() returns.
    self->lost_since = parts_.clock.steady_now();
    auto starting = parts_.launcher.start(parts_.results.folder_of(id));
    auto started = co_await std::move(starting);
    if (!started) co_return sandbox_failed(id, started.error());
    spdlog::info("experiment {} {} {}; {} is preparing its sandbox", id.value,
                 self->job.dry_run ? "gets a twin of" : "holds", self->job.device.to_string(), *started);
}

/// The node went away between the look and the grant: the job waits again, as if nothing had been.
Task<void> Engine::back_to_queue(JobId id, Error why) {
    spdlog::warn("experiment {} waits on: its node did not take the lease: {}", id.value, why.to_string());
    Entry* const self = entry(id);
    const LeaseId lease = self->job.lease;
    auto released = co_await parts_.leases.release(lease, "not granted: " + why.message);
    if (!released) spdlog::error("can't store the end of a lease: {}", released.error().to_string());
    if (!self->job.stop_reason.empty()) co_return end_unstarted(id);
    self->job.status = Status::queued;
    self->job.lease = {};
    self->job.give_up_device();
    self->lost_since.reset();
    parts_.store.post_update(self->job, happened(to_string(Status::queued), "waits again: " + why.message));
}

Result<void> Engine::write_job_folder(const Job& job) const {
    const auto folder = parts_.results.folder_of(job.id);
    LABHUB_CHECK(make_folder(folder));
    LABHUB_CHECK(runner::write_script(folder, job.script));
    return runner::write_job_spec(folder, spec_of(job));
}

/// The host's own where the default image can't be had: then jobs for it are refused, and no other is like it.
runner::JobSpec Engine::usual_spec() const {
    Job usual;
    if (const auto image = parts_.images.choose(std::nullopt, images::kAdminRole)) {
        usual.image_digest = image->digest;
        usual.python = image->python;
    }
    return spec_of(usual);
}

runner::JobSpec Engine::spec_of(const Job& job) const {
    runner::JobSpec spec;
    spec.job_id = job.id;
    spec.secret = job.secret;
    spec.socket = settings_.socket;
    spec.environment = job.environment;
    spec.environment.merge(params_environment(job.params));
    if (job.dry_run) add_virtual_time(job, parts_.clock.utc_now(), spec.environment);
    spec.limits.memory_bytes = static_cast<std::uint64_t>(job.limits.memory_bytes);
    spec.limits.cpus = job.limits.cpus;
    spec.limits.pids = static_cast<std::uint32_t>(job.limits.pids);
    spec.limits.time_limit_ms = job.limits.time.count();
    spec.limits.grace_ms = settings_.stop_grace.count();
    spec.limits.output_bytes = static_cast<std::uint64_t>(job.limits.output_bytes);
    spec.limits.log_bytes = static_cast<std::uint64_t>(job.limits.log_bytes);
    spec.limits.tmp_bytes = static_cast<std::uint64_t>(job.limits.tmp_bytes);
    spec.root = parts_.images.root_of(job.image_digest);
    if (!job.python.empty()) spec.argv.front() = job.python;
    spec.python_path = settings_.python;
    spec.runtime = settings_.runtime;
    spec.cache_folder = settings_.cache;
    return spec;
}

}  // namespace labhub::coordinator::jobs
