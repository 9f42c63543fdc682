#include "coordinator/store/telemetry/appender.hpp"

#include <algorithm>

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::size_t kUsualBytes = 8u << 20;

}  // namespace

void Appender::touch(Series& series) {
    if (std::exchange(series.is_touched, true)) return;
    if (series.head.empty()) active_.push_back(&series);
    touched_.push_back(&series);
}

Result<void> Appender::stage(std::span<const NewSample> samples, StoreCounts& counts) {
    const std::lock_guard lock(catalogue_.mutex);
    for (const auto& sample : samples) {
        Series* series = catalogue_.get(sample.series);
        if (!series)
            return Error{ErrorCode::not_found, "no series with handle " + std::to_string(std::uint32_t(sample.series)),
                         "handles come from resolve() of the same store"};
        const std::int64_t time = sample.time.count;
        if (time < 0 || time >= kTimeEnd) {
            ++counts.refused;
        } else if (time > series->newest_staged) {
            touch(*series);
            series->head.stage(time, sample.quality, sample.value);
            series->newest_staged = time;
            ++counts.stored;
        } else {
            late_.push_back(&sample);
        }
    }
    return {};
}

Result<void> Appender::stage_late(const NewSample& sample, StoreCounts& counts) {
    Series* series = nullptr;
    const std::int64_t time = sample.time.count;
    {
        const std::lock_guard lock(catalogue_.mutex);
        series = catalogue_.get(sample.series);
    }
    // Heads change under this appender's mutex alone, so that reading them needs no other.
    bool has = series->head.has(time) || (series->frozen && series->frozen->has(time));
    if (!has) {
        LABHUB_TRY(has, is_sealed(*series, time));
    }
    if (has) return ++counts.duplicates, Result<void>{};
    const std::lock_guard lock(catalogue_.mutex);
    touch(*series);
    series->head.stage_late(time, sample.quality, sample.value);
    ++counts.stored;
    return {};
}

Result<bool> Appender::is_sealed(Series& series, std::int64_t time) {
    if (time > series.gap_begin && time < series.gap_end) return false;
    const PartitionKey key = series.partition_of(time);
    series.gap_begin = series.gap_end = 0;
    auto lease = partitions_.reader(key);
    if (lease && !*lease) {
        series.gap_begin = key.day - 1;
        series.gap_end = key.day + kDayMs;
        return false;
    }
    auto found = lease ? look_up(series, time, ***lease, key) : Result<bool>(std::move(lease).error());
    if (found || found.error().code != ErrorCode::corrupt) return found;
    // The seal will find the file damaged too, and merge with what is left of it.
    partitions_.report({key, std::nullopt});
    return false;
}

/// Whether the partition has it; if not, the series' gap is then what lies between its neighbours.
Result<bool> Appender::look_up(Series& series, std::int64_t time, Partition& partition, const PartitionKey& key) {
    const std::int64_t end_of_day = key.day + kDayMs;
    LABHUB_TRY(const auto blocks, partition.blocks(series.id, time, end_of_day - 1, 1));
    if (!blocks.empty() && blocks[0].row.first <= time) {
        const auto* samples = times_of(partition, blocks[0], key);
        if (!samples) return false;
        const std::size_t place = place_of(*samples, time);
        if (place < samples->size() && (*samples)[place].time() == time) return true;
        series.gap_begin = place > 0 ? (*samples)[place - 1].time() : time - 1;
        series.gap_end = place < samples->size() ? (*samples)[place].time() : time + 1;
        return false;
    }
    LABHUB_TRY(const auto before, partition.last_before(series.id, time));
    series.gap_begin = before.value_or(key.day - 1);
    series.gap_end = blocks.empty() ? end_of_day : blocks[0].row.first;
    return false;
}

const std::vector<PackedSample>* Appender::times_of(Partition& partition, const StoredBlock& block,
                                                    const PartitionKey& key) {
    constexpr std::size_t kKept = 32;
    if (block.summary) {
        for (auto kept = sealed_times_.begin(); kept != sealed_times_.end(); ++kept) {
            if (kept->hash != block.summary->packed_hash || kept->samples.front().time() != block.row.first) continue;
            sealed_times_.splice(sealed_times_.begin(), sealed_times_, kept);
            return &sealed_times_.front().samples;
        }
    }
    auto list = partition.samples(block);
    if (!list || !*list) {
        partitions_.report({key, block.row});
        return nullptr;
    }
    if (sealed_times_.size() >= kKept) sealed_times_.pop_back();
    sealed_times_.push_front({block.summary->packed_hash, std::move((*list)->samples)});
    return &sealed_times_.front().samples;
}

void Appender::roll_back() {
    const std::lock_guard lock(catalogue_.mutex);
    for (Series* series : touched_) {
        series->head.roll_back();
        series->newest_staged = series->last;
        series->is_touched = false;
    }
    std::erase_if(active_, [](const Series* series) { return series->head.empty(); });
    touched_.clear();
}

Result<StoreCounts> Appender::append(std::span<const NewSample> samples, std::span<const SpoolPosition> positions) {
    const std::lock_guard guard(mutex_);
    if (unsealed_ >= bound_)
        return Error{ErrorCode::unavailable,
                     "the telemetry store holds " + std::to_string(unsealed_) + " samples that it can't seal"};
    StoreCounts counts;
    late_.clear();
    auto staged = stage(samples, counts);
    for (const auto* sample : late_)
        if (staged) staged = stage_late(*sample, counts);
    if (!staged) return roll_back(), std::move(staged).error();
    if (!touched_.empty()) LABHUB_CHECK(store_staged(positions));
    stored_ += counts.stored;
    duplicates_ += counts.duplicates;
    refused_ += counts.refused;
    return counts;
}

