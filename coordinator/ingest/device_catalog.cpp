#include "coordinator/ingest/device_catalog.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

constexpr UtcMillis kEarliestTime{946'684'800'000};  // 2000-01-01: before it, a clock was never set
constexpr std::chrono::hours kFurthestAhead{24};
constexpr std::size_t kShownName = 80;    // bytes
constexpr std::size_t kEntryBytes = 256;  // of a metric beside its texts

/// Times past what the type holds become the latest one, which no range contains.
UtcMillis to_time(std::uint64_t millis) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return UtcMillis{static_cast<std::int64_t>(std::min(millis, kMost))};
}

std::string name_of(const MetricView& metric) {
    if (metric.name.empty() && metric.alias) return "alias " + std::to_string(*metric.alias);
    return std::string(metric.name);
}

void doubt(std::vector<Sample>& samples) {
    for (auto& sample : samples)
        if (sample.quality == Quality::good) sample.quality = Quality::uncertain;
}

}  // namespace

SaneTimes SaneTimes::at(UtcMillis now) { return {kEarliestTime, now + kFurthestAhead}; }

DeviceCatalog::DeviceCatalog(DeviceAddress device, const sparkplug::Payload& birth, Tally& tally) {
    auto schema = std::make_shared<DeviceSchema>();
    schema->device = std::move(device);
    for (const auto& metric : birth.metrics) {
        if (by_name_.contains(metric.name)) continue;
        auto info = sparkplug::metric_info(metric);
        Entry entry{metric.name, metric.datatype.value_or(sparkplug::DataType::unknown), kNotTaken};
        std::string why = info ? why_name_is_refused(metric.name) : "numbers, booleans and texts are, no other types";
        if (why.empty()) {
            entry.metric = static_cast<std::uint32_t>(schema->metrics.size());
            memory_ += info->unit.size() + info->description.size();
            schema->metrics.push_back(std::move(*info));
        } else {
            ++tally.unsupported_metrics;
            if (refused_.size() < kMostRefused)
                refused_.push_back({printable(metric.name, kShownName), std::move(why)});
        }
        memory_ += kEntryBytes + 2 * metric.name.size();
        entries_.push_back(std::move(entry));
        by_name_.emplace(entries_.back().name, entries_.size() - 1);
        if (metric.alias) by_alias_.emplace(*metric.alias, entries_.size() - 1);
    }
    schema_ = std::move(schema);
}

std::vector<Sample> DeviceCatalog::birth_samples(const sparkplug::Payload& birth, UtcMillis fallback,
                                                 const SaneTimes& times, RefusedTimes& refused) const {
    std::vector<Sample> samples;
    samples.reserve(schema_->metrics.size());
    std::vector<bool> seen(schema_->metrics.size());
    for (const auto& metric : birth.metrics) {
        const auto& entry = entries_[by_name_.at(metric.name)];
        if (entry.metric == kNotTaken || seen[entry.metric]) continue;
        seen[entry.metric] = true;
        const UtcMillis time = metric.timestamp.value_or(fallback);
        if (times.contains(time))
            samples.push_back({entry.metric, metric.quality, time, metric.value});
        else
            refused.add(entry.metric, time);
    }
    return samples;
}

const DeviceCatalog::Entry* DeviceCatalog::find(const MetricView& metric, std::size_t& guess) const {
    if (guess < entries_.size() && entries_[guess].name == metric.name) return &entries_[guess++];
    if (metric.name.empty() && metric.alias) {
        const auto found = by_alias_.find(*metric.alias);
        return found == by_alias_.end() ? nullptr : &entries_[found->second];
    }
    const auto found = by_name_.find(metric.name);
    if (found == by_name_.end()) return nullptr;
    guess = found->second + 1;
    return &entries_[found->second];
}

void DeviceCatalog::take(MetricView& metric, const Entry& entry, UtcMillis fallback, const SaneTimes& times,
                         DecodedData& data, Tally& tally) const {
    const auto given = metric.datatype == 0 ? entry.type : static_cast<sparkplug::DataType>(metric.datatype);
    const ValueType target = schema_->metrics[entry.metric].type;
    if (given != entry.type && sparkplug::value_type(given) != target) {
        ++tally.type_changes;
        data.defects.push_back({Defect::Kind::changed_type, entry.name, sparkplug::value_type(given)});
        return;
    }
    const UtcMillis time = metric.timestamp ? to_time(*metric.timestamp) : fallback;
    if (!times.contains(time)) return data.refused.add(entry.metric, time);
    auto value = value_of(metric, given, target);
    if (!value) {
        ++tally.unsupported_metrics;
        ++data.unsupported;
        data.unsupported_last = entry.metric;
        return;
    }
    auto& into = metric.is_transient ? data.transient : metric.is_historical ? data.historical : data.live;
    into.push_back({entry.metric, metric.quality, time, std::move(*value)});
}

Result<DecodedData> DeviceCatalog::decode(std::string_view bytes, const PayloadHead& head, UtcMillis now,
                                          Tally& tally) const {
    DecodedData data;
    const SaneTimes times = SaneTimes::at(now);
    const UtcMillis fallback = head.timestamp ? to_time(*head.timestamp) : now;
    std::size_t guess = 0;
    FieldReader reader(bytes);
    while (reader.next()) {
        if (reader.field() != kMetricField || !reader.is_text()) continue;
        MetricView metric;
        if (!read_metric(reader.text(), metric)) {
            data.defects.push_back({Defect::Kind::unreadable_metric, name_of(metric)});
            continue;
        }
        if (metric.spool_position) data.spool_position = metric.spool_position;
        data.is_clock_unsure = data.is_clock_unsure || metric.is_clock_unsure;
        const Entry* const entry = find(metric, guess);
        if (!entry) {
            // No birth could make it known.
            if (!metric.name.empty() && !check_metric_name(metric.name)) {
                ++tally.unsupported_metrics;
                continue;
            }
            ++tally.unknown_metrics;
            data.defects.push_back({Defect::Kind::unknown_metric, name_of(metric)});
            continue;
        }
        if (entry->metric == kNotTaken) continue;
        if (data.live.capacity() == 0 && data.historical.capacity() == 0)
            (metric.is_historical ? data.historical : data.live).reserve(head.metrics);
        take(metric, *entry, fallback, times, data, tally);
    }
    if (!reader.good()) return Error{ErrorCode::malformed, "the payload can't be read to its end"};
    if (data.is_clock_unsure)
        for (auto* const samples : {&data.live, &data.historical, &data.transient}) doubt(*samples);
    return data;
}

}  // namespace labhub::coordinator::ingest
