#include "coordinator/store/telemetry/questioning.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "coordinator/store/telemetry/buckets.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::int64_t kMostValues = 200'000;
constexpr std::uint64_t kOpenBelow = 2 * kChunkSamples;  // samples a bucket, below which chunks are too coarse

/// One series of a question on its way.
struct Strand {
    SeriesId id{};
    std::int64_t from = 0, to = -1;  ///< what of the range the series has
    Unsealed unsealed;
    std::unique_ptr<Gatherer> gatherer;
    std::uint64_t damaged = 0;
};

Result<void> check(const SeriesQuery& question) {
    if (question.to < question.from)
        return Error{ErrorCode::out_of_range, "the range ends before it begins",
                     "give a 'to' that is not before 'from'"};
    if (!question.step) {
        if (question.max_points >= 2 && question.max_points <= kMostValues) return {};
        return Error{ErrorCode::out_of_range, "max_points = " + std::to_string(question.max_points),
                     "allowed: 2 to " + std::to_string(kMostValues)};
    }
    const std::int64_t step = question.step->count();
    if (step <= 0) return Error{ErrorCode::out_of_range, "a step must be longer than nothing", "at least 1 ms"};
    const auto values = static_cast<double>(question.to.count - question.from.count) / static_cast<double>(step) *
                        static_cast<double>(question.series.size());
    if (values > static_cast<double>(kMostValues))
        return Error{ErrorCode::out_of_range, "the step would make over " + std::to_string(kMostValues) + " values",
                     "take a longer step, a shorter range or fewer series"};
    return {};
}

class Questioner {
  public:
    Questioner(const Sources& sources, const SeriesQuery& question, Steady::time_point deadline)
        : sources_(sources), question_(question), deadline_(deadline) {}

    Result<std::vector<SeriesPoints>> run() {
        LABHUB_CHECK(check(question_));
        for (const auto id : question_.series) LABHUB_CHECK(add_strand(id));
        LABHUB_CHECK(prepare());
        for (const auto day : days_)
            for (auto& strand : strands_) LABHUB_CHECK(read_day(strand, day));
        std::vector<SeriesPoints> answers;
        for (auto& strand : strands_) answers.push_back(finish(strand));
        return answers;
    }

  private:
    Result<void> check_time() const {
        if (Steady::now() <= deadline_) return {};
        return Error{ErrorCode::timed_out, "the query took longer than its time limit",
                     "ask for a shorter range or fewer series"};
    }

    Result<void> add_strand(SeriesId id) {
        LABHUB_CHECK(check_time());
        Strand strand;
        strand.id = id;
        {
            const std::lock_guard lock(sources_.catalogue.mutex);
            const Series* series = sources_.catalogue.get(id);
            if (!series)
                return Error{ErrorCode::not_found, "no series " + std::to_string(static_cast<std::uint32_t>(id))};
            if (series->count > 0) {
                strand.from = std::max(question_.from.count, series->first);
                strand.to = std::min(question_.to.count, series->last);
            }
        }
        if (strand.from <= strand.to) strand.unsealed = unsealed_of(sources_, id, strand.from, strand.to, SIZE_MAX);
        strands_.push_back(std::move(strand));
        return {};
    }

    Result<void> prepare() {
        std::int64_t from = kTimeEnd, to = -1;
        for (const auto& strand : strands_) {
            if (strand.to < strand.from) continue;
            from = std::min(from, strand.from);
            to = std::max(to, strand.to);
        }
        days_ = sources_.partitions.days(from, to);
        for (auto& strand : strands_) {
            if (strand.to < strand.from) continue;
            if (question_.step) {
                make_steps(strand);
                continue;
            }
            LABHUB_TRY(const auto samples, estimate(strand));
            Grid grid{strand.from, strand.to, 1, std::max<std::size_t>(1, question_.max_points / 2)};
            grid.width = (strand.to - strand.from) / static_cast<std::int64_t>(grid.buckets) + 1;
            const bool by_summary = samples > question_.max_points && samples / grid.buckets > kOpenBelow;
            strand.gatherer = std::make_unique<Extremes>(grid, question_.max_points, by_summary);
        }
        return {};
    }

    /// Steps count from the question's own beginning; those before the series' first sample are empty.
    void make_steps(Strand& strand) {
        Grid grid{question_.from.count, question_.to.count, question_.step->count(), 1};
        grid.from += (strand.from - grid.from) / grid.width * grid.width;
        grid.to = strand.to;
        grid.buckets = grid.bucket_of(strand.to) + 1;
        strand.gatherer = std::make_unique<Steps>(grid, question_.aggregate);
    }

