// What becomes of results after their job: who wants them kept, who has fetched them, and their removal.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// A client that fetches a result again and again is not written down each time.
constexpr std::chrono::minutes kSameDownload{1};

std::string sentence_of(Keep keep) {
    if (keep == Keep::pinned) return "pinned";
    return keep == Keep::until_downloaded ? "kept until downloaded" : "kept as usual";
}

}  // namespace

Task<Result<void>> Engine::set_keep(JobId id, Keep keep, std::string who) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    auto changeable = check_changeable(*self);
    if (!changeable) co_return changeable;
    const Keep before = std::exchange(self->job.result.keep, keep);
    if (before == keep) co_return Result<void>{};
    auto kept = happened(event::kKept, sentence_of(keep), std::move(who));
    auto stored = co_await parts_.store.put_result(self->job, std::move(kept));
    if (Entry* const now = entry(id); !stored && now) now->job.result.keep = before;
    co_return stored;
}

Result<void> Engine::check_results(const JobId& id) const {
    LABHUB_TRY(const Job* const job, find(id));
    if (!job->result.removed) return {};
    return Error{ErrorCode::not_found,
                 "the results of experiment '" + id.value + "' were removed on " + to_rfc3339(*job->result.removed),
                 job->result.removed_because};
}

void Engine::note_downloaded(const JobId& id) {
    Entry* const self = entry(id);
    if (!self || !has_result(self->job) || self->is_removing) return;
    const UtcMillis now = parts_.clock.utc_now();
    const auto before = std::exchange(self->job.result.downloaded, now);
    if (!before || now - *before > kSameDownload) parts_.store.post_result(self->job);
}

/// First it is written down that they are gone, then they go: whatever ends in between, nothing half is listed, and the
/// rest is done later.
Task<Result<void>> Engine::remove_results(JobId id, std::string because, std::string who) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    auto removable = check_removable(*self);
    if (!removable) co_return removable;
    self->is_removing = true;
    Job removed = self->job;
    removed.result.removed = parts_.clock.utc_now();
    removed.result.removed_because = because;
    auto event = happened(event::kResultsRemoved, because, std::move(who));
    auto stored = co_await parts_.store.put_result(removed, std::move(event));
    if (!stored) {
        self->is_removing = false;
        co_return stored;
    }
    self->job.result = std::move(removed.result);
    self->job.result_bytes = 0;
    parts_.store.post_result_bytes(id, 0);
    auto erase = [&results = parts_.results, id] { return results.remove(id); };
    auto erased = co_await run_blocking(parts_.pool, std::move(erase));
    self->is_removing = false;
    if (erased) spdlog::info("the results of experiment {} were removed: {}", id.value, because);
    co_return erased;
}

/// What is being removed is stored as it will be then: nothing else may be stored of it meanwhile.
Result<void> Engine::check_changeable(const Entry& self) const {
    LABHUB_CHECK(check_results(self.job.id));
    if (!self.is_removing) return {};
    return Error{ErrorCode::conflict, "the results of experiment '" + self.job.id.value + "' are being removed"};
}

Result<void> Engine::check_removable(const Entry& self) const {
    const Job& job = self.job;
    LABHUB_CHECK(check_changeable(self));
    if (!is_final(job.status) || self.is_finishing)
        return Error{ErrorCode::conflict, "experiment '" + job.id.value + "' has not ended yet",
                     "it is " + std::string(to_string(job.status))};
    if (job.result.keep == Keep::pinned)
        return Error{ErrorCode::conflict, "the results of experiment '" + job.id.value + "' are pinned",
                     "unpin them first"};
    return {};
}

Task<Result<std::size_t>> Engine::remove_ended(std::chrono::milliseconds max_age) {
    const UtcMillis before = parts_.clock.utc_now() - max_age;
    std::vector<JobId> old;
    for (const auto& [id, entry] : jobs_)
        if (is_final(entry.job.status) && entry.job.ended.value_or(entry.job.created) < before) old.push_back(id);
    std::size_t removed = 0;
    for (const auto& id : old) {
        Entry* const self = entry(id);
        // Another clean-up may have been here meanwhile, and the id may even be in use again.
        if (!self || !is_final(self->job.status) || self->is_removing || self->is_starting) continue;
        if (has_result(self->job)) {
            if (self->job.result.keep == Keep::pinned || awaits_download(self->job, settings_.retention)) continue;
            auto gone = co_await remove_results(id, "a clean-up was asked for", "");
            if (!gone) co_return std::move(gone).error();
        }
        auto forgotten = co_await remove_record(id);
        if (!forgotten) co_return std::move(forgotten).error();
        ++removed;
    }
    co_return removed;
}

Task<Result<void>> Engine::forget(JobId id, std::string who) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    if (!self->job.result.removed) {
        const std::string because = "removed by " + who;
        auto gone = co_await remove_results(id, because, std::move(who));
        if (!gone) co_return gone;
    }
    co_return co_await remove_record(id);
}

/// Of a job whose files are gone.
Task<Result<void>> Engine::remove_record(JobId id) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    if (self->is_removing || self->is_finishing || self->is_starting) {
        Error busy{ErrorCode::conflict, "the results of experiment '" + id.value + "' are being removed"};
        co_return busy;
    }
    self->is_removing = true;
    auto forgotten = co_await parts_.store.remove(id);
    self->is_removing = false;
    if (forgotten) jobs_.erase(id);
    co_return forgotten;
}

}  // namespace labhub::coordinator::jobs
