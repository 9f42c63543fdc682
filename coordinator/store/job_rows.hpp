#pragma once

#include <vector>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/sqlite/database.hpp"

/// A job as a row of the table `jobs`. On the writer's thread, in its transaction.
namespace labhub::coordinator::store {

Result<void> insert_job(sqlite::Database& database, const jobs::Job& job);
/// What a job's way from the queue to its end changes; tags and note stay as they are.
Result<void> update_job(sqlite::Database& database, const jobs::Job& job);
/// What people write on it, and nothing else.
Result<void> update_labels(sqlite::Database& database, const JobId& id, const jobs::Labels& labels);
/// Every job, oldest first; without the scripts of ended ones.
Result<std::vector<jobs::Job>> select_jobs(sqlite::Database& database);
/// Of a job that has ended too. Error not_found.
Result<std::string> select_script(sqlite::Database& database, const JobId& id);

/// Executes a statement that gives no rows.
Result<void> run(sqlite::Statement& statement);
void bind_time(sqlite::Statement& statement, int index, const std::optional<UtcMillis>& time);

}  // namespace labhub::coordinator::store
