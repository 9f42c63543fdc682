// Pausing: what is stored of it, and how runner, lease and vessel are brought to that.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// A lease outlives the script's time limit by what starting, stopping and collecting may take.
constexpr std::chrono::minutes kLeaseMargin{5};
/// From asking to the last process frozen, with the vessel made safe: more than the runner takes to give up.
constexpr std::chrono::seconds kPauseAnswer{15};
constexpr std::size_t kMostPauses = 1'000;
constexpr std::size_t kMostReasonBytes = 200;

/// A shorter one is not worth freezing for.
constexpr std::chrono::seconds kShortestPause{1};

/// How long a pause from now on may last: the time a job has not run yet still has to fit before what others have
/// reserved.
std::chrono::milliseconds longest_pause(const Job& job, const std::vector<Reserved>& reserved,
                                        std::chrono::milliseconds most, UtcMillis now) {
    const std::chrono::milliseconds ran = now - job.started.value_or(now) - paused_for(job.pauses, now);
    const std::chrono::milliseconds left = job.limits.time - ran;
    for (const auto& entry : reserved)
        if (entry.user != job.requested_by && now < entry.to) most = std::min(most, entry.from - now - left);
    return std::max(most, std::chrono::milliseconds{0});
}

std::string sentence_of(const Pause& pause) {
    std::string text = pause.actuators == Actuators::safe ? "the vessel is made safe" : "the setpoints stay";
    return pause.reason.empty() ? text : text + ": " + pause.reason;
}

}  // namespace

/// What pauses add to a job's time at the most: one that lasts is reckoned in full.
std::chrono::milliseconds Engine::longest_pauses(const Job& job) const {
    const Pause* const present = present_pause(job.pauses);
    return paused_for(job.pauses, present ? present->since + settings_.max_pause : UtcMillis{});
}

std::chrono::milliseconds Engine::lease_time(const Job& job) const {
    return job.limits.time + kLeaseMargin + longest_pauses(job);
}

Result<void> Engine::check_pausable(const Entry& self) const {
    const Job& job = self.job;
    if (job.status != Status::running || !job.stop_reason.empty() || self.is_finishing)
        return Error{ErrorCode::conflict, "experiment '" + job.id.value + "' is not running",
                     "only a running experiment can be paused or resumed; it is " + std::string(to_string(job.status))};
    if (job.dry_run)
        return Error{ErrorCode::unsupported, "experiment '" + job.id.value + "' is a dry run",
                     "its time is its own already; only a real one can be paused"};
    if (self.has_reported && !self.lost_since && !self.pausing.runner)
        return Error{ErrorCode::unsupported, "the runner of experiment '" + job.id.value + "' can't pause it",
                     "it was started by an earlier version"};
    return {};
}

Result<void> Engine::begin_pause(Entry& self, PauseRequest request) {
    Job& job = self.job;
    if (request.reason.size() > kMostReasonBytes)
        return Error{ErrorCode::malformed, "'reason' has " + std::to_string(request.reason.size()) + " bytes",
                     "at most " + std::to_string(kMostReasonBytes)};
    LABHUB_CHECK(check_pausable(self));
    if (job.pauses.size() >= kMostPauses)
        return Error{ErrorCode::too_many, "experiment '" + job.id.value + "' was paused too often",
                     "at most " + std::to_string(kMostPauses) + " times"};
    if (present_pause(job.pauses)) {
        // Making it safe is always possible; the setpoints that were there before are not to be had back.
        if (request.actuators == Actuators::safe) job.pauses.back().actuators = Actuators::safe;
        return {};
    }
    const std::vector<Reserved> others = reserved ? reserved({job.device}) : std::vector<Reserved>{};
    if (longest_pause(job, others, settings_.max_pause, parts_.clock.utc_now()) < kShortestPause)
        return Error{ErrorCode::conflict, job.device.to_string() + " is reserved for somebody else soon",
                     "paused now, experiment '" + job.id.value + "' could not run to its end before that"};
    job.pauses.push_back(
        {parts_.clock.utc_now(), std::nullopt, request.actuators, std::move(request.who), std::move(request.reason)});
    self.pausing.is_safe = false;
    return {};
}

