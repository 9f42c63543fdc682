#include <algorithm>
#include <span>

#include "coordinator/store/telemetry/partition.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

/// A block of this many samples is left alone; smaller ones are merged by eights, so that a sample is rewritten about
/// once for each factor of eight its blocks grow by.
constexpr std::uint32_t kFull = kBlockSamples / 2;
constexpr std::uint32_t kSmall = kFull / 8;
constexpr std::size_t kFew = 8;

}  // namespace

Result<std::vector<BlockRow>> Partition::rows_of(SeriesId series) {
    LABHUB_TRY(auto row,
               database_.cached("SELECT id, series, first, last, count FROM block WHERE series = ? ORDER BY first"));
    row.bind(1, static_cast<std::uint32_t>(series));
    std::vector<BlockRow> rows;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return rows;
        rows.push_back({row.column_int64(0), series, row.column_int64(2), row.column_int64(3),
                        static_cast<std::uint32_t>(row.column_int64(4))});
    }
}

Result<CompactionCounts> Partition::compact(SeriesId series, bool is_final) {
    if (is_final) return join_runs(series, kFull, 2);
    LABHUB_TRY(auto counts, join_runs(series, kSmall, kFew));
    LABHUB_TRY(const auto more, join_runs(series, kFull, SIZE_MAX));
    counts.removed += more.removed;
    counts.written += more.written;
    return counts;
}

/// Joins each run of neighbours with fewer than `limit` samples that are `few` or more, or together make a full block.
Result<CompactionCounts> Partition::join_runs(SeriesId series, std::uint32_t limit, std::size_t few) {
    LABHUB_TRY(const auto rows, rows_of(series));
    CompactionCounts total;
    for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin;
        std::uint64_t samples = 0;
        while (end < rows.size() && rows[end].count < limit && samples + rows[end].count <= kBlockSamples)
            samples += rows[end++].count;
        const bool is_full = end < rows.size() && rows[end].count < limit;
        const std::span<const BlockRow> run(rows.data() + begin, end - begin);
        begin = std::max(end, begin + 1);
        if (run.size() < 2 || !(is_full || run.size() >= few)) continue;
        LABHUB_TRY(const auto counts, join(series, run));
        total.removed += counts.removed;
        total.written += counts.written;
    }
    return total;
}

Result<CompactionCounts> Partition::join(SeriesId series, std::span<const BlockRow> run) {
    SampleList joined;
    CompactionCounts counts;
    for (const auto& row : run) {
        LABHUB_TRY(const auto found, blocks(series, row.first, row.first, 1));
        if (found.empty()) continue;
        LABHUB_TRY(auto list, samples(found[0]));
        if (!list) {
            LABHUB_CHECK(set_aside(row).map([](bool) {}));
            continue;
        }
        joined = merge(std::move(joined), *list);
        LABHUB_CHECK(remove(row.id));
        ++counts.removed;
    }
    if (joined.empty()) return counts;
    LABHUB_CHECK(insert(series, joined));
    counts.written = 1;
    return counts;
}

Result<std::vector<SeriesId>> Partition::fragmented() {
    LABHUB_TRY(auto row,
               database_.cached("SELECT series FROM block WHERE count < ? GROUP BY series HAVING count(*) > 1"));
    row.bind(1, kFull);
    std::vector<SeriesId> series;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return series;
        series.push_back(static_cast<SeriesId>(row.column_int64(0)));
    }
}

/// From both ends, as a damaged page stops SQLite on its way.
Result<std::uint64_t> Partition::salvage_from(const std::filesystem::path& damaged) {
    auto source = Partition::open_reader(damaged);
    if (!source) return std::uint64_t{0};
    for (const char* order : {"ASC", "DESC"}) {
        auto row = source->database_.prepare(
            std::string("SELECT id, first, last, count, summary, series, packed FROM block ORDER BY id ") + order);
        if (!row) continue;
        while (true) {
            const auto more = row->step();
            if (!more || !*more) break;
            const auto series = static_cast<SeriesId>(row->column_int64(5));
            const StoredBlock block = stored_block_of(series, *row);
            const auto list = block.summary ? decode_block(*block.summary, row->column_blob(6)) : std::nullopt;
            if (list && !list->empty()) LABHUB_CHECK(add(series, *list));
        }
    }
    return count_of("block");
}

}  // namespace labhub::coordinator::store::telemetry
