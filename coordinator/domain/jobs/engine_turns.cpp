// Whose turn it is: what the schedule is made of, what people see of it, and how they change it.
#include <algorithm>
#include <limits>
#include <set>

#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"

namespace labhub::coordinator::jobs {
namespace {

constexpr std::chrono::seconds kTurnsFor{1};

}  // namespace

Event Engine::happened(std::string_view kind, std::string message, std::string who) const {
    Event event;
    event.time = parts_.clock.utc_now();
    event.kind = kind;
    event.who = std::move(who);
    event.message = std::move(message);
    return event;
}

Waiting Engine::waiting_of(const Job& job) {
    Waiting waiting;
    waiting.id = job.id;
    waiting.user = job.requested_by;
    waiting.priority = job.priority;
    waiting.queued_at = job.created;
    waiting.not_before = job.not_before;
    waiting.is_held = job.is_held;
    waiting.choice = choices_.of(job.needs);
    waiting.needs_device = !job.dry_run;
    waiting.cpus = job.limits.cpus;
    waiting.memory_bytes = job.limits.memory_bytes;
    waiting.time_limit = job.limits.time;
    return waiting;
}

Situation Engine::situation() {
    Situation now;
    now.now = parts_.clock.utc_now();
    now.capacity.jobs = settings_.max_running;
    now.capacity.cpus = settings_.cpus > 0 ? settings_.cpus : std::numeric_limits<double>::infinity();
    now.capacity.memory_bytes = settings_.memory > 0 ? settings_.memory : std::numeric_limits<std::int64_t>::max();
    if (pause_) now.capacity.paused = pause_->reason;
    std::set<DeviceAddress> of_jobs;
    std::set<std::shared_ptr<const DeviceChoice>> wanted;
    for (const auto& [id, entry] : jobs_) {
        const Job& job = entry.job;
        if (job.status == Status::queued && job.stop_reason.empty()) {
            now.waiting.push_back(waiting_of(job));
            if (!job.dry_run) wanted.insert(now.waiting.back().choice);
        } else if (is_active(job.status)) {
            const DeviceAddress device = job.dry_run ? DeviceAddress{} : job.device;
            now.running.push_back({job.requested_by, device, job.limits.cpus, job.limits.memory_bytes, ends_by(job)});
            if (!job.dry_run) of_jobs.insert(job.device);
        }
    }
    std::set<DeviceAddress> looked_at = std::move(of_jobs), wanted_devices;
    for (const auto& choice : wanted) {
        for (const auto& device : choice->devices) {
            wanted_devices.insert(device);
            if (!looked_at.insert(device).second) continue;
            Unavailable state = unavailable(device);
            if (!state.reason.empty()) now.unavailable[device] = std::move(state);
        }
    }
    now.shares = shares(now.now);
    if (reserved) now.reserved = reserved(wanted_devices);
    return now;
}

/// Why a device that no job holds can't be lent; with no reason where it can.
Unavailable Engine::unavailable(const DeviceAddress& device) const {
    if (const auto free = parts_.leases.check_free(device); !free) {
        const leases::Lease* const lease = parts_.leases.find(device);
        return {free.error().message, lease ? std::optional(lease->expires) : std::nullopt};
    }
    if (const auto reached = parts_.fleet.reach(device); !reached) return {reached.error().message, std::nullopt};
    return {};
}

const Engine::Turn* Engine::look_up(const JobId& id) {
    const auto now = parts_.clock.steady_now();
    if (!turns_at_ || now - *turns_at_ > kTurnsFor) {
        Situation present = situation();
        turns_.clear();
        Schedule schedule = make_schedule(present);
        // What could start and hasn't yet is about to.
        std::size_t about_to = 0;
        for (const auto& start : schedule.starts) turns_[start.job].place = {++about_to, "is about to start"};
        for (auto& [job, place] : schedule.waits) {
            place.position += about_to;
            turns_[job].place = std::move(place);
        }
        for (const auto& [job, start] : forecast(std::move(present))) turns_[job].expected_start = start;
        turns_at_ = now;
    }
    const auto found = turns_.find(id);
    return found == turns_.end() ? nullptr : &found->second;
}

std::optional<Engine::Turn> Engine::turn_of(const Job& job) {
    if (job.status != Status::queued) return std::nullopt;
    const Turn* const turn = look_up(job.id);
    return turn ? std::optional(*turn) : std::nullopt;
}

Task<Result<void>> Engine::set_held(JobId id, bool is_held, std::string who) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    if (self->job.status != Status::queued || !self->job.stop_reason.empty()) {
        Error over{
            ErrorCode::conflict, "experiment '" + id.value + "' isn't waiting any more",
            "only a queued experiment can be held or released; it is " + std::string(to_string(self->job.status))};
        co_return over;
    }
    if (self->job.is_held == is_held) co_return Result<void>{};
    self->job.is_held = is_held;
    Job changed = self->job;
    auto event = happened(is_held ? event::kHeld : event::kReleased, "", std::move(who));
    auto stored = co_await parts_.store.update(std::move(changed), std::move(event));
    if (!stored) {
        if (self->job.status == Status::queued) self->job.is_held = !is_held;
        co_return stored;
    }
    tasks_.spawn("queue", run_queue());
    co_return Result<void>{};
}

Task<Result<void>> Engine::pause_queue(std::string why, std::string who) {
    QueuePause pause{std::move(why), std::move(who), parts_.clock.utc_now()};
    const auto before = std::exchange(pause_, pause);
    turns_at_.reset();
    auto stored = co_await parts_.store.set_pause(std::move(pause));
    if (!stored) pause_ = before;
    if (stored) spdlog::info("the queue is paused by {}: {}", pause_->who, pause_->reason);
    co_return stored;
}

Task<Result<void>> Engine::resume_queue() {
    std::optional<QueuePause> none;
    auto stored = co_await parts_.store.set_pause(std::move(none));
    if (!stored) co_return stored;
    pause_.reset();
    spdlog::info("the queue goes on");
    tasks_.spawn("queue", run_queue());
    co_return Result<void>{};
}

}  // namespace labhub::coordinator::jobs
