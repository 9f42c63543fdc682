#include "coordinator/domain/jobs/results_retention.hpp"

#include <spdlog/spdlog.h>

#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {

Task<void> Retention::reconcile() {
    report_.problem.clear();
    report_.removed = 0;
    co_await finish_removals();
    (void)co_await look();
    auto due = due_by_age(engine_.list(), rules_, clock_.utc_now());
    for (auto& removal : due) {
        const bool gone = co_await remove(std::move(removal));
        if (!gone) break;
    }
    co_await make_room();
    report_.last_run = clock_.utc_now();
    if (report_.removed > 0)
        spdlog::info("retention removed {} results; {} are left with {} MiB, {} MiB of the disk are free",
                     report_.removed, report_.results, report_.bytes >> 20, report_.free >> 20);
}

/// What a removal that was cut off has left: files that are not listed any more.
Task<void> Retention::finish_removals() {
    std::vector<JobId> removed;
    if (!has_finished_removals_)
        for (const Job* job : engine_.list())
            if (job->result.removed) removed.push_back(job->id);
    auto finish = [&results = results_, removed = std::move(removed)]() -> Result<void> {
        for (const auto& job : removed) LABHUB_CHECK(results.remove(job));
        return results.finish_removals();
    };
    auto finished = co_await run_blocking(pool_, std::move(finish));
    has_finished_removals_ = has_finished_removals_ || finished.has_value();
    if (!finished) report_.problem = finished.error().to_string();
}

/// False when it can't be told how much room there is.
Task<bool> Retention::look() {
    report_.results = report_.bytes = 0;
    for (const Job* job : engine_.list()) {
        if (!has_result(*job)) continue;
        ++report_.results;
        report_.bytes += job->result_bytes.value_or(0);
    }
    auto ask = [&results = results_] { return results.free_bytes(); };
    auto free = co_await run_blocking(pool_, std::move(ask));
    if (!free) report_.problem = free.error().to_string();
    if (free) report_.free = *free;
    co_return free.has_value();
}

Task<void> Retention::make_room() {
    while (true) {
        const bool known = co_await look();
        if (!known) co_return;
        std::string why = shortage({report_.free, report_.bytes}, rules_);
        if (why.empty()) co_return;
        const auto next = next_for_room(engine_.list());
        if (!next) {
            report_.problem = why + "; every result that is left is pinned";
            co_return;
        }
        Removal removal{*next, std::move(why)};
        const bool gone = co_await remove(std::move(removal));
        if (!gone) co_return;
    }
}

Task<bool> Retention::remove(Removal removal) {
    JobId job = removal.job;
    auto gone = co_await engine_.remove_results(std::move(removal.job), std::move(removal.because), "");
    if (!gone) {
        report_.problem = "the results of experiment " + job.value + " can't be removed: " + gone.error().to_string();
        spdlog::warn("{}", report_.problem);
        co_return false;
    }
    ++report_.removed;
    ++report_.removed_total;
    co_return true;
}

}  // namespace labhub::coordinator::jobs
