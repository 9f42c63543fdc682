#pragma once

#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordinator/store/telemetry/head.hpp"
#include "coordinator/store/telemetry/journal.hpp"
#include "coordinator/store/telemetry/partition_set.hpp"

namespace labhub::coordinator::store::telemetry {

/// A series in memory.
struct Series {
    SeriesId id{};
    DeviceAddress device;
    std::string metric;
    std::string unit;
    std::vector<ClassSince> classes;

    // Of all that is stored.
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = -1;
    std::uint64_t count = 0;
    std::optional<Sample> newest;  ///< once known
    // Of what is in partitions; the catalogue's row, once the journal is trimmed.
    SeriesFigures sealed;

    Head head;
    std::shared_ptr<const Frozen> frozen;
    std::int64_t newest_staged = -1;
    std::int64_t gap_begin = 0, gap_end = 0;  ///< between these two times partitions are known to hold nothing of it
    bool is_touched = false;                  ///< the present append added to it

    const std::string& class_of(std::int64_t day) const;
    PartitionKey partition_of(std::int64_t time) const;
    /// What is in partitions is this from now on.
    void take_over(const SeriesFigures& in_partitions);
    SeriesRow row() const { return {id, device, metric, unit, 0, 0, 0, classes}; }
};

/// All series, and which class each belongs to. `mutex` guards everything in it and must be held for each call; never
/// while waiting for the disk.
class Catalogue {
  public:
    Catalogue(std::vector<SeriesClass> classes, std::size_t bound) : classes_(std::move(classes)), bound_(bound) {}

    void load(std::vector<SeriesRow> rows);
    Series* get(SeriesId id);
    Series* find(const DeviceAddress& device, std::string_view metric);
    /// The series, made when it is new; `pending` then has it until it is in the journal.
    Result<Series*> resolve(const DeviceAddress& device, std::string_view metric);
    const std::vector<SeriesId>* of_device(const DeviceAddress& device) const;
    std::deque<Series>& all() { return series_; }
    /// Which class a new series belongs to.
    const std::string& class_for(const DeviceAddress& device, const std::string& metric) const;

    std::vector<SeriesRow> pending_rows() const;
    void pending_stored(std::size_t count);

    mutable std::mutex mutex;
    std::uint64_t samples = 0;  ///< of all series

  private:
    struct Device {
        std::map<std::string, SeriesId, std::less<>> metrics;
        std::vector<SeriesId> in_order;
    };
    Series& add(const DeviceAddress& device, std::string_view metric);

    std::vector<SeriesClass> classes_;
    std::size_t bound_;
    std::deque<Series> series_;  ///< by id; places never move
    std::unordered_map<DeviceAddress, Device> devices_;
    std::vector<SeriesId> pending_;
};

}  // namespace labhub::coordinator::store::telemetry
