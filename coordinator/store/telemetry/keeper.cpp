#include "coordinator/store/telemetry/keeper.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::int64_t kStragglersMs = 3'600'000;  // how long after its end a day is still likely to get samples
constexpr std::size_t kSeriesInOneCommit = 256;
constexpr std::size_t kOldFilesAtOnce = 8;

}  // namespace

Keeper::Keeper(Catalogue& catalogue, Appender& appender, PartitionSet& partitions, const TelemetryOptions& options,
               const Clock& clock)
    : catalogue_(catalogue),
      appender_(appender),
      partitions_(partitions),
      options_(options),
      clock_(clock),
      unseen_(partitions.keys()) {}

/// Each part is tried though another failed: a full disk must not keep retention from making room.
Result<TendReport> Keeper::tend(bool all) {
    const std::lock_guard guard(mutex_);
    TendReport report;
    Result<void> first;
    const auto also = [&first](Result<void> outcome) {
        if (!outcome && first) first = std::move(outcome);
    };
    also(mend(report));
    also(end_removals());
    // Samples of a seal that was killed are counted anew, which the trimmed journal must say together with their rows'
    // end: deletions write down counts too, and the rows would be counted once more after the next start.
    if (appender_.needs_trim()) also(seal(report));
    if (all || clock_.steady_now() >= next_retention_) also(retain(report));
    if (all || frozen_ || is_seal_due()) also(seal(report));
    also(look_into_old_files());
    also(compact(all, report));
    LABHUB_CHECK(note(std::move(first)));
    return report;
}

Result<void> Keeper::note(Result<void> outcome) {
    const std::lock_guard lock(figures_mutex_);
    const std::string failure = outcome ? "" : outcome.error().to_string();
    if (failure != figures_.failure) {
        if (failure.empty())
            spdlog::info("telemetry: what failed works again");
        else
            spdlog::error("telemetry: {}", failure);
    }
    figures_.failure = failure;
    return outcome;
}

void Keeper::add_to(TelemetryStatistics& statistics) const {
    const std::lock_guard lock(figures_mutex_);
    statistics.seals = figures_.seals;
    statistics.compacted_blocks = figures_.compacted_blocks;
    statistics.deleted_partitions = figures_.deleted_partitions;
    statistics.failure = figures_.failure;
}

Result<void> Keeper::mend(TendReport& report) {
    auto damages = partitions_.take_damage();
    for (std::size_t i = 0; i < damages.size(); ++i) {
        auto mended = mend_one(damages[i], report);
        if (mended) continue;
        for (; i < damages.size(); ++i) partitions_.put_back(std::move(damages[i]));
        return mended.error().within("set damage aside");
    }
    return {};
}

Result<void> Keeper::mend_one(const Damage& damage, TendReport& report) {
    if (!partitions_.contains(damage.key)) return {};
    const auto set_aside = [&]() -> Result<bool> {
        LABHUB_TRY(Partition * partition, partitions_.writer(damage.key));
        LABHUB_TRY(auto transaction, sqlite::Transaction::begin(partition->database()));
        LABHUB_TRY(const bool is_moved, partition->set_aside(*damage.row));
        LABHUB_CHECK(transaction.commit());
        return is_moved;
    };
    if (damage.row) {
        const auto moved = set_aside();
        if (moved && *moved) ++report.quarantined_blocks;
        if (moved) return partitions_.survey(damage.key);
        if (moved.error().code != ErrorCode::corrupt) return moved.error();
    }
    LABHUB_TRY([[maybe_unused]] const auto kept, partitions_.salvage(damage.key));
    ++report.quarantined_blocks;
    return partitions_.survey(damage.key);
}

bool Keeper::is_seal_due() const {
    if (appender_.needs_trim() || appender_.unsealed() >= options_.seal_samples) return true;
    const auto since = appender_.unsealed_since();
    return since && Steady::now() - *since >= options_.seal_after;
}

std::map<PartitionKey, Keeper::Samples> Keeper::by_partition(const FrozenSet& frozen) {
    std::map<PartitionKey, Samples> days;
    for (const auto& [id, samples] : frozen.series) {
        const SampleList list = samples->merged();
        for (std::size_t begin = 0; begin < list.size();) {
            const std::int64_t time = list.samples[begin].time(), end_of_day = day_of(time) + kDayMs - 1;
            PartitionKey key;
            {
                const std::lock_guard lock(catalogue_.mutex);
                key = catalogue_.get(id)->partition_of(time);
            }
            days[key].emplace_back(id, slice(list, time, end_of_day));
            begin = place_of(list.samples, end_of_day + 1);
        }
    }
    return days;
}

