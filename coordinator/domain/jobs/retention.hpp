#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/domain/jobs/job.hpp"

namespace labhub::coordinator::jobs {

/// How long results are kept. Zero: for ever, without bound.
struct RetentionRules {
    std::chrono::milliseconds keep_completed{0};
    std::chrono::milliseconds keep_failed{0};  ///< failed, stopped and timed out
    bool keep_until_downloaded = false;        ///< age counts only once somebody has fetched it
    std::int64_t min_free = 0;                 ///< bytes of the file system that are to stay free
    std::int64_t max_bytes = 0;                ///< of all results together
};

/// What becomes of one result.
struct Outlook {
    std::optional<UtcMillis> goes;  ///< by age; unset: that isn't known, or never
    std::string why;                ///< one sentence for people
};

/// Whether a job has ended, and its files are there and nobody's business but retention's.
bool has_result(const Job& job);
/// Whether somebody is still to fetch it, by its own word or the rule for all.
bool awaits_download(const Job& job, const RetentionRules& rules);
Outlook outlook(const Job& job, const RetentionRules& rules);

/// A result that is to go, and why.
struct Removal {
    JobId job;
    std::string because;
};

/// Those that are old enough, oldest first.
std::vector<Removal> due_by_age(const std::vector<const Job*>& jobs, const RetentionRules& rules, UtcMillis now);

struct Room {
    std::int64_t free = 0;   ///< bytes of the file system
    std::int64_t total = 0;  ///< bytes of all results
};
/// What is wrong with the room, as part of a sentence; empty: nothing.
std::string shortage(const Room& room, const RetentionRules& rules);
/// The next one to go when there is too little room: the oldest of those that were downloaded, else the oldest. Never a
/// pinned one.
std::optional<JobId> next_for_room(const std::vector<const Job*>& jobs);

}  // namespace labhub::coordinator::jobs
