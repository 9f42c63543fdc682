#pragma once

#include <vector>

#include "coordinator/domain/jobs/job.hpp"
#include "coordinator/domain/jobs/usage.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::coordinator::store {

/// What an ended job used; nothing for one that hasn't ended, or whose end is recorded. For the transaction of its end.
Result<void> record_usage(sqlite::Database& database, const jobs::Job& job);

/// Summed by user and hour. Older than a year is deleted, as no window looks back so far.
Result<std::vector<jobs::UsedInHour>> select_usage(sqlite::Database& database, UtcMillis now);

}  // namespace labhub::coordinator::store
