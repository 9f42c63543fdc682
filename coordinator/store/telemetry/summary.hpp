#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/store/telemetry/packed_sample.hpp"

namespace labhub::coordinator::store::telemetry {

/// Samples of a block that are summarised together.
inline constexpr std::size_t kChunkSamples = 256;

/// What is known of some consecutive samples without reading them. Readings of bad quality, texts and nulls count in
/// `count` and `qualities`, and nowhere else.
struct Summary {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();  ///< time of the first sample
    std::int64_t last = std::numeric_limits<std::int64_t>::min();
    std::uint32_t count = 0;
    Qualities qualities;        ///< unknown of blocks written before summaries had them
    std::uint32_t numbers = 0;  ///< those with a number; all below is of them
    double minimum = std::numeric_limits<double>::infinity();
    double maximum = -std::numeric_limits<double>::infinity();
    double sum = 0;
    double last_number = 0;
    std::int64_t minimum_time = 0;  ///< of the first sample that has it
    std::int64_t maximum_time = 0;

    void add(PackedSample sample);
    /// Adds what comes later.
    void add(const Summary& later);
};

/// The part of a block's row that charts read. In bytes it ends with a checksum over itself.
struct BlockSummary {
    SeriesId series{};
    Summary whole;
    std::vector<Summary> chunks;    ///< of kChunkSamples each but for the last; empty when there would be one
    std::uint64_t packed_hash = 0;  ///< XXH3 of the packed samples
};

BlockSummary summarise(SeriesId series, const SampleList& list, std::uint64_t packed_hash);
std::string encode_summary(const BlockSummary& summary);
/// Nothing when the checksum or the shape is wrong.
std::optional<BlockSummary> decode_summary(std::string_view bytes);

/// XXH3, 64 bits.
std::uint64_t hash_of(std::string_view bytes);

}  // namespace labhub::coordinator::store::telemetry
