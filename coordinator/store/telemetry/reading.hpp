#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/store/telemetry/appender.hpp"
#include "coordinator/store/telemetry/catalogue.hpp"
#include "coordinator/store/telemetry/partition_set.hpp"

namespace labhub::coordinator::store::telemetry {

/// What readers read from.
struct Sources {
    Catalogue& catalogue;
    const Appender& appender;
    PartitionSet& partitions;
};

/// A series' samples that were in no partition when they were copied. Between that moment and the reading of a
/// partition they may have been sealed into it; `drop_sealed` leaves out what that partition has by then.
struct Unsealed {
    SampleList active, frozen;
    std::int64_t through = 0;  ///< journal rows up to here are in `frozen` or sealed, later ones in `active`

    void drop_sealed(std::int64_t day, std::int64_t sealed_through);
    SampleList merged() const { return merge(active, frozen); }
};

/// A copy of the first `most` unsealed samples of the series in [from, to]. Who stores waits for some thousands of them
/// at most.
Unsealed unsealed_of(const Sources& sources, SeriesId series, std::int64_t from, std::int64_t to, std::size_t most);
/// The partition of the series' day; nothing when there is none.
Result<std::optional<ReaderLease>> partition_of(const Sources& sources, SeriesId series, std::int64_t day,
                                                PartitionKey* key);

/// Reads one series from a time on, a block at a time. A damaged block is left out, counted and reported.
class SeriesCursor {
  public:
    SeriesCursor(const Sources& sources, SeriesId series, std::int64_t from, std::int64_t to)
        : sources_(sources), series_(series), next_(from), to_(to) {}
    /// The next samples, in order; empty: that was all.
    Result<SampleList> read();
    std::uint64_t damaged() const { return damaged_; }

  private:
    struct Found {
        SampleList samples;
        std::int64_t upto = 0;
    };
    Result<std::optional<Found>> read_block(std::int64_t day, std::int64_t to);
    Result<std::optional<Found>> read_found(Partition& partition, const PartitionKey& key, const StoredBlock& block,
                                            std::int64_t to);

    Sources sources_;
    SeriesId series_;
    std::int64_t next_, to_;
    std::uint64_t damaged_ = 0;
};

/// The series' newest sample.
Result<std::optional<Sample>> newest_of(const Sources& sources, SeriesId series);

}  // namespace labhub::coordinator::store::telemetry
