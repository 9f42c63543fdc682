#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coordinator/store/telemetry/summary.hpp"

namespace labhub::coordinator::store::telemetry {

/// Most samples of one block: decoding all of them takes well under a tenth of a millisecond.
inline constexpr std::size_t kBlockSamples = 8'192;

/// A block as it is stored: consecutive samples of one series within one day.
struct EncodedBlock {
    Summary whole;
    std::string summary;  ///< encode_summary
    std::string packed;   ///< tags run-length, times and values through their codecs
};

/// `list` holds 1 to kBlockSamples samples.
EncodedBlock encode_block(SeriesId series, const SampleList& list);
/// Nothing when the bytes don't have the summary's checksum, or hold something else than it says.
std::optional<SampleList> decode_block(const BlockSummary& summary, std::string_view packed);

}  // namespace labhub::coordinator::store::telemetry
