#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "coordinator/store/telemetry/bytes.hpp"

namespace labhub::coordinator::store::telemetry {

/// Integers packed as what is left after the best of several predictions (a base, the one before, the slope before, or
/// the one before by exclusive or), cut into planes of one byte each, each plane by itself through zstd: noise costs
/// its entropy, regularity nothing.
void encode_integers(std::span<const std::int64_t> values, ByteWriter& out);
/// Reads `values.size()` of them. False: the bytes can't be right.
bool decode_integers(ByteReader& in, std::span<std::int64_t> values);
/// About how many bits encode_integers would need, from a part of the values.
std::uint64_t estimated_bits(std::span<const std::int64_t> values);

/// Bytes through zstd where that makes them smaller.
void encode_bytes(std::string_view bytes, ByteWriter& out);
/// False: they can't be right, or are more than `bound`.
bool decode_bytes(ByteReader& in, std::string& bytes, std::size_t bound);

}  // namespace labhub::coordinator::store::telemetry
