#include "coordinator/store/telemetry/head.hpp"

#include <algorithm>
#include <bit>

namespace labhub::coordinator::store::telemetry {
namespace {

void write_sample(const PackedSample& sample, const std::vector<std::string>& texts, std::int64_t& before,
                  ByteWriter& out) {
    out.varint(zigzag(sample.time() - before));
    before = sample.time();
    out.fixed(sample.tag());
    switch (sample.kind()) {
        case Kind::null: break;
        case Kind::boolean: out.fixed(static_cast<std::uint8_t>(sample.bits)); break;
        case Kind::integer: out.varint(zigzag(static_cast<std::int64_t>(sample.bits))); break;
        case Kind::number: out.fixed(sample.bits); break;
        case Kind::text: out.text(texts[sample.bits]); break;
    }
}

}  // namespace

std::int64_t Frozen::first() const {
    if (run.empty() || (!late.empty() && late.front().time() < run.front().time())) return late.front().time();
    return run.front().time();
}

std::int64_t Frozen::last() const {
    if (run.empty() || (!late.empty() && late.back().time() > run.back().time())) return late.back().time();
    return run.back().time();
}

SampleList Frozen::merged() const {
    return merge(slice_of(run, run.size(), texts, 0, kTimeEnd, SIZE_MAX),
                 slice_of(late, late.size(), texts, 0, kTimeEnd, SIZE_MAX));
}

std::int64_t Head::first() const {
    if (run_.empty() || (!late_.empty() && late_.front().time() < run_.front().time())) return late_.front().time();
    return run_.front().time();
}

std::int64_t Head::last() const {
    const std::int64_t late = late_committed_ == 0 ? -1 : late_[late_committed_ - 1].time();
    return run_committed_ == 0 ? late : std::max(late, run_[run_committed_ - 1].time());
}

void Head::stage_late(std::int64_t time, Quality quality, const Value& value) {
    const PackedSample sample = pack(time, quality, value, texts_);
    if (late_.empty() || late_.back().time() < time) {
        late_.push_back(sample);
        return;
    }
    stray_.insert(stray_.begin() + static_cast<std::ptrdiff_t>(place_of(stray_, time)), sample);
}

void Head::write_staged(ByteWriter& out) const {
    std::int64_t before = 0;
    for (std::size_t i = run_committed_; i < run_.size(); ++i) write_sample(run_[i], texts_, before, out);
    for (std::size_t i = late_committed_; i < late_.size(); ++i) write_sample(late_[i], texts_, before, out);
    for (const auto& sample : stray_) write_sample(sample, texts_, before, out);
}

void Head::commit() {
    if (!stray_.empty()) {
        const auto middle = static_cast<std::ptrdiff_t>(late_.size());
        late_.insert(late_.end(), stray_.begin(), stray_.end());
        std::inplace_merge(late_.begin(), late_.begin() + middle, late_.end(),
                           [](const PackedSample& a, const PackedSample& b) { return a.time() < b.time(); });
        stray_ = {};
    }
    run_committed_ = static_cast<std::uint32_t>(run_.size());
    late_committed_ = static_cast<std::uint32_t>(late_.size());
    texts_committed_ = static_cast<std::uint32_t>(texts_.size());
}

void Head::roll_back() {
    run_.resize(run_committed_);
    late_.resize(late_committed_);
    stray_ = {};
    texts_.resize(texts_committed_);
}

SampleList Head::slice(std::int64_t from, std::int64_t to, std::size_t most) const {
    SampleList list = merge(slice_of(run_, run_committed_, texts_, from, to, most),
                            slice_of(late_, late_committed_, texts_, from, to, most));
    if (list.samples.size() > most) list.samples.resize(most);
    return list;
}

Frozen Head::freeze() {
    Frozen frozen{std::move(run_), std::move(late_), std::move(texts_)};
    *this = Head();
    return frozen;
}

SampleList slice_of(const std::vector<PackedSample>& samples, std::size_t size, const std::vector<std::string>& texts,
                    std::int64_t from, std::int64_t to, std::size_t most) {
    SampleList list;
    const auto end = samples.begin() + static_cast<std::ptrdiff_t>(size);
    auto begin = std::lower_bound(samples.begin(), end, from,
                                  [](const PackedSample& sample, std::int64_t t) { return sample.time() < t; });
    const auto stop =
        std::upper_bound(begin, end, to, [](std::int64_t t, const PackedSample& sample) { return t < sample.time(); });
    const auto wanted = std::min(most, static_cast<std::size_t>(stop - begin));
    list.samples.reserve(wanted);
    if (texts.empty()) {
        list.samples.assign(begin, begin + static_cast<std::ptrdiff_t>(wanted));
        return list;
    }
    for (std::size_t i = 0; i < wanted; ++i) list.add(begin[static_cast<std::ptrdiff_t>(i)], texts);
    return list;
}

bool read_staged(ByteReader& in, std::int64_t& time, Quality& quality, Value& value) {
    time += unzigzag(in.varint());
    const auto tag = in.fixed<std::uint8_t>();
    quality = quality_of(tag & 15);
    switch (static_cast<Kind>(tag >> 4)) {
        case Kind::null: value = Value{}; break;
        case Kind::boolean: value = in.fixed<std::uint8_t>() != 0; break;
        case Kind::integer: value = unzigzag(in.varint()); break;
        case Kind::number: value = std::bit_cast<double>(in.fixed<std::uint64_t>()); break;
        case Kind::text: value = std::string(in.text()); break;
        default: return false;
    }
    return in.is_good() && time >= 0 && time < kTimeEnd;
}

}  // namespace labhub::coordinator::store::telemetry