Result<void> Keeper::seal(TendReport& report) {
    if (!frozen_) frozen_ = appender_.freeze();
    for (const auto& [key, samples] : by_partition(*frozen_)) {
        if (auto sealed = seal_into(key, samples, frozen_->through); !sealed) {
            if (sealed.error().code == ErrorCode::corrupt) partitions_.report({key, std::nullopt});
            return sealed.error().within("seal into " + key.to_string());
        }
    }
    LABHUB_CHECK(appender_.release(*frozen_));
    report.sealed_samples += frozen_->samples;
    frozen_.reset();
    const std::lock_guard lock(figures_mutex_);
    ++figures_.seals;
    return {};
}

/// A file that a seal cut short has reached already knows it, and is left alone.
Result<void> Keeper::seal_into(const PartitionKey& key, const Samples& samples, std::int64_t through) {
    // The journal must not hold any more that the partition of this name is to go.
    if (removing_.contains(key)) LABHUB_CHECK(end_removal(key));
    LABHUB_TRY(Partition * partition, partitions_.writer(key));
    LABHUB_TRY(const auto sealed, partition->number("sealed_through"));
    if (sealed < through) {
        LABHUB_TRY(auto transaction, sqlite::Transaction::begin(partition->database()));
        for (const auto& [series, list] : samples) LABHUB_CHECK(partition->add(series, list));
        LABHUB_CHECK(partition->set_number("sealed_through", through));
        LABHUB_CHECK(partition->set_number("settled", 0));
        LABHUB_CHECK(transaction.commit());
    }
    auto& unmerged = unmerged_[key];
    for (const auto& [series, list] : samples) unmerged.insert(series);
    return partitions_.survey(key);
}

Result<void> Keeper::look_into_old_files() {
    for (std::size_t i = 0; i < kOldFilesAtOnce && !unseen_.empty(); ++i) {
        const PartitionKey key = unseen_.back();
        auto look = [&]() -> Result<void> {
            LABHUB_CHECK(partitions_.survey(key));
            LABHUB_TRY(auto lease, partitions_.reader(key));
            if (!lease) return {};
            LABHUB_TRY(const auto settled, (*lease)->number("settled"));
            if (settled != 0) return {};
            LABHUB_TRY(const auto fragmented, (*lease)->fragmented());
            unmerged_[key].insert(fragmented.begin(), fragmented.end());
            return {};
        };
        auto looked = look();
        if (!looked && looked.error().code == ErrorCode::corrupt) partitions_.report({key, std::nullopt});
        if (!looked && looked.error().code != ErrorCode::corrupt) return looked;
        unseen_.pop_back();
    }
    return {};
}

Result<void> Keeper::compact(bool all, TendReport& report) {
    for (auto entry = unmerged_.begin(); entry != unmerged_.end();) {
        const PartitionKey key = entry->first;
        const bool is_over = clock_.utc_now().count > key.day + kDayMs + kStragglersMs;
        const bool is_final = all || is_over;
        if (auto compacted = compact_one(key, is_final, report); !compacted) {
            if (compacted.error().code == ErrorCode::corrupt) partitions_.report({key, std::nullopt});
            return compacted.error().within("compact " + key.to_string());
        }
        entry = is_over ? unmerged_.erase(entry) : std::next(entry);
    }
    return {};
}

Result<void> Keeper::compact_one(const PartitionKey& key, bool is_final, TendReport& report) {
    auto& series = unmerged_[key];
    if (series.empty() && !is_final) return {};
    LABHUB_TRY(Partition * partition, partitions_.writer(key));
    if (is_final) {
        LABHUB_TRY(const auto fragmented, partition->fragmented());
        series.insert(fragmented.begin(), fragmented.end());
    }
    std::uint64_t removed = 0;
    // Short transactions: readers see each at once, and the log stays small.
    while (!series.empty()) {
        LABHUB_TRY(auto transaction, sqlite::Transaction::begin(partition->database()));
        auto next = series.begin();
        for (std::size_t i = 0; i < kSeriesInOneCommit && next != series.end(); ++i, ++next) {
            LABHUB_TRY(const auto counts, partition->compact(*next, is_final));
            removed += counts.removed;
        }
        LABHUB_CHECK(transaction.commit());
        series.erase(series.begin(), next);
    }
    if (is_final) {
        LABHUB_CHECK(partition->database().execute("PRAGMA incremental_vacuum;"));
        LABHUB_CHECK(partition->set_number("settled", 1));
        LABHUB_CHECK(partition->database().execute("PRAGMA wal_checkpoint(TRUNCATE);"));
    }
    report.compacted_blocks += removed;
    {
        const std::lock_guard lock(figures_mutex_);
        figures_.compacted_blocks += removed;
    }
    return removed > 0 || is_final ? partitions_.survey(key) : Result<void>{};
}

}  // namespace labhub::coordinator::store::telemetry
