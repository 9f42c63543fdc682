#pragma once

#include <string>

#include "coordinator/domain/jobs/job.hpp"

namespace labhub::coordinator::jobs {

/// Who wants to do something with a job.
struct Actor {
    std::string principal;  ///< "user:ada" or "job:01hq…"
    bool is_admin = false;
};

/// A job is its owner's: whoever asked for it, and administrators, may stop, hold, note, read and delete it. Its own
/// script may where the caller lets scripts in at all. Error forbidden, saying whose it is.
inline Result<void> check_owner(const Job& job, const Actor& actor) {
    if (actor.is_admin || actor.principal == job.requested_by || actor.principal == job.holder()) return {};
    return Error{ErrorCode::forbidden, "experiment '" + job.id.value + "' is not yours",
                 "it is that of " + job.requested_by};
}

}  // namespace labhub::coordinator::jobs