Task<Result<void>> Engine::pause_job(JobId id, PauseRequest request) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    const std::vector<Pause> before = self->job.pauses;
    auto begun = begin_pause(*self, std::move(request));
    if (!begun) co_return begun;
    const Pause wanted = self->job.pauses.back();
    self->pausing.failure.clear();
    if (before.size() < self->job.pauses.size() || before.back().actuators != wanted.actuators) {
        auto paused = happened(event::kPaused, sentence_of(wanted), wanted.who);
        auto stored = co_await parts_.store.update(self->job, std::move(paused));
        Entry* const now = entry(id);
        if (!stored && now && !is_final(now->job.status)) now->job.pauses = before;
        if (!stored) co_return stored;
        turns_at_.reset();
        spdlog::info("experiment {} is being paused by {}: {}", id.value, wanted.who, sentence_of(wanted));
    }
    co_return co_await await_settled(id, true);
}

Task<Result<void>> Engine::resume_job(JobId id, std::string who) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    auto running = check_pausable(*self);
    if (!running) co_return running;
    if (present_pause(self->job.pauses)) {
        auto stored = co_await end_pause(id, "", std::move(who));
        if (!stored) co_return stored;
        spdlog::info("experiment {} goes on", id.value);
    }
    co_return co_await await_settled(id, false);
}

Task<Result<void>> Engine::end_pause(JobId id, std::string why, std::string who) {
    Entry* const self = entry(id);
    if (!self || self->job.status != Status::running || !present_pause(self->job.pauses)) co_return Result<void>{};
    self->job.pauses.back().until = parts_.clock.utc_now();
    turns_at_.reset();
    auto resumed = happened(event::kResumed, std::move(why), std::move(who));
    auto stored = co_await parts_.store.update(self->job, std::move(resumed));
    // Nothing has changed then: the runner was not told either.
    Entry* const now = entry(id);
    if (!stored && now && now->job.status == Status::running) now->job.pauses.back().until.reset();
    co_return stored;
}

/// Waits until what is stored is so. Where it takes too long it goes on: whoever asked is told that it is not known
/// yet.
Task<Result<void>> Engine::await_settled(JobId id, bool is_paused) {
    co_await settle_pause(id);
    const auto deadline = parts_.clock.steady_now() + kPauseAnswer;
    while (true) {
        Entry* const self = entry(id);
        if (!self || self->job.status != Status::running) {
            Error over{ErrorCode::conflict, "experiment '" + id.value + "' was stopped or has ended meanwhile"};
            co_return over;
        }
        if (is_paused && !self->pausing.failure.empty()) {
            Error failed{ErrorCode::unavailable,
                         "experiment '" + id.value + "' could not be paused: " + self->pausing.failure};
            co_return failed;
        }
        const Pause* const present = present_pause(self->job.pauses);
        if (is_paused != (present != nullptr)) {
            Error changed{ErrorCode::conflict, "somebody else has paused or resumed experiment '" + id.value + "'"};
            co_return changed;
        }
        const bool is_there = self->pausing.runner && self->pausing.runner->is_frozen == is_paused;
        const bool wants_safe = present && present->actuators == Actuators::safe;
        if (is_there && (!wants_safe || self->pausing.is_safe)) co_return Result<void>{};
        const auto left = deadline - parts_.clock.steady_now();
        if (left <= Steady::duration{0}) {
            Error late{
                ErrorCode::timed_out,
                "it is not known yet whether experiment '" + id.value + (is_paused ? "' is paused" : "' goes on"),
                "it will be as soon as its runner and its node can be reached"};
            co_return late;
        }
        co_await pause_news(left);
    }
}

Task<void> Engine::pause_news(Steady::duration limit) {
    auto wait = [](asio::steady_timer& news) -> Task<bool> {
        co_await news.async_wait(as_result);
        co_return true;
    };
    auto waiting = wait(pause_news_);
    (void)co_await within(limit, std::move(waiting));
}

/// Those that were left half done by whatever failed or ended.
void Engine::settle_pauses() {
    for (const auto& [id, entry] : jobs_) {
        const bool is_paused = present_pause(entry.job.pauses) != nullptr;
        const bool is_frozen = entry.pausing.runner && entry.pausing.runner->is_frozen;
        if (entry.job.status == Status::running && (is_paused || is_frozen))
            tasks_.spawn("settle pause", settle_pause(id));
    }
}

