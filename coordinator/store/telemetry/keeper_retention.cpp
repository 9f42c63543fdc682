// The part of Keeper that deletes old days.
#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "coordinator/store/telemetry/keeper.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::chrono::minutes kRetentionPeriod{1};
constexpr std::chrono::minutes kClockStep{5};  // the wall clock drifts by less between two looks
constexpr std::chrono::hours kClockProven{1};  // so long without a step, and it is believed

}  // namespace

Result<void> Keeper::retain(TendReport& report) {
    const bool may_age = is_clock_proven() || !has_aged_;
    const std::int64_t present = present_day();
    for (const auto& rule : options_.classes) LABHUB_CHECK(retain_class(rule, present, may_age, report));
    next_retention_ = clock_.steady_now() + kRetentionPeriod;
    return {};
}

bool Keeper::is_clock_proven() {
    const UtcMillis utc = clock_.utc_now();
    const auto steady = clock_.steady_now();
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(steady - seen_steady_);
    const bool is_first = seen_steady_ == Steady::time_point{};
    const bool has_stepped = !is_first && std::chrono::abs((utc - seen_utc_) - passed) > kClockStep;
    if (has_stepped)
        spdlog::warn("telemetry: the clock was set from {} to {}: for an hour at most one more day is deleted by age",
                     to_rfc3339(seen_utc_ + passed), to_rfc3339(utc));
    if (is_first || has_stepped) {
        proven_at_ = steady + kClockProven;
        has_aged_ = false;
    }
    seen_utc_ = utc;
    seen_steady_ = steady;
    return steady >= proven_at_;
}

std::int64_t Keeper::present_day() {
    const auto keys = partitions_.keys();
    const std::int64_t today = day_of(clock_.utc_now().count);
    const std::int64_t present = keys.empty() ? today : std::min(today, keys.back().day);
    const bool is_behind = today - present > kDayMs;
    if (is_behind && !std::exchange(is_behind_, true))
        spdlog::warn("telemetry: today is {}, but the newest readings are of {}: ages are reckoned from those",
                     to_rfc3339({today}).substr(0, 10), to_rfc3339({present}).substr(0, 10));
    is_behind_ = is_behind;
    return present;
}

/// By age one day of a class goes at a look: should all clocks be wrong, there is time to see it in the log. By size as
/// many go as must, since a full disk loses more; no clock decides that.
Result<void> Keeper::retain_class(const SeriesClass& rule, std::int64_t present, bool may_age, TendReport& report) {
    std::vector<PartitionKey> keys = partitions_.keys();  // oldest first
    std::erase_if(keys,
                  [&](const PartitionKey& key) { return key.class_name != rule.name || removing_.contains(key); });
    std::uint64_t bytes = 0;
    for (const auto& key : keys) bytes += partitions_.bytes_of(key);
    for (const auto& key : keys) {
        if (key.day >= present) break;
        const bool is_old = may_age && rule.keep_days && key.day < present - *rule.keep_days * kDayMs;
        const bool is_too_much = rule.max_bytes && bytes > *rule.max_bytes;
        if (!is_old && !is_too_much) break;
        bytes -= partitions_.bytes_of(key);
        LABHUB_CHECK(remove(key, is_too_much ? "the size of its class" : "its age", report));
        if (is_too_much) continue;
        may_age = false;
        has_aged_ = true;
    }
    return {};
}

Result<void> Keeper::remove(const PartitionKey& key, const std::string& why, TendReport& report) {
    const auto figures = figures_without(key);
    auto begun = appender_.begin_removal(key, figures);
    // A disk too full to write down that something is deleted needs it deleted all the more.
    const bool is_full = !begun && begun.error().code == ErrorCode::storage_full;
    if (!begun && !is_full) return begun;
    if (begun) removing_.insert(key);
    LABHUB_CHECK(partitions_.remove(key));
    if (is_full) LABHUB_CHECK(appender_.begin_removal(key, figures));
    unmerged_.erase(key);
    std::erase(unseen_, key);
    ++report.deleted_partitions;
    spdlog::info("telemetry: deleted partition {} for {}", key.to_string(), why);
    {
        const std::lock_guard lock(figures_mutex_);
        ++figures_.deleted_partitions;
    }
    return end_removal(key);
}

