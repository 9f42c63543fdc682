#include "coordinator/store/job_rows.hpp"

#include "coordinator/store/job_pauses.hpp"
#include "coordinator/store/job_request.hpp"
#include "coordinator/store/job_results.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::store {
namespace {

using jobs::Job;
using sqlite::Database;
using sqlite::Statement;

template <class T>
std::optional<T> optional_column(const Statement& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return static_cast<T>(row.column_int64(column));
}

std::optional<UtcMillis> time_column(const Statement& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return UtcMillis{row.column_int64(column)};
}

std::string encode_tags(const std::vector<std::string>& tags) {
    return to_json(boost::json::array(tags.begin(), tags.end()));
}

Result<std::vector<std::string>> decode_tags(std::string_view text, const JobId& id) {
    LABHUB_TRY(const auto parsed, parse_json(text));
    auto tags = boost::json::try_value_to<std::vector<std::string>>(parsed);
    if (!tags) return Error{ErrorCode::corrupt, "the stored tags of job " + id.value + " are no list of words"};
    return std::move(*tags);
}

Result<Job> read_job(const Statement& row) {
    Job job;
    job.id = JobId{std::string(row.column_text(0))};
    LABHUB_TRY(job.status, jobs::status_from(row.column_text(1)));
    job.reason = row.column_text(2);
    job.message = row.column_text(3);
    if (const auto device = row.column_text(4); !device.empty()) {
        LABHUB_TRY(job.device, DeviceAddress::parse(device));
    }
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
    LABHUB_TRY(job.labels.tags, decode_tags(row.column_text(22), job.id));
    job.labels.note = row.column_text(23);
    job.result_bytes = optional_column<std::int64_t>(row, 24);
    return job;
}

template <class T>
void bind_optional(Statement& statement, int index, const std::optional<T>& value) {
    if (value)
        statement.bind(index, static_cast<std::int64_t>(*value));
    else
        statement.bind(index, nullptr);
}

}  // namespace

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
                         "priority, not_before_ms, is_held, tags, note) "
                         "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    statement.bind(1, job.id.value);
    statement.bind(2, to_string(job.status));
    statement.bind(3, job.device_name());
    statement.bind(4, job.requested_by);
    statement.bind(5, encode_request(job));
    statement.bind(6, job.script);
    statement.bind(7, job.secret);
    statement.bind(8, job.created.count);
    statement.bind(9, static_cast<std::int64_t>(job.priority));
    statement.bind(10, job.not_before.count);
    statement.bind(11, static_cast<std::int64_t>(job.is_held));
    statement.bind(12, encode_tags(job.labels.tags));
    statement.bind(13, job.labels.note);
    return run(statement);
}

Result<void> update_job(Database& database, const Job& job) {
    LABHUB_TRY(auto statement,
               database.prepare(
                   "UPDATE jobs SET status = ?, reason = ?, message = ?, stop_reason = ?, lease_id = ?, runtime = ?, "
                   "exit_code = ?, signal = ?, peak_memory = ?, cpu_ms = ?, started_ms = ?, ended_ms = ?, is_held = ?, "
                   "result_bytes = ?, device = ? WHERE id = ?"));
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
    bind_optional(statement, 14, job.result_bytes);
    statement.bind(15, job.device_name());
    statement.bind(16, job.id.value);
    return run(statement);
}

Result<void> update_labels(Database& database, const JobId& id, const jobs::Labels& labels) {
    LABHUB_TRY(auto statement, database.prepare("UPDATE jobs SET tags = ?, note = ? WHERE id = ?"));
    statement.bind(1, encode_tags(labels.tags));
    statement.bind(2, labels.note);
    statement.bind(3, id.value);
    return run(statement);
}

Result<std::vector<Job>> select_jobs(Database& database) {
    LABHUB_TRY(
        auto statement,
        database.prepare("SELECT id, status, reason, message, device, requested_by, request, "
                         "CASE WHEN ended_ms IS NULL THEN script ELSE '' END, secret, stop_reason, lease_id, runtime, "
                         "exit_code, signal, peak_memory, cpu_ms, created_ms, started_ms, ended_ms, priority, "
                         "not_before_ms, is_held, tags, note, result_bytes "
                         "FROM jobs ORDER BY created_ms, id"));
    std::vector<Job> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) break;
        LABHUB_TRY(auto job, read_job(statement));
        loaded.push_back(std::move(job));
    }
    LABHUB_CHECK(load_pauses(database, loaded));
    LABHUB_CHECK(load_results(database, loaded));
    return loaded;
}

Result<std::string> select_script(Database& database, const JobId& id) {
    LABHUB_TRY(auto statement, database.prepare("SELECT script FROM jobs WHERE id = ?"));
    statement.bind(1, id.value);
    LABHUB_TRY(const bool row, statement.step());
    if (!row) return Error{ErrorCode::not_found, "no experiment '" + id.value + "'"};
    return std::string(statement.column_text(0));
}

}  // namespace labhub::coordinator::store
