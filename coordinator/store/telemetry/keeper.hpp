#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/store/telemetry/appender.hpp"
#include "coordinator/store/telemetry/partition_set.hpp"

namespace labhub::coordinator::store::telemetry {

/// What is done to stored samples behind everyone's back: heads are sealed into partitions, small blocks merged, damage
/// set aside, old days deleted. Any thread, one at a time. What fails is tried again at the next call; the journal
/// keeps what isn't sealed.
class Keeper {
  public:
    Keeper(Catalogue& catalogue, Appender& appender, PartitionSet& partitions, const TelemetryOptions& options,
           const Clock& clock);

    /// What is due; `all` whether due or not.
    Result<TendReport> tend(bool all);
    /// Partitions whose deletion an earlier run began and this one has finished; the journal is still to be told.
    void were_removed(const std::vector<PartitionKey>& keys);
    /// Counters and the last failure, for statistics.
    void add_to(TelemetryStatistics& statistics) const;

  private:
    using Samples = std::vector<std::pair<SeriesId, SampleList>>;

    Result<void> mend(TendReport& report);
    Result<void> mend_one(const Damage& damage, TendReport& report);
    bool is_seal_due() const;
    Result<void> seal(TendReport& report);
    std::map<PartitionKey, Samples> by_partition(const FrozenSet& frozen);
    Result<void> seal_into(const PartitionKey& key, const Samples& samples, std::int64_t through);
    Result<void> compact(bool all, TendReport& report);
    Result<void> compact_one(const PartitionKey& key, bool is_final, TendReport& report);
    Result<void> look_into_old_files();
    Result<void> retain(TendReport& report);
    Result<void> retain_class(const SeriesClass& rule, std::int64_t present, bool may_age, TendReport& report);
    /// Whether the wall clock has gone with the monotonic one for an hour.
    bool is_clock_proven();
    /// What ages are reckoned from: today, but never later than the newest day that readings are of, so that a clock
    /// years ahead (no battery, before NTP) deletes nothing.
    std::int64_t present_day();
    /// The journal knows of a deletion before the file goes, and until it has gone: figures and files agree after any
    /// crash.
    Result<void> remove(const PartitionKey& key, const std::string& why, TendReport& report);
    Result<void> end_removal(const PartitionKey& key);
    Result<void> end_removals();
    std::vector<SeriesFigures> figures_without(const PartitionKey& key);
    void add_untold(const PartitionKey& key, std::vector<SeriesTotals>& totals);
    struct Edge {
        std::size_t place = 0;   ///< in the figures
        bool is_newest = false;  ///< the newest sample goes, too
    };
    void find_edges(const PartitionKey& leaving, const std::map<SeriesId, Edge>& unsure,
                    std::vector<SeriesFigures>& figures);
    std::vector<SeriesTotals> totals_of(const PartitionKey& key, bool with_damaged);
    Result<void> note(Result<void> outcome);

    Catalogue& catalogue_;
    Appender& appender_;
    PartitionSet& partitions_;
    const TelemetryOptions& options_;
    const Clock& clock_;

    std::mutex mutex_;  ///< one tend at a time
    std::optional<FrozenSet> frozen_;
    std::map<PartitionKey, std::set<SeriesId>> unmerged_;  ///< what has been added to since its last compaction
    std::vector<PartitionKey> unseen_;                     ///< files of before this start
    std::set<PartitionKey> removing_;                      ///< gone, but the journal still says that they are to go
    Steady::time_point next_retention_{};
    UtcMillis seen_utc_;  ///< both clocks at the last look
    Steady::time_point seen_steady_{};
    Steady::time_point proven_at_{};
    bool has_aged_ = false;   ///< a look has deleted something by age since the clock's last step
    bool is_behind_ = false;  ///< said that the newest readings are old

    mutable std::mutex figures_mutex_;
    TelemetryStatistics figures_;  ///< its counters and failure alone
};

}  // namespace labhub::coordinator::store::telemetry
