#include "coordinator/store/job_pauses.hpp"

#include <unordered_map>

namespace labhub::coordinator::store {

using jobs::Job;

Result<void> load_pauses(sqlite::Database& database, std::vector<Job>& jobs) {
    std::unordered_map<std::string, Job*> by_id;
    for (auto& job : jobs) by_id[job.id.value] = &job;
    LABHUB_TRY(auto statement, database.prepare("SELECT job_id, since_ms, until_ms, actuators, who, reason "
                                                "FROM job_pauses ORDER BY job_id, since_ms"));
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return {};
        const auto found = by_id.find(statement.column_text(0));
        if (found == by_id.end()) continue;
        jobs::Pause pause;
        pause.since = statement.column_time(1);
        pause.until = statement.column_optional<UtcMillis>(2);
        LABHUB_TRY(pause.actuators, jobs::actuators_from(statement.column_text(3)));
        pause.who = statement.column_text(4);
        pause.reason = statement.column_text(5);
        found->second->pauses.push_back(std::move(pause));
    }
}

Result<void> put_last_pause(sqlite::Database& database, const Job& job) {
    if (job.pauses.empty()) return {};
    const jobs::Pause& last = job.pauses.back();
    return database.run(
        "INSERT INTO job_pauses (job_id, since_ms, until_ms, actuators, who, reason) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (job_id, since_ms) DO UPDATE SET until_ms = excluded.until_ms, actuators = excluded.actuators",
        job.id, last.since, last.until, to_string(last.actuators), last.who, last.reason);
}

}  // namespace labhub::coordinator::store
