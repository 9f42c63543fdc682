#pragma once

#include <vector>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::coordinator::store {

// Rows of job_pauses, within a transaction of JobStore. They go with their job.

/// Gives each job its pauses, oldest first.
Result<void> load_pauses(sqlite::Database& database, std::vector<jobs::Job>& jobs);
/// The job's last one as it is now, if it has any: those before it don't change any more.
Result<void> put_last_pause(sqlite::Database& database, const jobs::Job& job);

}  // namespace labhub::coordinator::store
