#include "coordinator/store/job_usage.hpp"

namespace labhub::coordinator::store {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::chrono::hours kKept{24 * 367};

}  // namespace

Result<void> record_usage(sqlite::Database& database, const jobs::Job& job) {
    if (!jobs::is_final(job.status) || !job.ended || job.cpu_ms.value_or(0) <= 0) return {};
    return database.run("INSERT OR IGNORE INTO job_usage (job_id, ended_ms, user, cpu_ms) VALUES (?, ?, ?, ?)", job.id,
                        *job.ended, job.requested_by, *job.cpu_ms);
}

Result<std::vector<jobs::UsedInHour>> select_usage(sqlite::Database& database, UtcMillis now) {
    LABHUB_CHECK(database.run("DELETE FROM job_usage WHERE ended_ms < ?", now - kKept));
    LABHUB_TRY(auto statement, database.prepare("SELECT user, ended_ms / ?1, SUM(cpu_ms) FROM job_usage "
                                                "GROUP BY 1, 2 ORDER BY 2"));
    statement.bind(1, kHourMs);
    std::vector<jobs::UsedInHour> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return loaded;
        loaded.push_back(
            {statement.column_text(0), UtcMillis{statement.column_int64(1) * kHourMs}, statement.column_int64(2)});
    }
}

}  // namespace labhub::coordinator::store
