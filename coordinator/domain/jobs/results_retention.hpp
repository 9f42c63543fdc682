#pragma once

#include <boost/asio/thread_pool.hpp>

#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/domain/jobs/retention.hpp"

namespace labhub::coordinator::jobs {

/// Removes results that are old enough, or for which there is no room any more, by RetentionRules; finishes removals
/// that a crash has left half done. Lives on the main thread; what blocks runs on the pool.
class Retention {
  public:
    /// Of the last run, and since the start of the program.
    struct Report {
        std::optional<UtcMillis> last_run;
        std::int64_t results = 0;        ///< that are there
        std::int64_t bytes = 0;          ///< of those, as far as they are measured
        std::int64_t free = 0;           ///< bytes of their file system
        std::int64_t removed = 0;        ///< by the last run
        std::int64_t removed_total = 0;  ///< since the start
        std::string problem;             ///< for people; empty: none
    };

    Retention(Engine& engine, const Results& results, RetentionRules rules, const Clock& clock, asio::thread_pool& pool)
        : engine_(engine), results_(results), rules_(rules), clock_(clock), pool_(pool) {}

    /// Idempotent; a reconciler runs it.
    Task<void> reconcile();
    const Report& report() const { return report_; }
    const RetentionRules& rules() const { return rules_; }

  private:
    Task<void> finish_removals();
    Task<void> make_room();
    Task<bool> remove(Removal removal);
    Task<bool> look();

    Engine& engine_;
    const Results& results_;
    RetentionRules rules_;
    const Clock& clock_;
    asio::thread_pool& pool_;
    Report report_;
    bool has_finished_removals_ = false;
};

}  // namespace labhub::coordinator::jobs
