#include "coordinator/store/job_store.hpp"

#include "coordinator/store/job_pauses.hpp"
#include "coordinator/store/job_results.hpp"
#include "coordinator/store/job_rows.hpp"
#include "coordinator/store/job_usage.hpp"

namespace labhub::coordinator::store {
namespace {

using jobs::Job;
using leases::Lease;
using sqlite::Database;
using sqlite::Statement;

using Listener = std::shared_ptr<const JobStore::EventListener>;

Result<void> insert_event(Database& database, const JobId& job, const jobs::Event& event, const Listener& listener) {
    LABHUB_TRY(auto statement,
               database.prepare("INSERT INTO job_events (job_id, time_ms, kind, who, message) VALUES (?, ?, ?, ?, ?)"));
    statement.bind(1, job.value);
    statement.bind(2, event.time.count);
    statement.bind(3, event.kind);
    statement.bind(4, event.who);
    statement.bind(5, event.message);
    LABHUB_CHECK(run(statement));
    if (listener) (*listener)(job);
    return {};
}

Result<void> update_with_event(Database& database, const Job& job, const jobs::Event& event, const Listener& listener) {
    LABHUB_CHECK(update_job(database, job));
    LABHUB_CHECK(record_usage(database, job));
    LABHUB_CHECK(put_last_pause(database, job));
    return insert_event(database, job.id, event, listener);
}

Result<std::int64_t> count_of_kind(Database& database, const JobId& job, const std::string& kind) {
    LABHUB_TRY(auto statement, database.prepare("SELECT count(*) FROM job_events WHERE job_id = ? AND kind = ?"));
    statement.bind(1, job.value);
    statement.bind(2, kind);
    LABHUB_TRY([[maybe_unused]] const bool row, statement.step());
    return statement.column_int64(0);
}

Result<std::vector<jobs::Event>> select_events(Database& database, const JobId& job, std::int64_t after,
                                               std::int64_t limit) {
    LABHUB_TRY(auto statement, database.prepare("SELECT number, time_ms, kind, who, message FROM job_events "
                                                "WHERE job_id = ? AND number > ? ORDER BY number LIMIT ?"));
    statement.bind(1, job.value);
    statement.bind(2, after);
    statement.bind(3, limit);
    std::vector<jobs::Event> found;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return found;
        found.push_back({statement.column_int64(0), UtcMillis{statement.column_int64(1)},
                         std::string(statement.column_text(2)), std::string(statement.column_text(3)),
                         std::string(statement.column_text(4))});
    }
}

Result<std::optional<jobs::QueuePause>> select_pause(Database& database) {
    LABHUB_TRY(auto statement, database.prepare("SELECT reason, who, since_ms FROM queue_pause"));
    LABHUB_TRY(const bool row, statement.step());
    if (!row) return std::optional<jobs::QueuePause>{};
    return std::optional(jobs::QueuePause{std::string(statement.column_text(0)), std::string(statement.column_text(1)),
                                          UtcMillis{statement.column_int64(2)}});
}

Result<void> replace_pause(Database& database, const std::optional<jobs::QueuePause>& pause) {
    LABHUB_TRY(auto gone, database.prepare("DELETE FROM queue_pause"));
    LABHUB_CHECK(run(gone));
    if (!pause) return {};
    LABHUB_TRY(auto statement,
               database.prepare("INSERT INTO queue_pause (id, reason, who, since_ms) VALUES (1, ?, ?, ?)"));
    statement.bind(1, pause->reason);
    statement.bind(2, pause->who);
    statement.bind(3, pause->since.count);
    return run(statement);
}

Result<void> insert_open_lease(Database& database, const Lease& lease) {
    LABHUB_TRY(
        auto statement,
        database.prepare("INSERT INTO leases (id, device, holder, granted_ms, expires_ms) VALUES (?, ?, ?, ?, ?)"));
    statement.bind(1, lease.id.value);
    statement.bind(2, lease.device.to_string());
    statement.bind(3, lease.holder);
    statement.bind(4, lease.granted.count);
    statement.bind(5, lease.expires.count);
    return run(statement);
}

Result<std::vector<Lease>> select_open_leases(Database& database) {
    LABHUB_TRY(
        auto statement,
        database.prepare("SELECT id, device, holder, granted_ms, expires_ms FROM leases WHERE ended_ms IS NULL"));
    std::vector<Lease> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return loaded;
        Lease lease;
        lease.id = LeaseId{std::string(statement.column_text(0))};
        LABHUB_TRY(lease.device, DeviceAddress::parse(statement.column_text(1)));
        lease.holder = statement.column_text(2);
        lease.granted = UtcMillis{statement.column_int64(3)};
        lease.expires = UtcMillis{statement.column_int64(4)};
        loaded.push_back(std::move(lease));
    }
}

}  // namespace

Task<Result<std::vector<Job>>> JobStore::load() {
    return writer_.write([](Database& database) { return select_jobs(database); });
}

