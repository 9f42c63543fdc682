// What users may have of the hub, and what they have had.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// What a job that runs may have used so far: until it ends nobody asks its sandbox.
double most_cpu_hours_so_far(const Job& job, UtcMillis now) {
    if (!job.started || now < *job.started) return 0;
    const std::chrono::milliseconds ran = now - *job.started - paused_for(job.pauses, now);
    return job.limits.cpus * std::chrono::duration<double, std::ratio<3600>>(ran).count();
}

}  // namespace

void Engine::count(const Job& job, UtcMillis now, Holdings& has) const {
    if (job.status == Status::queued) ++has.queued;
    if (is_final(job.status)) has.stored_bytes += job.result_bytes.value_or(0);
    if (!is_active(job.status)) return;
    ++has.running;
    const double hours = most_cpu_hours_so_far(job, now);
    has.cpu_hours += hours;
    has.recent_cpu_hours += hours;
}

void Engine::count_past(const std::string& user, UtcMillis now, Holdings& has) const {
    const auto window = parts_.accounts.allowance(user).cpu_window();
    has.cpu_hours += usage_.cpu_seconds(user, now, window) / 3600;
    has.recent_cpu_hours += usage_.recent_cpu_seconds(user, now) / 3600;
}

Holdings Engine::holdings_of(const std::string& user) const {
    const UtcMillis now = parts_.clock.utc_now();
    Holdings has;
    for (const auto& [id, entry] : jobs_)
        if (entry.job.requested_by == user) count(entry.job, now, has);
    for (const auto& [id, arriving] : arriving_) has.queued += arriving.user == user ? 1 : 0;
    count_past(user, now, has);
    return has;
}

/// Of every user with something waiting or running.
std::map<std::string, Share> Engine::shares(UtcMillis now) const {
    std::map<std::string, Holdings> holdings;
    for (const auto& [id, entry] : jobs_)
        if (!is_final(entry.job.status)) count(entry.job, now, holdings[entry.job.requested_by]);
    std::map<std::string, Share> shares;
    for (auto& [user, has] : holdings) {
        count_past(user, now, has);
        shares.emplace(user, share_of(has, parts_.accounts.allowance(user), parts_.accounts.barred(user)));
    }
    return shares;
}

Result<void> Engine::check_user(const Job& job, bool may_queue) const {
    return check_quota(job, holdings_of(job.requested_by), parts_.accounts.allowance(job.requested_by), may_queue);
}

Task<Result<void>> Engine::load_usage() {
    auto hours = co_await parts_.store.load_usage(parts_.clock.utc_now());
    if (!hours) co_return std::move(hours).error();
    for (const UsedInHour& each : *hours) usage_.add(each.user, each.hour, each.cpu_ms);
    co_return Result<void>{};
}

Task<std::optional<std::int64_t>> Engine::result_size(JobId id) {
    auto look = [&results = parts_.results, id] { return results.size_of(id); };
    auto bytes = co_await run_blocking(parts_.pool, std::move(look));
    if (bytes) co_return *bytes;
    spdlog::error("can't tell how large the results of experiment {} are: {}", id.value, bytes.error().to_string());
    co_return std::nullopt;
}

/// Those that ended before their size was kept, or whose size could not be told then.
Task<void> Engine::count_results() {
    std::vector<JobId> unknown;
    for (const auto& [id, entry] : jobs_)
        if (has_result(entry.job) && !entry.job.result_bytes) unknown.push_back(id);
    for (const JobId& id : unknown) {
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        const auto bytes = co_await result_size(id);
        Entry* const self = entry(id);
        if (!bytes || !self || !has_result(self->job) || self->is_removing) continue;
        self->job.result_bytes = *bytes;
        parts_.store.post_result_bytes(id, *bytes);
    }
}

}  // namespace labhub::coordinator::jobs
