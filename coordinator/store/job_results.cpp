#include "coordinator/store/job_results.hpp"

#include <unordered_map>

namespace labhub::coordinator::store {

using jobs::Job;

Result<void> load_results(sqlite::Database& database, std::vector<Job>& jobs) {
    std::unordered_map<std::string, Job*> by_id;
    for (auto& job : jobs) by_id[job.id.value] = &job;
    LABHUB_TRY(auto statement, database.prepare("SELECT job_id, keep, downloaded_ms, removed_ms, "
                                                "removed_because FROM job_results"));
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return {};
        const auto found = by_id.find(statement.column_text(0));
        if (found == by_id.end()) continue;
        jobs::StoredResult& result = found->second->result;
        LABHUB_TRY(result.keep, jobs::keep_from(statement.column_text(1)));
        result.downloaded = statement.column_optional<UtcMillis>(2);
        result.removed = statement.column_optional<UtcMillis>(3);
        result.removed_because = statement.column_text(4);
    }
}

Result<void> put_result(sqlite::Database& database, const Job& job) {
    const jobs::StoredResult& result = job.result;
    return database.run(
        "INSERT INTO job_results (job_id, keep, downloaded_ms, removed_ms, removed_because) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE SET keep = excluded.keep, "
        "downloaded_ms = excluded.downloaded_ms, removed_ms = excluded.removed_ms, "
        "removed_because = excluded.removed_because",
        job.id, to_string(result.keep), result.downloaded, result.removed, result.removed_because);
}

}  // namespace labhub::coordinator::store