Result<void> Appender::store_staged(std::span<const SpoolPosition> positions) {
    bytes_.clear();
    ByteWriter out(bytes_);
    for (const Series* series : touched_) {
        out.varint(static_cast<std::uint32_t>(series->id));
        out.varint(series->head.staged());
        series->head.write_staged(out);
    }
    if (!positions.empty()) SpoolPositions::write(positions, out);
    std::vector<SeriesRow> new_series;
    {
        const std::lock_guard lock(catalogue_.mutex);
        new_series = catalogue_.pending_rows();
    }
    auto id = journal_.commit(new_series, bytes_);
    if (bytes_.capacity() > kUsualBytes) bytes_ = {};
    if (!id) return roll_back(), id.error().within("store readings");
    {
        const std::lock_guard lock(catalogue_.mutex);
        catalogue_.pending_stored(new_series.size());
        publish(*id);
    }
    positions_.stored(positions);
    return {};
}

/// Under both mutexes.
void Appender::publish(std::int64_t id) {
    last_id_ = id;
    if (!since_) since_ = Steady::now();
    std::uint64_t added = 0;
    for (Series* series : touched_) {
        const std::size_t staged = series->head.staged();
        series->head.commit();
        const auto* newest = series->head.newest();
        if (newest && newest->time() > series->last) series->newest = unpack(*newest, series->head.texts());
        series->first = std::min(series->first, series->head.first());
        series->last = std::max(series->last, series->newest_staged);
        series->count += staged;
        series->is_touched = false;
        added += staged;
    }
    unsealed_ += added;
    catalogue_.samples += added;
    touched_.clear();
}

/// Error too_many where some of its metrics find no room any more; the others are done all the same.
Result<void> Appender::find_new_units(const DescribedDevice& device, std::vector<NewUnit>& units) {
    Result<void> outcome;
    const std::lock_guard lock(catalogue_.mutex);
    for (const auto& metric : device.metrics) {
        const auto series = catalogue_.resolve(device.device, metric.name);
        if (!series) {
            outcome = series.error();
            continue;
        }
        if ((*series)->unit == metric.unit) continue;
        units.push_back({*series, (*series)->row()});
        units.back().row.unit = metric.unit;
    }
    return outcome;
}

Result<void> Appender::describe(std::span<const DescribedDevice> devices) {
    const std::lock_guard guard(mutex_);
    Result<void> outcome;
    std::vector<NewUnit> units;
    for (const auto& device : devices)
        if (auto found = find_new_units(device, units); !found) outcome = std::move(found);
    std::vector<SeriesRow> changed, pending;
    for (const auto& unit : units) changed.push_back(unit.row);
    {
        const std::lock_guard lock(catalogue_.mutex);
        pending = catalogue_.pending_rows();
    }
    LABHUB_CHECK(journal_.set_units(pending, changed));
    const std::lock_guard lock(catalogue_.mutex);
    catalogue_.pending_stored(pending.size());
    for (auto& unit : units) unit.series->unit = std::move(unit.row.unit);
    return outcome;
}

FrozenSet Appender::freeze() {
    const std::lock_guard guard(mutex_);
    const std::lock_guard lock(catalogue_.mutex);
    FrozenSet set;
    set.through = frozen_through_ = last_id_;
    for (Series* series : active_) {
        if (series->head.empty()) continue;
        series->frozen = std::make_shared<const Frozen>(series->head.freeze());
        set.samples += series->frozen->size();
        set.series.emplace_back(series->id, series->frozen);
    }
    active_.clear();
    since_.reset();
    return set;
}

Result<void> Appender::release(const FrozenSet& frozen) {
    const std::lock_guard guard(mutex_);
    std::vector<SeriesFigures> figures;
    {
        const std::lock_guard lock(catalogue_.mutex);
        for (const auto id : restated_) figures.push_back(catalogue_.get(id)->sealed);
        for (const auto& [id, samples] : frozen.series) {
            SeriesFigures sealed = catalogue_.get(id)->sealed;
            sealed.first = sealed.count == 0 ? samples->first() : std::min(sealed.first, samples->first());
            sealed.last = sealed.count == 0 ? samples->last() : std::max(sealed.last, samples->last());
            sealed.count += samples->size();
            figures.push_back(sealed);
        }
    }
    const auto positions = positions_.untabled();
    LABHUB_CHECK(journal_.trim(frozen.through, figures, positions));
    positions_.tabled(positions);
    const std::lock_guard lock(catalogue_.mutex);
    for (const auto& sealed : figures) {
        Series& series = *catalogue_.get(sealed.id);
        series.sealed = sealed;
        series.frozen.reset();
        series.gap_begin = series.gap_end = 0;
    }
    restated_.clear();
    needs_trim_ = false;
    unsealed_ -= frozen.samples;
    return {};
}

Result<void> Appender::begin_removal(const PartitionKey& partition, std::span<const SeriesFigures> without) {
    const std::lock_guard guard(mutex_);
    LABHUB_CHECK(journal_.begin_removal(partition, without));
    const std::lock_guard lock(catalogue_.mutex);
    for (const auto& figures : without) {
        Series& series = *catalogue_.get(figures.id);
        catalogue_.samples -= series.count;
        series.take_over(figures);
        catalogue_.samples += series.count;
    }
    return {};
}

Result<void> Appender::end_removal(const PartitionKey& partition) {
    const std::lock_guard guard(mutex_);
    return journal_.end_removal(partition);
}

std::optional<Steady::time_point> Appender::unsealed_since() const {
    const std::lock_guard lock(catalogue_.mutex);
    return since_;
}

StoreCounts Appender::counts() const { return {stored_, duplicates_, refused_}; }

}  // namespace labhub::coordinator::store::telemetry