    Result<std::uint64_t> estimate(const Strand& strand) {
        std::uint64_t samples = strand.unsealed.active.size() + strand.unsealed.frozen.size();
        for (const auto day : days_) {
            if (day + kDayMs <= strand.from || day > strand.to) continue;
            LABHUB_CHECK(check_time());
            PartitionKey key;
            auto lease = partition_of(sources_, strand.id, day, &key);
            if (!lease || !*lease) continue;  // what is wrong with it is found when it is read
            const auto sealed = (**lease)->samples_in(strand.id, strand.from, strand.to);
            if (sealed) samples += *sealed;
        }
        return samples;
    }

    Result<void> read_day(Strand& strand, std::int64_t day) {
        if (day + kDayMs <= strand.from || day > strand.to) return {};
        LABHUB_CHECK(check_time());
        PartitionKey key;
        auto read = read_partition(strand, day, key);
        if (read) return {};
        if (read.error().code != ErrorCode::corrupt) return read;
        sources_.partitions.report({key, std::nullopt});
        ++strand.damaged;
        return {};
    }

    Result<void> read_partition(Strand& strand, std::int64_t day, PartitionKey& key) {
        LABHUB_TRY(auto lease, partition_of(sources_, strand.id, day, &key));
        if (!lease) return {};
        LABHUB_TRY(const auto sealed_through, (*lease)->number("sealed_through"));
        strand.unsealed.drop_sealed(day, sealed_through);
        LABHUB_TRY(const auto blocks,
                   (*lease)->blocks(strand.id, std::max(strand.from, day), std::min(strand.to, day + kDayMs - 1)));
        for (const auto& block : blocks) {
            LABHUB_CHECK(check_time());
            LABHUB_CHECK(read_block(strand, **lease, key, block));
        }
        return {};
    }

    Result<void> read_block(Strand& strand, Partition& partition, const PartitionKey& key, const StoredBlock& block) {
        Gatherer& gatherer = *strand.gatherer;
        if (block.summary) {
            const auto& chunks = block.summary->chunks;
            const bool is_one = chunks.empty() || (question_.step && gatherer.takes(block.summary->whole));
            if (is_one && gatherer.takes(block.summary->whole))
                return gatherer.add(block.summary->whole), Result<void>{};
            const bool takes_all = !chunks.empty() && std::all_of(chunks.begin(), chunks.end(),
                                                                  [&](const Summary& c) { return gatherer.takes(c); });
            if (takes_all) {
                for (const auto& chunk : chunks) gatherer.add(chunk);
                return {};
            }
        }
        LABHUB_TRY(const auto list, partition.samples(block));
        if (list) return add_opened(strand, *block.summary, *list), Result<void>{};
        sources_.partitions.report({key, block.row});
        ++strand.damaged;
        return {};
    }

    /// Sample by sample only where a chunk's summary doesn't do.
    static void add_opened(Strand& strand, const BlockSummary& summary, const SampleList& list) {
        for (std::size_t begin = 0; begin < list.size(); begin += kChunkSamples) {
            const Summary& part = summary.chunks.empty() ? summary.whole : summary.chunks[begin / kChunkSamples];
            if (strand.gatherer->takes(part)) {
                strand.gatherer->add(part);
                continue;
            }
            const std::size_t end = std::min(list.size(), begin + kChunkSamples);
            for (std::size_t i = begin; i < end; ++i) add_within(strand, list.samples[i], list.texts);
        }
    }

    static void add_within(Strand& strand, PackedSample sample, const std::vector<std::string>& texts) {
        if (sample.time() >= strand.from && sample.time() <= strand.to) strand.gatherer->add(sample, texts);
    }

    SeriesPoints finish(Strand& strand) {
        SeriesPoints points;
        points.series = strand.id;
        points.damaged_blocks = strand.damaged;
        if (!strand.gatherer) return points;
        for (const SampleList* list : {&strand.unsealed.frozen, &strand.unsealed.active})
            for (const auto& sample : list->samples) add_within(strand, sample, list->texts);
        strand.gatherer->finish(points);
        return points;
    }

    const Sources& sources_;
    const SeriesQuery& question_;
    Steady::time_point deadline_;
    std::vector<Strand> strands_;
    std::vector<std::int64_t> days_;
};

}  // namespace

Result<std::vector<SeriesPoints>> answer(const Sources& sources, const SeriesQuery& question,
                                         Steady::time_point deadline) {
    return Questioner(sources, question, deadline).run();
}

}  // namespace labhub::coordinator::store::telemetry