Result<void> Keeper::end_removal(const PartitionKey& key) {
    if (partitions_.contains(key)) LABHUB_CHECK(partitions_.remove(key));
    LABHUB_CHECK(appender_.end_removal(key));
    removing_.erase(key);
    return {};
}

Result<void> Keeper::end_removals() {
    while (!removing_.empty()) LABHUB_CHECK(end_removal(PartitionKey(*removing_.begin())));
    return {};
}

void Keeper::were_removed(const std::vector<PartitionKey>& keys) { removing_.insert(keys.begin(), keys.end()); }

/// The figures of the partition's series without it.
std::vector<SeriesFigures> Keeper::figures_without(const PartitionKey& key) {
    std::vector<SeriesTotals> totals = totals_of(key, true);
    add_untold(key, totals);
    std::vector<SeriesFigures> figures;
    std::map<SeriesId, Edge> unsure;  // whose oldest or newest sample goes
    for (const auto& total : totals) {
        const std::lock_guard lock(catalogue_.mutex);
        const Series* series = catalogue_.get(total.series);
        if (!series) continue;
        SeriesFigures without = series->sealed;
        without.count -= std::min(without.count, total.count);
        const bool is_newest = total.last >= without.last;
        if (without.count == 0)
            without = {series->id, 0, 0, 0};
        else if (is_newest || total.first <= without.first)
            unsure.emplace(series->id, Edge{figures.size(), is_newest});
        figures.push_back(without);
    }
    if (!unsure.empty()) find_edges(key, unsure, figures);
    return figures;
}

/// A damaged partition doesn't tell of all it had; but the oldest samples of these series were of its day.
void Keeper::add_untold(const PartitionKey& key, std::vector<SeriesTotals>& totals) {
    const std::size_t told = totals.size();  // in order of their numbers
    const std::lock_guard lock(catalogue_.mutex);
    for (const auto& series : catalogue_.all()) {
        const SeriesFigures& sealed = series.sealed;
        if (sealed.count == 0 || day_of(sealed.first) != key.day || series.class_of(key.day) != key.class_name)
            continue;
        const auto end = totals.begin() + static_cast<std::ptrdiff_t>(told);
        const auto place = std::lower_bound(totals.begin(), end, series.id,
                                            [](const SeriesTotals& t, SeriesId id) { return t.series < id; });
        if (place == end || place->series != series.id) totals.push_back({series.id, 0, sealed.first, sealed.first});
    }
}

/// The first and last of what the other partitions hold; where they hold nothing, the count was wrong.
void Keeper::find_edges(const PartitionKey& leaving, const std::map<SeriesId, Edge>& unsure,
                        std::vector<SeriesFigures>& figures) {
    const bool ends_early =
        std::none_of(unsure.begin(), unsure.end(), [](const auto& e) { return e.second.is_newest; });
    std::map<SeriesId, SeriesFigures> found;
    for (const auto& key : partitions_.keys()) {
        if (key == leaving) continue;
        for (const auto& total : totals_of(key, false)) {
            if (!unsure.contains(total.series)) continue;
            auto& edges =
                found.try_emplace(total.series, SeriesFigures{total.series, total.first, total.last, 0}).first->second;
            edges.first = std::min(edges.first, total.first);
            edges.last = std::max(edges.last, total.last);
        }
        if (ends_early && found.size() == unsure.size()) break;
    }
    for (const auto& [series, edge] : unsure) {
        const auto edges = found.find(series);
        if (edges == found.end()) {
            figures[edge.place] = {series, 0, 0, 0};
            continue;
        }
        figures[edge.place].first = edges->second.first;
        if (edge.is_newest) figures[edge.place].last = edges->second.last;
    }
}

std::vector<SeriesTotals> Keeper::totals_of(const PartitionKey& key, bool with_damaged) {
    auto lease = partitions_.reader(key);
    if (!lease || !*lease) return {};
    return (**lease)->totals(with_damaged).value_or(std::vector<SeriesTotals>{});
}

}  // namespace labhub::coordinator::store::telemetry
