#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "coordinator/domain/accounts/quota.hpp"
#include "coordinator/domain/jobs/job.hpp"
#include "coordinator/domain/jobs/schedule.hpp"

namespace labhub::coordinator::jobs {

/// What one user has of the hub now.
struct Holdings {
    std::size_t queued = 0;  ///< also those that are being accepted
    std::size_t running = 0;
    std::int64_t stored_bytes = 0;
    double cpu_hours = 0;         ///< within his window, and of those that run at most so far
    double recent_cpu_hours = 0;  ///< as his fair share has it
};

/// Whether the user may have one more job. Errors forbidden (its priority), too_many (what waits, what is stored; and
/// where it can't wait, what runs), each with who says so.
Result<void> check_quota(const Job& job, const Holdings& has, const accounts::Allowance& may, bool may_queue);

/// The same bounds as the schedule has them. `barred`: why nothing of his is started.
Share share_of(const Holdings& has, const accounts::Allowance& may, std::string barred);

}  // namespace labhub::coordinator::jobs