/// What each of them should be, whatever was done before and whoever has ended meanwhile. Idempotent.
Task<void> Engine::settle_pause(JobId id) {
    Entry* const self = entry(id);
    if (!self || self->job.status != Status::running || self->is_finishing) co_return;
    if (!self->job.pauses.empty()) co_await parts_.leases.set_time(self->job.lease, lease_time(self->job));
    settle_runner(id);
    co_await settle_vessel(id);
}

void Engine::settle_runner(const JobId& id) {
    Entry* const self = entry(id);
    if (!self || self->job.status != Status::running || self->is_finishing) return;
    const Pause* const present = present_pause(self->job.pauses);
    if (self->pausing.runner && self->pausing.runner->is_frozen != (present != nullptr)) {
        const std::vector<Reserved> others = reserved ? reserved({self->job.device}) : std::vector<Reserved>{};
        const auto limit = longest_pause(self->job, others, settings_.max_pause, parts_.clock.utc_now());
        const auto told = present ? socket_->pause_job(id, limit) : socket_->resume_job(id);
        if (!told) spdlog::debug("{}", told.error().to_string());
    }
}

/// Only when nothing of the script can command it any more.
Task<void> Engine::settle_vessel(JobId id) {
    Entry* const self = entry(id);
    const Pause* const present = self ? present_pause(self->job.pauses) : nullptr;
    if (!present || present->actuators != Actuators::safe || self->job.status != Status::running) co_return;
    if (!self->pausing.runner || !self->pausing.runner->is_frozen || self->pausing.is_safe) co_return;
    if (std::exchange(self->pausing.is_making_safe, true)) co_return;
    const std::size_t pauses = self->job.pauses.size();
    auto held = co_await parts_.commander.hold(self->job.device, present->who, "experiment " + id.value + " is paused");
    Entry* const now = entry(id);
    if (!now) co_return;
    now->pausing.is_making_safe = false;
    if (!held)
        spdlog::warn("the vessel of experiment {}, which is paused, is not known to be safe yet: {}", id.value,
                     held.error().to_string());
    // It may have gone on meanwhile, driven its vessel, and be paused anew: that this answer says nothing of.
    const bool is_of_another = now->job.pauses.size() != pauses;
    now->pausing.is_safe = held.has_value() && !is_of_another;
    if (is_of_another) tasks_.spawn("settle pause", settle_pause(id));
    pause_news_.cancel();
}

void Engine::runner_pause_state(const JobId& id, const runner::PauseState& state) {
    Entry* const self = entry(id);
    if (!self || is_final(self->job.status)) return;
    self->pausing.runner = state;
    const bool has_failed =
        !state.failure.empty() && self->job.status == Status::running && present_pause(self->job.pauses);
    if (has_failed) {
        self->pausing.failure = state.failure;
        auto give_up = [](Engine& engine, JobId job, std::string why) -> Task<void> {
            auto ended = co_await engine.end_pause(job, std::move(why), "");
            if (!ended) spdlog::error("can't store that {} is not paused: {}", job.value, ended.error().to_string());
            engine.pause_news_.cancel();
        };
        tasks_.spawn("pause failed", give_up(*this, id, "it could not be paused: " + state.failure));
        return;
    }
    pause_news_.cancel();
    tasks_.spawn("settle pause", settle_pause(id));
}

Result<void> Engine::check_commands(const JobId& id) const {
    const auto found = jobs_.find(id);
    const Pause* const present = found == jobs_.end() ? nullptr : present_pause(found->second.job.pauses);
    if (!present || present->actuators != Actuators::safe) return {};
    if (found->second.job.status != Status::running)
        return Error{ErrorCode::conflict, "experiment '" + id.value + "' was stopped while it was paused",
                     "its vessel stays at its safe values"};
    return Error{ErrorCode::unavailable, "experiment '" + id.value + "' is paused",
                 "its vessel stays at its safe values until it is resumed"};
}

}  // namespace labhub::coordinator::jobs
