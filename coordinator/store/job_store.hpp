#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "coordinator/domain/jobs/job.hpp"
#include "coordinator/domain/jobs/usage.hpp"
#include "coordinator/domain/leases/lease.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::store {

/// Jobs and the leases they hold, in labhub.db. A transition of a job and of its lease is one transaction, so that no
/// crash leaves a lease without a job or a job running without a lease; and so is a transition and its event, so that
/// the record of what happened has no gap, and its end and what it used, so that no quota forgets it. Used from the
/// main thread; the work happens on the writer's. Failures (disk full, corrupt) come back as they are: nothing has
/// changed then.
class JobStore {
  public:
    explicit JobStore(sqlite::Writer& writer) : writer_(writer) {}

    /// Called on the writer's thread for each event that is being stored. Whoever then asks for events() finds it.
    /// Once, before anything else.
    using EventListener = std::function<void(const JobId&)>;
    void listen(EventListener listener) { listener_ = std::make_shared<const EventListener>(std::move(listener)); }

    /// Every job, oldest first; the scripts of ended ones are left out. For the start of the program.
    Task<Result<std::vector<jobs::Job>>> load();
    /// The leases that have not ended.
    Task<Result<std::vector<leases::Lease>>> load_open_leases();

    Task<Result<void>> insert(jobs::Job job, jobs::Event event);
    Task<Result<void>> update(jobs::Job job, jobs::Event event);
    /// The same for callers that don't wait: it takes its place among the writes at once, and a failure is logged.
    void post_update(jobs::Job job, jobs::Event event);
    /// The job takes its lease: both change, or neither.
    Task<Result<void>> update_with_new_lease(jobs::Job job, leases::Lease lease, jobs::Event event);
    /// What people write on a job; update() leaves it alone, as it may change while the job goes on.
    Task<Result<void>> set_labels(JobId id, jobs::Labels labels, jobs::Event event);
    /// The script of a job, of an ended one too. Error not_found.
    Task<Result<std::string>> script_of(JobId id);
    /// What is known of its results, and nothing else of the job; the second for callers that don't wait.
    Task<Result<void>> put_result(jobs::Job job, jobs::Event event);
    void post_result(jobs::Job job);
    /// What happened to a job while nothing of it changed.
    Task<Result<void>> add_event(JobId id, jobs::Event event);
    /// The events of a job with numbers above `after`, at most `limit`, oldest first.
    Task<Result<std::vector<jobs::Event>>> events(JobId id, std::int64_t after, std::int64_t limit);

    /// How many events of that kind a job has.
    Task<Result<std::int64_t>> count_events(JobId id, std::string kind);
    /// What jobs used of the processors, by user and hour, oldest first; those that are deleted too.
    Task<Result<std::vector<jobs::UsedInHour>>> load_usage(UtcMillis now);
    /// For callers that don't wait: a failure is logged.
    void post_result_bytes(JobId id, std::int64_t bytes);

    Task<Result<std::optional<jobs::QueuePause>>> load_pause();
    Task<Result<void>> set_pause(std::optional<jobs::QueuePause> pause);

    Task<Result<void>> insert_lease(leases::Lease lease);
    Task<Result<void>> update_lease(leases::Lease lease);
    Task<Result<void>> remove(JobId id);

  private:
    sqlite::Writer& writer_;
    std::shared_ptr<const EventListener> listener_;
};

}  // namespace labhub::coordinator::store
