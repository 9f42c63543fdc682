// What a job has made so far, while it runs.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// Whoever asks again within this gets the same.
constexpr std::chrono::seconds kPartialPeriod{10};
constexpr std::chrono::minutes kCopyLimit{2};
constexpr std::uint64_t kMostPartialBytes = 1ull << 30;

}  // namespace

struct Engine::Partial {
    explicit Partial(asio::any_io_executor executor) : copied(executor), done(executor, Steady::time_point::max()) {}

    bool is_under_way = false;
    std::optional<runner::SnapshotTaken> copy;
    std::optional<Result<PartialResult>> last;
    Steady::time_point made{};
    asio::steady_timer copied;  ///< cancelled when the runner has answered
    asio::steady_timer done;    ///< cancelled when it is made, or can't be
};

Task<Result<PartialResult>> Engine::partial_result(JobId id) {
    const Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    if (!self->job.started || is_final(self->job.status) || self->is_finishing) {
        const std::string why = self->job.started ? " is ending or has ended" : " has not begun";
        Error none{
            ErrorCode::conflict, "experiment '" + id.value + "'" + why,
            "partial results are those of a script that runs; it is " + std::string(to_string(self->job.status))};
        co_return none;
    }
    auto& known = partials_[id];
    if (!known) known = std::make_shared<Partial>(executor_);
    const auto partial = known;
    const bool is_fresh = partial->last && *partial->last && parts_.clock.steady_now() - partial->made < kPartialPeriod;
    if (!is_fresh && !std::exchange(partial->is_under_way, true)) {
        partial->last.reset();
        // It goes on when the one who asked has gone: the next one has it then.
        tasks_.spawn("partial result of " + id.value, make_partial(id, partial));
    }
    while (partial->is_under_way) {
        co_await partial->done.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) break;
    }
    if (partial->last) co_return *partial->last;
    Error gone{ErrorCode::unavailable, "it was not waited for"};
    co_return gone;
}

Task<void> Engine::make_partial(JobId id, std::shared_ptr<Partial> partial) {
    auto made = co_await copy_and_pack(id, partial);
    if (!made) spdlog::warn("no partial result of {}: {}", id.value, made.error().to_string());
    partial->last = std::move(made);
    partial->made = parts_.clock.steady_now();
    partial->is_under_way = false;
    partial->done.cancel();
    const Entry* const self = entry(id);
    if (self && !is_final(self->job.status) && !self->is_finishing) co_return;
    partials_.erase(id);
    auto remove = [&results = parts_.results, id] { return results.remove_partial(id), true; };
    co_await run_blocking(parts_.pool, std::move(remove));
}

Task<Result<PartialResult>> Engine::copy_and_pack(JobId id, std::shared_ptr<Partial> partial) {
    partial->copy.reset();
    if (auto asked = socket_->take_snapshot(id, kMostPartialBytes); !asked) co_return std::move(asked).error();
    partial->copied.expires_after(kCopyLimit);
    if (!partial->copy) co_await partial->copied.async_wait(as_result);
    if (!partial->copy) {
        Error late{ErrorCode::timed_out, "the outputs of experiment '" + id.value + "' were not copied in time",
                   "its runner may be of an earlier version"};
        co_return late;
    }
    const runner::SnapshotTaken copy = *partial->copy;
    if (!copy.failure.empty()) {
        Error failed{ErrorCode::unavailable, "the outputs of experiment '" + id.value + "' can't be copied",
                     copy.failure};
        co_return failed;
    }
    auto events = co_await all_events(id);
    if (!events) co_return std::move(events).error();
    const Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    Job job = self->job;
    auto written = co_await parts_.results.write_partial(std::move(job), std::move(*events), copy.time);
    if (!written) co_return std::move(written).error();
    co_return PartialResult{copy.time, copy.notes};
}

void Engine::runner_copied(const JobId& id, runner::SnapshotTaken taken) {
    const auto found = partials_.find(id);
    if (found == partials_.end() || found->second->copy) return;
    found->second->copy = std::move(taken);
    found->second->copied.cancel();
}

}  // namespace labhub::coordinator::jobs
