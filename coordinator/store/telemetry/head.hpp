#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/store/telemetry/bytes.hpp"
#include "coordinator/store/telemetry/packed_sample.hpp"

namespace labhub::coordinator::store::telemetry {

/// The samples of a head that is being sealed; never changed.
struct Frozen {
    std::vector<PackedSample> run, late;
    std::vector<std::string> texts;

    std::size_t size() const { return run.size() + late.size(); }
    bool has(std::int64_t time) const { return has_time(run, time) || has_time(late, time); }
    std::int64_t first() const;
    std::int64_t last() const;
    SampleList merged() const;
};

/// A series' samples that are in no partition yet: those that came in order, and the late ones, each ascending. What an
/// append adds is staged, and seen by nobody else, until the journal has it.
class Head {
  public:
    bool empty() const { return run_.empty() && late_.empty(); }
    std::size_t committed() const { return run_committed_ + late_committed_; }
    std::size_t staged() const { return run_.size() + late_.size() + stray_.size() - committed(); }
    bool has(std::int64_t time) const {
        return has_time(run_, time) || has_time(late_, time) || has_time(stray_, time);
    }

    /// `time` is after all the series has.
    void stage(std::int64_t time, Quality quality, const Value& value) {
        run_.push_back(pack(time, quality, value, texts_));
    }
    /// `time` is not, and the series does not have it.
    void stage_late(std::int64_t time, Quality quality, const Value& value);
    /// Writes what is staged, for the journal.
    void write_staged(ByteWriter& out) const;
    void commit();
    void roll_back();

    /// The committed samples with from ≤ time ≤ to, the first `most` of them.
    SampleList slice(std::int64_t from, std::int64_t to, std::size_t most) const;
    const PackedSample* newest() const { return run_committed_ > 0 ? &run_[run_committed_ - 1] : nullptr; }
    /// Times of the oldest and the newest committed sample; not where there is none.
    std::int64_t first() const;
    std::int64_t last() const;
    const std::vector<std::string>& texts() const { return texts_; }
    /// Hands over all samples. Nothing may be staged.
    Frozen freeze();

  private:
    std::vector<PackedSample> run_, late_;
    std::vector<PackedSample> stray_;  ///< staged ones before the end of late_
    std::vector<std::string> texts_;
    std::uint32_t run_committed_ = 0, late_committed_ = 0, texts_committed_ = 0;
};

/// The first `most` samples in [from, to] of an ascending range of `size`.
SampleList slice_of(const std::vector<PackedSample>& samples, std::size_t size, const std::vector<std::string>& texts,
                    std::int64_t from, std::int64_t to, std::size_t most);
/// Reads one sample as write_staged wrote it: calls with time, quality and value.
bool read_staged(ByteReader& in, std::int64_t& time, Quality& quality, Value& value);

}  // namespace labhub::coordinator::store::telemetry
