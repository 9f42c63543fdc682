#include "coordinator/store/job_store.hpp"

#include "shared/base/json.hpp"

namespace labhub::coordinator::store {
namespace {

using jobs::Job;
using leases::Lease;
using sqlite::Database;
using sqlite::Statement;

std::string encode_request(const Job& job) {
    boost::json::object environment;
    for (const auto& [name, value] : job.environment) environment[name] = value;
    boost::json::array declared;
    for (const auto& alarm : job.alarms) declared.push_back(alarms::to_json_object(alarm));
    return to_json(boost::json::object{{"memory_bytes", job.limits.memory_bytes},
                                       {"cpus", job.limits.cpus},
                                       {"pids", job.limits.pids},
                                       {"time_limit_ms", job.limits.time.count()},
                                       {"output_bytes", job.limits.output_bytes},
                                       {"log_bytes", job.limits.log_bytes},
                                       {"tmp_bytes", job.limits.tmp_bytes},
                                       {"image", job.image},
                                       {"image_digest", job.image_digest},
                                       {"python", job.python},
                                       {"environment", std::move(environment)},
                                       {"alarms", std::move(declared)}});
}

Result<void> decode_alarms(const boost::json::object& object, Job& job) {
    const auto* const stored = object.if_contains("alarms");
    if (!stored || !stored->is_array()) return {};
    for (const auto& each : stored->get_array()) {
        if (!each.is_object())
            return Error{ErrorCode::corrupt, "a stored alarm of job " + job.id.value + " is not an object"};
        LABHUB_TRY(auto declared, alarms::experiment_alarm_from(each.get_object()));
        job.alarms.push_back(std::move(declared));
    }
    return {};
}

Result<void> decode_request(std::string_view text, Job& job) {
    LABHUB_TRY(const auto parsed, parse_json(text));
    if (!parsed.is_object())
        return Error{ErrorCode::corrupt, "the stored request of job " + job.id.value + " is not an object"};
    const auto& object = parsed.get_object();
    const auto whole = [&](std::string_view name, std::int64_t otherwise) {
        const auto* found = object.if_contains(name);
        return found && found->is_number() ? found->to_number<std::int64_t>() : otherwise;
    };
    job.limits.memory_bytes = whole("memory_bytes", job.limits.memory_bytes);
    job.limits.pids = whole("pids", job.limits.pids);
    job.limits.time = std::chrono::milliseconds{whole("time_limit_ms", job.limits.time.count())};
    job.limits.output_bytes = whole("output_bytes", job.limits.output_bytes);
    job.limits.log_bytes = whole("log_bytes", job.limits.log_bytes);
    job.limits.tmp_bytes = whole("tmp_bytes", job.limits.tmp_bytes);
    const auto word = [&](std::string_view name) {
        const auto* found = object.if_contains(name);
        return found && found->is_string() ? std::string(found->get_string()) : std::string{};
    };
    job.image = word("image");
    job.image_digest = word("image_digest");
    job.python = word("python");
    if (const auto* cpus = object.if_contains("cpus"); cpus && cpus->is_number())
        job.limits.cpus = cpus->to_number<double>();
    if (const auto* environment = object.if_contains("environment"); environment && environment->is_object())
        for (const auto& entry : environment->get_object())
            if (entry.value().is_string()) job.environment.emplace(entry.key(), entry.value().get_string());
    return decode_alarms(object, job);
}

template <class T>
std::optional<T> optional_column(const Statement& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return static_cast<T>(row.column_int64(column));
}

std::optional<UtcMillis> time_column(const Statement& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return UtcMillis{row.column_int64(column)};
}

Result<Job> read_job(const Statement& row) {
    Job job;
    job.id = JobId{std::string(row.column_text(0))};
    LABHUB_TRY(job.status, jobs::status_from(row.column_text(1)));
    job.reason = row.column_text(2);
    job.message = row.column_text(3);
    LABHUB_TRY(job.device, DeviceAddress::parse(row.column_text(4)));
    job.requested_by = row.column_text(5);
    LABHUB_CHECK(decode_request(row.column_text(6), job));
    job.script = row.column_text(7);
    job.secret = row.column_text(8);
    job.stop_reason = row.column_text(9);
    job.lease = LeaseId{std::string(row.column_text(10))};
    job.runtime = row.column_text(11);
    job.exit_code = optional_column<int>(row, 12);
    job.signal = optional_column<int>(row, 13);
    job.peak_memory_bytes = optional_column<std::int64_t>(row, 14);
    job.cpu_ms = optional_column<std::int64_t>(row, 15);
    job.created = UtcMillis{row.column_int64(16)};
    job.started = time_column(row, 17);
    job.ended = time_column(row, 18);
    job.priority = static_cast<int>(row.column_int64(19));
    job.not_before = UtcMillis{row.column_int64(20)};
    job.is_held = row.column_int64(21) != 0;
    return job;
}

template <class T>
void bind_optional(Statement& statement, int index, const std::optional<T>& value) {
    if (value)
        statement.bind(index, static_cast<std::int64_t>(*value));
    else
        statement.bind(index, nullptr);
}

void bind_time(Statement& statement, int index, const std::optional<UtcMillis>& time) {
    if (time)
        statement.bind(index, time->count);
    else
        statement.bind(index, nullptr);
}

Result<void> run(Statement& statement) {
    LABHUB_TRY([[maybe_unused]] const bool row, statement.step());
    return {};
}

Result<void> insert_job(Database& database, const Job& job) {
    LABHUB_TRY(
        auto statement,
        database.prepare("INSERT INTO jobs (id, status, device, requested_by, request, script, secret, created_ms, "
                         "priority, not_before_ms, is_held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    statement.bind(1, job.id.value);
    statement.bind(2, to_string(job.status));
    statement.bind(3, job.device.to_string());
    statement.bind(4, job.requested_by);
    statement.bind(5, encode_request(job));
    statement.bind(6, job.script);
    statement.bind(7, job.secret);
    statement.bind(8, job.created.count);
    statement.bind(9, static_cast<std::int64_t>(job.priority));
    statement.bind(10, job.not_before.count);
    statement.bind(11, static_cast<std::int64_t>(job.is_held));
    return run(statement);
}

Result<void> update_job(Database& database, const Job& job) {
    LABHUB_TRY(auto statement,
               database.prepare(
                   "UPDATE jobs SET status = ?, reason = ?, message = ?, stop_reason = ?, lease_id = ?, runtime = ?, "
                   "exit_code = ?, signal = ?, peak_memory = ?, cpu_ms = ?, started_ms = ?, ended_ms = ?, is_held = ? "
                   "WHERE id = ?"));
    statement.bind(1, to_string(job.status));
    statement.bind(2, job.reason);
    statement.bind(3, job.message);
    statement.bind(4, job.stop_reason);
    statement.bind(5, job.lease.value);
    statement.bind(6, job.runtime);
    bind_optional(statement, 7, job.exit_code);
    bind_optional(statement, 8, job.signal);
    bind_optional(statement, 9, job.peak_memory_bytes);
    bind_optional(statement, 10, job.cpu_ms);
    bind_time(statement, 11, job.started);
    bind_time(statement, 12, job.ended);
    statement.bind(13, static_cast<std::int64_t>(job.is_held));
    statement.bind(14, job.id.value);
    return run(statement);
}

Result<void> insert_event(Database& database, const JobId& job, const jobs::Event& event) {
    LABHUB_TRY(auto statement,
               database.prepare("INSERT INTO job_events (job_id, time_ms, kind, who, message) VALUES (?, ?, ?, ?, ?)"));
    statement.bind(1, job.value);
    statement.bind(2, event.time.count);
    statement.bind(3, event.kind);
    statement.bind(4, event.who);
    statement.bind(5, event.message);
    return run(statement);
}

Result<void> update_with_event(Database& database, const Job& job, const jobs::Event& event) {
    LABHUB_CHECK(update_job(database, job));
    return insert_event(database, job.id, event);
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

Result<std::vector<Job>> select_jobs(Database& database) {
    LABHUB_TRY(
        auto statement,
        database.prepare("SELECT id, status, reason, message, device, requested_by, request, "
                         "CASE WHEN ended_ms IS NULL THEN script ELSE '' END, secret, stop_reason, lease_id, runtime, "
                         "exit_code, signal, peak_memory, cpu_ms, created_ms, started_ms, ended_ms, priority, "
                         "not_before_ms, is_held "
                         "FROM jobs ORDER BY created_ms, id"));
    std::vector<Job> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return loaded;
        LABHUB_TRY(auto job, read_job(statement));
        loaded.push_back(std::move(job));
    }
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
    return writer_.write([job = std::move(job), event = std::move(event)](Database& database) -> Result<void> {
        LABHUB_CHECK(insert_job(database, job));
        return insert_event(database, job.id, event);
    });
}

Task<Result<void>> JobStore::update(Job job, jobs::Event event) {
    return writer_.write([job = std::move(job), event = std::move(event)](Database& database) {
        return update_with_event(database, job, event);
    });
}

void JobStore::post_update(Job job, jobs::Event event) {
    writer_.post([job = std::move(job), event = std::move(event)](Database& database) {
        return update_with_event(database, job, event);
    });
}

Task<Result<void>> JobStore::update_with_new_lease(Job job, Lease lease, jobs::Event event) {
    return writer_.write(
        [job = std::move(job), lease = std::move(lease), event = std::move(event)](Database& database) -> Result<void> {
            LABHUB_CHECK(insert_open_lease(database, lease));
            return update_with_event(database, job, event);
        });
}

Task<Result<void>> JobStore::add_event(JobId id, jobs::Event event) {
    return writer_.write([id = std::move(id), event = std::move(event)](Database& database) {
        return insert_event(database, id, event);
    });
}

Task<Result<std::vector<jobs::Event>>> JobStore::events(JobId id, std::int64_t after, std::int64_t limit) {
    return writer_.write(
        [id = std::move(id), after, limit](Database& database) { return select_events(database, id, after, limit); });
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

Task<Result<void>> JobStore::remove(JobId id) {
    return writer_.write([id = std::move(id)](Database& database) -> Result<void> {
        LABHUB_TRY(auto statement, database.prepare("DELETE FROM jobs WHERE id = ?"));
        statement.bind(1, id.value);
        return run(statement);
    });
}

}  // namespace labhub::coordinator::store
