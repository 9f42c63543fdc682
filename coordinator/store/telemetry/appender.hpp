#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "coordinator/store/telemetry/catalogue.hpp"
#include "coordinator/store/telemetry/journal.hpp"
#include "coordinator/store/telemetry/partition_set.hpp"
#include "coordinator/store/telemetry/spool_positions.hpp"

namespace labhub::coordinator::store::telemetry {

/// Everything unsealed at one moment, on its way into partitions.
struct FrozenSet {
    std::int64_t through = 0;  ///< the last journal row in it
    std::vector<std::pair<SeriesId, std::shared_ptr<const Frozen>>> series;
    std::uint64_t samples = 0;
};

/// The way in: stages samples in the heads, each (series, time) once, puts them into the journal, and only then lets
/// them be seen. One append at a time; sealing meets it in freeze and release alone.
class Appender {
  public:
    Appender(Catalogue& catalogue, PartitionSet& partitions, Journal journal, std::size_t unsealed_bound)
        : catalogue_(catalogue), partitions_(partitions), journal_(std::move(journal)), bound_(unsealed_bound) {}

    /// Brings back what the journal holds.
    Result<void> replay();
    /// Gives series another class where the configuration says so, from `from_day` on.
    Result<void> reclassify(std::int64_t from_day);

    /// `positions` are stored with the samples; where there is no new sample, they are not.
    Result<StoreCounts> append(std::span<const NewSample> samples, std::span<const SpoolPosition> positions);
    Result<void> describe(std::span<const DescribedDevice> devices);
    const SpoolPositions& positions() const { return positions_; }

    /// Takes all heads out of use for appends. Readers see them until release.
    FrozenSet freeze();
    /// The frozen samples are in partitions: forgets them here and in the journal.
    Result<void> release(const FrozenSet& frozen);

    /// The partition is to be deleted; `without` is what its series' figures are then.
    Result<void> begin_removal(const PartitionKey& partition, std::span<const SeriesFigures> without);
    Result<void> end_removal(const PartitionKey& partition);

    std::uint64_t unsealed() const { return unsealed_; }
    /// When the oldest unsealed sample was appended; nullopt when there is none.
    std::optional<Steady::time_point> unsealed_since() const;
    bool needs_trim() const { return needs_trim_; }
    /// Rows up to this one are in frozen heads or sealed; later ones are in heads. Under the catalogue's mutex.
    std::int64_t frozen_through() const { return frozen_through_; }
    std::uint64_t journal_bytes() const { return journal_.bytes_on_disk(); }
    std::uint64_t journal_damaged() const { return journal_damaged_; }
    StoreCounts counts() const;

  private:
    struct SealedTimes {
        std::uint64_t hash = 0;
        std::vector<PackedSample> samples;
    };

    Result<void> stage(std::span<const NewSample> samples, StoreCounts& counts);
    Result<void> stage_late(const NewSample& sample, StoreCounts& counts);
    Result<bool> is_sealed(Series& series, std::int64_t time);
    Result<bool> look_up(Series& series, std::int64_t time, Partition& partition, const PartitionKey& key);
    const std::vector<PackedSample>* times_of(Partition& partition, const StoredBlock& block, const PartitionKey& key);
    struct NewUnit {
        Series* series;
        SeriesRow row;
    };
    Result<void> find_new_units(const DescribedDevice& device, std::vector<NewUnit>& units);
    Result<void> store_staged(std::span<const SpoolPosition> positions);
    Result<void> replay_rows();
    void touch(Series& series);
    void roll_back();
    void publish(std::int64_t id);
    Result<void> replay_entry(std::int64_t id, std::string_view bytes);
    Result<void> restage(Series& series, std::int64_t id, std::int64_t time, Quality quality, const Value& value);
    void count_as_sealed(Series& series, std::int64_t time);
    Result<std::int64_t> sealed_through(const PartitionKey& key);

    Catalogue& catalogue_;
    PartitionSet& partitions_;
    mutable std::mutex mutex_;  ///< one append, freeze or release at a time; taken before the catalogue's
    Journal journal_;
    SpoolPositions positions_;
    std::size_t bound_;
    std::int64_t last_id_ = 0;
    std::int64_t frozen_through_ = 0;
    std::vector<Series*> touched_;
    std::vector<Series*> active_;  ///< whose heads aren't empty
    std::vector<const NewSample*> late_;
    std::vector<SeriesId> restated_;  ///< whose figures changed at replay
    std::map<PartitionKey, std::int64_t> replay_sealed_;
    std::list<SealedTimes> sealed_times_;  ///< of the blocks looked at last, newest first
    std::string bytes_;
    std::atomic<std::uint64_t> unsealed_ = 0, journal_damaged_ = 0;
    std::atomic<bool> needs_trim_ = false;
    std::atomic<std::uint64_t> stored_ = 0, duplicates_ = 0, refused_ = 0;
    std::optional<Steady::time_point> since_;  ///< under the catalogue's mutex
};

}  // namespace labhub::coordinator::store::telemetry
