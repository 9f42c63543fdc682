#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/telemetry/types.hpp"

namespace labhub::coordinator::store::telemetry {

/// Times are kept in 47 bits: [1970, about 6429).
inline constexpr std::int64_t kTimeEnd = std::int64_t{1} << 47;
inline constexpr std::int64_t kDayMs = 86'400'000;

enum class Kind : std::uint8_t { null, boolean, integer, number, text };

/// A sample in 16 bytes. Ordered by time. `bits` is the number's or integer's own, 0/1, or for text its place in the
/// `texts` that go with the list it stands in.
struct PackedSample {
    std::int64_t key = 0;  ///< time << 8 | kind << 4 | quality
    std::uint64_t bits = 0;

    std::int64_t time() const { return key >> 8; }
    Kind kind() const { return static_cast<Kind>((key >> 4) & 15); }
    std::uint8_t quality_code() const { return static_cast<std::uint8_t>(key & 15); }
    /// kind and quality in one byte
    std::uint8_t tag() const { return static_cast<std::uint8_t>(key); }
    bool is_bad() const { return quality_code() == 0; }
    /// The number it counts as in summaries and charts; nothing for text, null and readings of bad quality.
    std::optional<double> number() const;

    static PackedSample of(std::int64_t time, std::uint8_t tag, std::uint64_t bits) {
        return {(time << 8) | tag, bits};
    }
};

inline std::optional<double> PackedSample::number() const {
    if (is_bad()) return std::nullopt;
    switch (kind()) {
        case Kind::boolean: return static_cast<double>(bits);
        case Kind::integer: return static_cast<double>(static_cast<std::int64_t>(bits));
        case Kind::number: return std::bit_cast<double>(bits);
        default: return std::nullopt;
    }
}

std::uint8_t quality_code(Quality quality);
Quality quality_of(std::uint8_t code);

/// Which qualities some samples have. Empty: that isn't known.
class Qualities {
  public:
    Qualities() = default;
    static Qualities of_bits(std::uint8_t bits);
    std::uint8_t bits() const { return bits_; }
    void add(PackedSample sample) { bits_ |= static_cast<std::uint8_t>(1u << sample.quality_code()); }
    void add(Qualities others) { bits_ |= others.bits_; }
    /// What a value made of these samples is: of the quality of the worst that took part, uncertain where bad ones were
    /// left out, good where it isn't known.
    Quality of_value() const;

  private:
    std::uint8_t bits_ = 0;  ///< 1 << code; in files
};

/// Samples in ascending order of time, each time once, and the texts they point to.
struct SampleList {
    std::vector<PackedSample> samples;
    std::vector<std::string> texts;

    bool empty() const { return samples.empty(); }
    std::size_t size() const { return samples.size(); }
    std::int64_t first() const { return samples.front().time(); }
    std::int64_t last() const { return samples.back().time(); }
    /// Adds `sample` of a list with these texts.
    void add(PackedSample sample, const std::vector<std::string>& its_texts);
    /// Adds the samples of `other` from place `begin` to before `end`.
    void add(const SampleList& other, std::size_t begin, std::size_t end);
};

/// The value as kind and bits; a text is put into `texts`, unless it is the last one there. Numbers that are not finite
/// become null of bad quality.
PackedSample pack(std::int64_t time, Quality quality, const Value& value, std::vector<std::string>& texts);
Sample unpack(PackedSample sample, const std::vector<std::string>& texts);

/// Both in order, each time once; where both have a time, `first` wins.
SampleList merge(SampleList first, const SampleList& second);
/// The samples with begin ≤ time ≤ end.
SampleList slice(const SampleList& list, std::int64_t begin, std::int64_t end);
/// The place of the first sample at `time` or later.
std::size_t place_of(const std::vector<PackedSample>& samples, std::int64_t time);
/// Whether an ascending range holds a sample of that time.
bool has_time(const std::vector<PackedSample>& samples, std::int64_t time);

}  // namespace labhub::coordinator::store::telemetry
