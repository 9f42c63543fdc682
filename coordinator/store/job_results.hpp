#pragma once

#include <vector>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::coordinator::store {

// Rows of job_results, within a transaction of JobStore. They go with their job; a job without one has the usual.

Result<void> load_results(sqlite::Database& database, std::vector<jobs::Job>& jobs);
Result<void> put_result(sqlite::Database& database, const jobs::Job& job);

}  // namespace labhub::coordinator::store
