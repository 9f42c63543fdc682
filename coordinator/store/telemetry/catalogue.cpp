#include "coordinator/store/telemetry/catalogue.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace labhub::coordinator::store::telemetry {
namespace {

const std::string kDefaultClass = "default";

bool matches(const std::string& pattern, const std::string& text) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

}  // namespace

const std::string& Series::class_of(std::int64_t day) const {
    const auto after = std::upper_bound(classes.begin(), classes.end(), day,
                                        [](std::int64_t d, const ClassSince& since) { return d < since.from_day; });
    return after == classes.begin() ? classes.front().class_name : std::prev(after)->class_name;
}

PartitionKey Series::partition_of(std::int64_t time) const {
    const std::int64_t day = day_of(time);
    return {day, class_of(day)};
}

void Series::take_over(const SeriesFigures& in_partitions) {
    sealed = in_partitions;
    count = sealed.count + (frozen ? frozen->size() : 0) + head.committed();
    const std::int64_t last_before = last;
    first = std::numeric_limits<std::int64_t>::max();
    last = -1;
    const auto add = [this](std::int64_t its_first, std::int64_t its_last) {
        first = std::min(first, its_first);
        last = std::max(last, its_last);
    };
    if (sealed.count > 0) add(sealed.first, sealed.last);
    if (frozen) add(frozen->first(), frozen->last());
    if (head.committed() > 0) add(head.first(), head.last());
    if (last != last_before) newest.reset();
}

const std::string& Catalogue::class_for(const DeviceAddress& device, const std::string& metric) const {
    const std::string path = device.to_string() + "/" + metric;
    for (const auto& one : classes_)
        for (const auto& pattern : one.patterns)
            if (matches(pattern, path) || matches(pattern, metric)) return one.name;
    return kDefaultClass;
}

Series& Catalogue::add(const DeviceAddress& device, std::string_view metric) {
    Series& series = series_.emplace_back();
    series.id = static_cast<SeriesId>(series_.size());
    series.device = device;
    series.metric = metric;
    series.sealed.id = series.id;
    Device& entry = devices_[device];
    entry.metrics.emplace(series.metric, series.id);
    entry.in_order.push_back(series.id);
    return series;
}

void Catalogue::load(std::vector<SeriesRow> rows) {
    for (auto& row : rows) {
        Series& series = add(row.device, row.metric);
        series.unit = std::move(row.unit);
        series.classes = std::move(row.classes);
        series.sealed = {series.id, row.first, row.last, row.count};
        if (row.count == 0) continue;
        series.first = row.first;
        series.last = series.newest_staged = row.last;
        series.count = row.count;
        samples += row.count;
    }
}

Series* Catalogue::get(SeriesId id) {
    const auto place = static_cast<std::size_t>(id) - 1;
    return place < series_.size() ? &series_[place] : nullptr;
}

Series* Catalogue::find(const DeviceAddress& device, std::string_view metric) {
    const auto found = devices_.find(device);
    if (found == devices_.end()) return nullptr;
    const auto id = found->second.metrics.find(metric);
    return id == found->second.metrics.end() ? nullptr : get(id->second);
}

Result<Series*> Catalogue::resolve(const DeviceAddress& device, std::string_view metric) {
    if (Series* known = find(device, metric)) return known;
    if (series_.size() >= bound_)
        return Error{ErrorCode::too_many,
                     "the telemetry store has " + std::to_string(series_.size()) + " series and takes no more",
                     "raise telemetry.series_bound if these metrics are meant"};
    Series& series = add(device, metric);
    series.classes.push_back({0, class_for(device, series.metric)});
    pending_.push_back(series.id);
    return &series;
}

const std::vector<SeriesId>* Catalogue::of_device(const DeviceAddress& device) const {
    const auto found = devices_.find(device);
    return found == devices_.end() ? nullptr : &found->second.in_order;
}

std::vector<SeriesRow> Catalogue::pending_rows() const {
    std::vector<SeriesRow> rows;
    for (const auto id : pending_) rows.push_back(series_[static_cast<std::size_t>(id) - 1].row());
    return rows;
}

void Catalogue::pending_stored(std::size_t count) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace labhub::coordinator::store::telemetry
