#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/store/telemetry/summary.hpp"
#include "coordinator/store/telemetry/types.hpp"

namespace labhub::coordinator::store::telemetry {

/// How a range of time is cut for an answer.
struct Grid {
    std::int64_t from = 0;
    std::int64_t to = 0;     ///< inclusive
    std::int64_t width = 1;  ///< ms of each bucket
    std::size_t buckets = 1;

    std::size_t bucket_of(std::int64_t time) const { return static_cast<std::size_t>((time - from) / width); }
    bool is_within_one(const Summary& part) const {
        return part.first >= from && part.last <= to && bucket_of(part.first) == bucket_of(part.last);
    }
    bool holds(const Summary& part) const { return part.first >= from && part.last <= to; }
};

/// Gathers a series' samples and summaries, in any order, into an answer. One for each series of a query.
class Gatherer {
  public:
    virtual ~Gatherer() = default;
    /// Whether the summary says all that is needed of these samples.
    virtual bool takes(const Summary& part) const = 0;
    virtual void add(const Summary& part) = 0;
    /// `sample` is within the grid.
    virtual void add(PackedSample sample, const std::vector<std::string>& texts) = 0;
    virtual void finish(SeriesPoints& answer) = 0;
};

/// Smallest and largest of each bucket at their true times; all samples when there are no more than `most`.
class Extremes final : public Gatherer {
  public:
    /// `by_summary`: there are so many samples for each bucket that chunks need not be opened, where they lie within
    /// one bucket or, being short, at the border of two.
    Extremes(Grid grid, std::size_t most, bool by_summary);
    bool takes(const Summary& part) const override;
    void add(const Summary& part) override;
    void add(PackedSample sample, const std::vector<std::string>& texts) override;
    void finish(SeriesPoints& answer) override;

  private:
    struct Bucket {
        std::int64_t minimum_time = -1, maximum_time = -1, text_time = -1;
        double minimum = 0, maximum = 0;
        std::string text;
        Qualities qualities;
    };
    void add_extreme(std::int64_t time, double number, Qualities qualities);

    Grid grid_;
    std::size_t most_;
    bool by_summary_;
    std::vector<Bucket> buckets_;
    std::vector<Sample> all_;  ///< while there are no more than `most`
    bool is_all_ = true;
    std::uint64_t samples_ = 0;
};

/// One exact value for each step.
class Steps final : public Gatherer {
  public:
    Steps(Grid grid, Aggregate aggregate);
    bool takes(const Summary& part) const override;
    void add(const Summary& part) override;
    void add(PackedSample sample, const std::vector<std::string>& texts) override;
    void finish(SeriesPoints& answer) override;

  private:
    struct Bucket {
        std::uint64_t count = 0, numbers = 0;
        double sum = 0, minimum = 0, maximum = 0;
        std::int64_t last_time = -1;
        Value last;
        Qualities qualities;
    };
    std::optional<Value> value_of(const Bucket& bucket) const;
    void add_numbers(Bucket& bucket, std::uint64_t numbers, double minimum, double maximum, double sum);

    Grid grid_;
    Aggregate aggregate_;
    std::vector<Bucket> buckets_;
    std::uint64_t samples_ = 0;
};

}  // namespace labhub::coordinator::store::telemetry
