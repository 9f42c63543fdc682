#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/store/telemetry/partition_set.hpp"
#include "shared/base/result.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::coordinator::store::telemetry {

/// From which day on a series' samples go to which class.
struct ClassSince {
    std::int64_t from_day = 0;
    std::string class_name;
};

/// A series' row in the catalogue. The figures are of the samples in partitions.
struct SeriesRow {
    SeriesId id{};
    DeviceAddress device;
    std::string metric;
    std::string unit;
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::uint64_t count = 0;
    std::vector<ClassSince> classes;
};

/// How far a node's spool is stored; `life` is the hash of its name.
struct StoredPosition {
    NodeId node;
    std::uint64_t life = 0;
    std::int64_t position = 0;
};

/// What the catalogue notes of a series' samples in partitions.
struct SeriesFigures {
    SeriesId id{};
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::uint64_t count = 0;
};

/// journal.db: the catalogue of series, and one row of packed readings for each commit until they are sealed. Every
/// call is a transaction that is on disk when it returns (WAL, synchronous=FULL). One thread at a time.
class Journal {
  public:
    static Result<Journal> open(const std::filesystem::path& path);

    Result<std::vector<SeriesRow>> load_series();
    /// As the last trim left them; later ones are in the rows.
    Result<std::vector<StoredPosition>> load_positions();
    /// Calls `entry` with each stored row in order; one whose checksum is wrong is set aside and counted, and the
    /// positions of spools are forgotten, as they cover what it held.
    Result<void> replay(const std::function<Result<void>(std::int64_t id, std::string_view bytes)>& entry);
    /// Stores new series and a row of readings together. Returns the row's id.
    Result<std::int64_t> commit(std::span<const SeriesRow> new_series, std::string_view bytes);
    Result<void> set_units(std::span<const SeriesRow> new_series, std::span<const SeriesRow> changed);
    Result<void> add_class(SeriesId series, const ClassSince& since);
    /// Forgets the rows up to `through`, which are in partitions now, and takes over the series' figures and the
    /// positions that came in rows.
    Result<void> trim(std::int64_t through, std::span<const SeriesFigures> figures,
                      std::span<const StoredPosition> positions);

    /// A partition is about to be deleted: takes over the figures that its series have without it, and remembers it
    /// until end_removal says that its file is gone.
    Result<void> begin_removal(const PartitionKey& partition, std::span<const SeriesFigures> figures);
    Result<void> end_removal(const PartitionKey& partition);
    /// Those begun and not ended.
    Result<std::vector<PartitionKey>> removals();

    /// The id of the last row there ever was.
    Result<std::int64_t> last_id();
    std::uint64_t damaged() const { return damaged_; }
    std::uint64_t bytes_on_disk() const;

  private:
    Journal(sqlite::Database database, std::filesystem::path path)
        : database_(std::move(database)), path_(std::move(path)) {}
    Result<void> insert(std::span<const SeriesRow> series);
    Result<void> load_classes(std::vector<SeriesRow>& rows);
    Result<void> set_aside(const std::vector<std::int64_t>& ids);
    Result<void> set_figures(std::span<const SeriesFigures> figures);

    sqlite::Database database_;
    std::filesystem::path path_;
    std::uint64_t damaged_ = 0;
};

}  // namespace labhub::coordinator::store::telemetry
