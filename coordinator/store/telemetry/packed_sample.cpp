#include "coordinator/store/telemetry/packed_sample.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::uint8_t kBad = 0, kGood = 1, kStale = 2, kUncertain = 3;  // in files: never renumbered

std::uint8_t tag_of(Kind kind, std::uint8_t quality) {
    return static_cast<std::uint8_t>((static_cast<unsigned>(kind) << 4) | quality);
}

}  // namespace

std::uint8_t quality_code(Quality quality) {
    switch (quality) {
        case Quality::good: return kGood;
        case Quality::stale: return kStale;
        case Quality::uncertain: return kUncertain;
        case Quality::bad: break;
    }
    return kBad;
}

Quality quality_of(std::uint8_t code) {
    switch (code) {
        case kGood: return Quality::good;
        case kStale: return Quality::stale;
        case kUncertain: return Quality::uncertain;
        default: return Quality::bad;
    }
}

Qualities Qualities::of_bits(std::uint8_t bits) {
    Qualities qualities;
    qualities.bits_ = bits & 15;
    return qualities;
}

Quality Qualities::of_value() const {
    if ((bits_ & (1u << kBad | 1u << kUncertain)) != 0) return Quality::uncertain;
    return (bits_ & 1u << kStale) != 0 ? Quality::stale : Quality::good;
}

void SampleList::add(PackedSample sample, const std::vector<std::string>& its_texts) {
    if (sample.kind() == Kind::text) {
        const std::string& text = its_texts[sample.bits];
        if (texts.empty() || texts.back() != text) texts.push_back(text);
        sample.bits = texts.size() - 1;
    }
    samples.push_back(sample);
}

void SampleList::add(const SampleList& other, std::size_t begin, std::size_t end) {
    if (other.texts.empty()) {
        const auto its_begin = other.samples.begin();
        samples.insert(samples.end(), its_begin + static_cast<std::ptrdiff_t>(begin),
                       its_begin + static_cast<std::ptrdiff_t>(end));
        return;
    }
    for (std::size_t i = begin; i < end; ++i) add(other.samples[i], other.texts);
}

PackedSample pack(std::int64_t time, Quality quality, const Value& value, std::vector<std::string>& texts) {
    const std::uint8_t code = quality_code(quality);
    if (const auto* number = std::get_if<double>(&value)) {
        if (!std::isfinite(*number)) return PackedSample::of(time, tag_of(Kind::null, kBad), 0);
        return PackedSample::of(time, tag_of(Kind::number, code), std::bit_cast<std::uint64_t>(*number));
    }
    if (const auto* integer = std::get_if<std::int64_t>(&value))
        return PackedSample::of(time, tag_of(Kind::integer, code), static_cast<std::uint64_t>(*integer));
    if (const auto* boolean = std::get_if<bool>(&value))
        return PackedSample::of(time, tag_of(Kind::boolean, code), *boolean ? 1 : 0);
    const auto* text = std::get_if<std::string>(&value);
    if (!text) return PackedSample::of(time, tag_of(Kind::null, code), 0);
    if (texts.empty() || texts.back() != *text) texts.push_back(*text);
    return PackedSample::of(time, tag_of(Kind::text, code), texts.size() - 1);
}

Sample unpack(PackedSample sample, const std::vector<std::string>& texts) {
    Sample out{UtcMillis{sample.time()}, Value{}, quality_of(sample.quality_code())};
    switch (sample.kind()) {
        case Kind::boolean: out.value = sample.bits != 0; break;
        case Kind::integer: out.value = static_cast<std::int64_t>(sample.bits); break;
        case Kind::number: out.value = std::bit_cast<double>(sample.bits); break;
        case Kind::text: out.value = texts[sample.bits]; break;
        case Kind::null: break;
    }
    return out;
}

SampleList merge(SampleList first, const SampleList& second) {
    if (second.empty()) return first;
    if (first.empty()) return second;
    if (first.last() < second.first()) {
        first.add(second, 0, second.size());
        return first;
    }
    SampleList merged;
    merged.samples.reserve(first.size() + second.size());
    std::size_t i = 0, j = 0;
    while (i < first.size() || j < second.size()) {
        const bool takes_first =
            j == second.size() || (i < first.size() && first.samples[i].time() <= second.samples[j].time());
        if (!takes_first) {
            merged.add(second.samples[j++], second.texts);
            continue;
        }
        if (j < second.size() && first.samples[i].time() == second.samples[j].time()) ++j;
        merged.add(first.samples[i++], first.texts);
    }
    return merged;
}

std::size_t place_of(const std::vector<PackedSample>& samples, std::int64_t time) {
    const auto found = std::lower_bound(samples.begin(), samples.end(), time,
                                        [](const PackedSample& sample, std::int64_t t) { return sample.time() < t; });
    return static_cast<std::size_t>(found - samples.begin());
}

bool has_time(const std::vector<PackedSample>& samples, std::int64_t time) {
    const std::size_t place = place_of(samples, time);
    return place < samples.size() && samples[place].time() == time;
}

SampleList slice(const SampleList& list, std::int64_t begin, std::int64_t end) {
    SampleList part;
    if (end < begin) return part;
    const std::size_t from = place_of(list.samples, begin), to = place_of(list.samples, end + 1);
    part.add(list, from, to);
    return part;
}

}  // namespace labhub::coordinator::store::telemetry
