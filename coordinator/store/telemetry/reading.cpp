#include "coordinator/store/telemetry/reading.hpp"

#include <algorithm>

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::size_t kUnsealedAtOnce = 8'192;

void erase_day(SampleList& list, std::int64_t day) {
    const auto begin = list.samples.begin();
    list.samples.erase(begin + static_cast<std::ptrdiff_t>(place_of(list.samples, day)),
                       begin + static_cast<std::ptrdiff_t>(place_of(list.samples, day + kDayMs)));
}

/// Adds the next piece of the head to `unsealed`. False: it was frozen in the meantime, and all is to be copied anew.
bool copy_head(const Sources& sources, SeriesId id, std::int64_t& from, std::int64_t to, std::size_t most,
               Unsealed& unsealed, std::shared_ptr<const Frozen>& frozen) {
    const std::lock_guard lock(sources.catalogue.mutex);
    const bool is_first = unsealed.through < 0;
    if (!is_first && unsealed.through != sources.appender.frozen_through()) return false;
    unsealed.through = sources.appender.frozen_through();
    const Series* series = sources.catalogue.get(id);
    if (!series) return from = to + 1, true;
    if (is_first) frozen = series->frozen;
    SampleList piece = series->head.slice(from, to, std::min(most, kUnsealedAtOnce));
    from = piece.size() < std::min(most, kUnsealedAtOnce) ? to + 1 : piece.last() + 1;
    if (unsealed.active.empty())
        unsealed.active = std::move(piece);
    else
        unsealed.active.add(piece, 0, piece.size());
    return true;
}

}  // namespace

void Unsealed::drop_sealed(std::int64_t day, std::int64_t sealed_through) {
    if (sealed_through >= through) erase_day(frozen, day);
    if (sealed_through > through) erase_day(active, day);
}

Unsealed unsealed_of(const Sources& sources, SeriesId id, std::int64_t from, std::int64_t to, std::size_t most) {
    Unsealed unsealed;
    unsealed.through = -1;
    std::shared_ptr<const Frozen> frozen;
    for (std::int64_t next = from; next <= to && unsealed.active.size() < most;) {
        if (copy_head(sources, id, next, to, most - unsealed.active.size(), unsealed, frozen)) continue;
        unsealed = {};
        unsealed.through = -1;
        next = from;
    }
    // What is frozen never changes.
    if (frozen)
        unsealed.frozen = merge(slice_of(frozen->run, frozen->run.size(), frozen->texts, from, to, most),
                                slice_of(frozen->late, frozen->late.size(), frozen->texts, from, to, most));
    return unsealed;
}

Result<std::optional<ReaderLease>> partition_of(const Sources& sources, SeriesId id, std::int64_t day,
                                                PartitionKey* key) {
    {
        const std::lock_guard lock(sources.catalogue.mutex);
        const Series* series = sources.catalogue.get(id);
        if (!series) return std::optional<ReaderLease>{};
        *key = series->partition_of(day);
    }
    return sources.partitions.reader(*key);
}

Result<SampleList> SeriesCursor::read() {
    while (next_ <= to_) {
        // Heads first: what is sealed in between is then in the partition.
        SampleList head = unsealed_of(sources_, series_, next_, to_, kUnsealedAtOnce).merged();
        if (head.size() > kUnsealedAtOnce) head.samples.resize(kUnsealedAtOnce);
        std::int64_t upto = head.size() == kUnsealedAtOnce ? head.last() : to_;
        SampleList stored;
        for (const auto day : sources_.partitions.days(next_, upto)) {
            LABHUB_TRY(auto found, read_block(day, std::min(upto, day + kDayMs - 1)));
            if (!found) continue;
            stored = std::move(found->samples);
            upto = found->upto;
            break;
        }
        SampleList all = merge(std::move(stored), slice(head, next_, upto));
        next_ = upto + 1;
        if (!all.empty()) return all;
    }
    return SampleList{};
}

Result<std::optional<SeriesCursor::Found>> SeriesCursor::read_block(std::int64_t day, std::int64_t to) {
    PartitionKey key;
    auto lease = partition_of(sources_, series_, day, &key);
    const auto give_up = [&](Error error) -> Result<std::optional<Found>> {
        if (error.code != ErrorCode::corrupt) return error;
        sources_.partitions.report({key, std::nullopt});
        ++damaged_;
        return Found{{}, to};
    };
    if (!lease) return give_up(lease.error());
    if (!*lease) return std::optional<Found>{};
    const auto blocks = (**lease)->blocks(series_, std::max(next_, day), to, 1);
    if (!blocks) return give_up(blocks.error());
    if (blocks->empty()) return std::optional<Found>{};
    auto found = read_found(***lease, key, blocks->front(), to);
    return found ? std::move(found) : give_up(found.error());
}

Result<std::optional<SeriesCursor::Found>> SeriesCursor::read_found(Partition& partition, const PartitionKey& key,
                                                                    const StoredBlock& block, std::int64_t to) {
    const std::int64_t upto = std::min(to, block.row.last);
    LABHUB_TRY(auto list, partition.samples(block));
    if (!list) {
        sources_.partitions.report({key, block.row});
        ++damaged_;
        return Found{{}, upto};
    }
    if (block.row.first >= next_ && block.row.last <= to) return Found{std::move(*list), upto};
    return Found{slice(*list, next_, upto), upto};
}

Result<std::optional<Sample>> newest_of(const Sources& sources, SeriesId id) {
    std::int64_t last = -1;
    {
        const std::lock_guard lock(sources.catalogue.mutex);
        const Series* series = sources.catalogue.get(id);
        if (!series || series->count == 0) return std::optional<Sample>{};
        if (series->newest) return series->newest;
        last = series->last;
    }
    SeriesCursor cursor(sources, id, last, last);
    LABHUB_TRY(const auto list, cursor.read());
    if (list.empty()) return std::optional<Sample>{};
    Sample newest = unpack(list.samples.back(), list.texts);
    const std::lock_guard lock(sources.catalogue.mutex);
    Series* series = sources.catalogue.get(id);
    if (!series->newest) series->newest = newest;
    return series->newest;
}

}  // namespace labhub::coordinator::store::telemetry
