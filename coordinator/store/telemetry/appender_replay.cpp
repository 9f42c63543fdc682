#include <algorithm>

#include "coordinator/store/telemetry/appender.hpp"

namespace labhub::coordinator::store::telemetry {

Result<std::int64_t> Appender::sealed_through(const PartitionKey& key) {
    const auto known = replay_sealed_.find(key);
    if (known != replay_sealed_.end()) return known->second;
    std::int64_t through = 0;
    LABHUB_TRY(auto lease, partitions_.reader(key));
    if (lease) {
        LABHUB_TRY(through, (*lease)->number("sealed_through"));
    }
    replay_sealed_.emplace(key, through);
    return through;
}

/// A seal that was killed on its way has put some days' samples into their partitions and not trimmed the journal.
Result<void> Appender::restage(Series& series, std::int64_t id, std::int64_t time, Quality quality,
                               const Value& value) {
    auto through = sealed_through(series.partition_of(time));
    if (!through && through.error().code == ErrorCode::corrupt) through = 0;
    if (!through) return std::move(through).error();
    if (id <= *through) return count_as_sealed(series, time), Result<void>{};
    if (series.head.has(time)) return {};
    touch(series);
    if (time <= series.newest_staged) return series.head.stage_late(time, quality, value), Result<void>{};
    series.head.stage(time, quality, value);
    series.newest_staged = time;
    return {};
}

void Appender::count_as_sealed(Series& series, std::int64_t time) {
    SeriesFigures& sealed = series.sealed;
    sealed.first = sealed.count == 0 ? time : std::min(sealed.first, time);
    sealed.last = sealed.count == 0 ? time : std::max(sealed.last, time);
    ++sealed.count;
    ++series.count;
    ++catalogue_.samples;
    series.first = std::min(series.first, time);
    series.last = std::max(series.last, time);
    series.newest_staged = std::max(series.newest_staged, series.last);
    restated_.push_back(series.id);
    needs_trim_ = true;
}

Result<void> Appender::replay_entry(std::int64_t id, std::string_view bytes) {
    ByteReader in(bytes);
    while (!in.is_at_end()) {
        const Error wrong{ErrorCode::corrupt, "the telemetry journal has an entry that makes no sense",
                          "entry " + std::to_string(id)};
        const auto series_id = in.varint();
        if (series_id == SpoolPositions::kMark && in.is_good()) {
            if (!positions_.read(in)) return wrong;
            continue;
        }
        Series* series = catalogue_.get(static_cast<SeriesId>(series_id));
        const auto count = in.varint();
        if (!in.is_good() || !series) return wrong;
        std::int64_t time = 0;
        Quality quality{};
        Value value;
        for (std::uint64_t i = 0; i < count; ++i) {
            if (!read_staged(in, time, quality, value)) return wrong;
            LABHUB_CHECK(restage(*series, id, time, quality, value));
        }
    }
    publish(id);
    return {};
}

Result<void> Appender::replay_rows() {
    auto replayed =
        journal_.replay([this](std::int64_t id, std::string_view bytes) { return replay_entry(id, bytes); });
    replay_sealed_.clear();
    return replayed;
}

Result<void> Appender::replay() {
    const std::lock_guard guard(mutex_);
    LABHUB_TRY(auto rows, journal_.load_series());
    LABHUB_TRY(const auto positions, journal_.load_positions());
    positions_.load(positions);
    const std::lock_guard lock(catalogue_.mutex);
    catalogue_.load(std::move(rows));
    const auto damaged_before = journal_.damaged();
    auto replayed = replay_rows();
    const bool is_damaged = journal_.damaged() > damaged_before;
    std::sort(restated_.begin(), restated_.end());
    restated_.erase(std::unique(restated_.begin(), restated_.end()), restated_.end());
    journal_damaged_ = journal_.damaged();
    LABHUB_TRY(last_id_, journal_.last_id());
    // No partition can know of a later row.
    frozen_through_ = last_id_;
    if (!replayed || (unsealed_ == 0 && !is_damaged)) return replayed;
    std::string bytes;
    if (is_damaged) {
        // What covers a row that is lost must not be told to any node; also not after the next start.
        ByteWriter out(bytes);
        SpoolPositions::write({}, out);
        positions_.clear();
    }
    // A row without readings, so that the next freeze goes further than any seal before it; without room for it,
    // appends make one.
    if (const auto id = journal_.commit({}, bytes)) last_id_ = *id;
    return replayed;
}

Result<void> Appender::reclassify(std::int64_t from_day) {
    const std::lock_guard guard(mutex_);
    const std::lock_guard lock(catalogue_.mutex);
    for (auto& series : catalogue_.all()) {
        const std::string& wanted = catalogue_.class_for(series.device, series.metric);
        if (series.classes.back().class_name == wanted) continue;
        const ClassSince since{from_day, wanted};
        LABHUB_CHECK(journal_.add_class(series.id, since));
        if (series.classes.back().from_day == from_day)
            series.classes.back() = since;
        else
            series.classes.push_back(since);
    }
    return {};
}

}  // namespace labhub::coordinator::store::telemetry