Task<Result<std::vector<Lease>>> JobStore::load_open_leases() {
    return writer_.write([](Database& database) { return select_open_leases(database); });
}

Task<Result<void>> JobStore::insert(Job job, jobs::Event event) {
    return writer_.write(
        [job = std::move(job), event = std::move(event), listener = listener_](Database& database) -> Result<void> {
            LABHUB_CHECK(insert_job(database, job));
            return insert_event(database, job.id, event, listener);
        });
}

Task<Result<void>> JobStore::update(Job job, jobs::Event event) {
    return writer_.write([job = std::move(job), event = std::move(event), listener = listener_](Database& database) {
        return update_with_event(database, job, event, listener);
    });
}

void JobStore::post_update(Job job, jobs::Event event) {
    writer_.post([job = std::move(job), event = std::move(event), listener = listener_](Database& database) {
        return update_with_event(database, job, event, listener);
    });
}

Task<Result<void>> JobStore::update_with_new_lease(Job job, Lease lease, jobs::Event event) {
    return writer_.write([job = std::move(job), lease = std::move(lease), event = std::move(event),
                          listener = listener_](Database& database) -> Result<void> {
        LABHUB_CHECK(insert_open_lease(database, lease));
        return update_with_event(database, job, event, listener);
    });
}

Task<Result<void>> JobStore::put_result(Job job, jobs::Event event) {
    return writer_.write(
        [job = std::move(job), event = std::move(event), listener = listener_](Database& database) -> Result<void> {
            LABHUB_CHECK(store::put_result(database, job));
            return insert_event(database, job.id, event, listener);
        });
}

void JobStore::post_result(Job job) {
    writer_.post([job = std::move(job)](Database& database) { return store::put_result(database, job); });
}

Task<Result<void>> JobStore::add_event(JobId id, jobs::Event event) {
    return writer_.write([id = std::move(id), event = std::move(event), listener = listener_](Database& database) {
        return insert_event(database, id, event, listener);
    });
}

Task<Result<std::vector<jobs::Event>>> JobStore::events(JobId id, std::int64_t after, std::int64_t limit) {
    return writer_.write(
        [id = std::move(id), after, limit](Database& database) { return select_events(database, id, after, limit); });
}

Task<Result<std::int64_t>> JobStore::count_events(JobId id, std::string kind) {
    return writer_.write(
        [id = std::move(id), kind = std::move(kind)](Database& database) { return count_of_kind(database, id, kind); });
}

Task<Result<std::vector<jobs::UsedInHour>>> JobStore::load_usage(UtcMillis now) {
    return writer_.write([now](Database& database) { return select_usage(database, now); });
}

void JobStore::post_result_bytes(JobId id, std::int64_t bytes) {
    writer_.post([id = std::move(id), bytes](Database& database) {
        return database.run("UPDATE jobs SET result_bytes = ? WHERE id = ?", bytes, id);
    });
}

Task<Result<std::optional<jobs::QueuePause>>> JobStore::load_pause() {
    return writer_.write([](Database& database) { return select_pause(database); });
}

Task<Result<void>> JobStore::set_pause(std::optional<jobs::QueuePause> pause) {
    return writer_.write([pause = std::move(pause)](Database& database) { return replace_pause(database, pause); });
}

Task<Result<void>> JobStore::insert_lease(Lease lease) {
    return writer_.write([lease = std::move(lease)](Database& database) { return insert_open_lease(database, lease); });
}

Task<Result<void>> JobStore::update_lease(Lease lease) {
    return writer_.write([lease = std::move(lease)](Database& database) -> Result<void> {
        LABHUB_TRY(auto statement,
                   database.prepare("UPDATE leases SET expires_ms = ?, ended_ms = ?, end_reason = ? WHERE id = ?"));
        statement.bind(1, lease.expires.count);
        bind_time(statement, 2, lease.ended);
        statement.bind(3, lease.end_reason);
        statement.bind(4, lease.id.value);
        return run(statement);
    });
}

Task<Result<void>> JobStore::set_labels(JobId id, jobs::Labels labels, jobs::Event event) {
    return writer_.write([id = std::move(id), labels = std::move(labels), event = std::move(event),
                          listener = listener_](Database& database) -> Result<void> {
        LABHUB_CHECK(update_labels(database, id, labels));
        return insert_event(database, id, event, listener);
    });
}

Task<Result<std::string>> JobStore::script_of(JobId id) {
    return writer_.write([id = std::move(id)](Database& database) { return select_script(database, id); });
}

Task<Result<void>> JobStore::remove(JobId id) {
    return writer_.write([id = std::move(id)](Database& database) -> Result<void> {
        LABHUB_TRY(auto statement, database.prepare("DELETE FROM jobs WHERE id = ?"));
        statement.bind(1, id.value);
        return run(statement);
    });
}

}  // namespace labhub::coordinator::store
