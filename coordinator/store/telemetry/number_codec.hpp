#pragma once

#include <span>

#include "coordinator/store/telemetry/bytes.hpp"

namespace labhub::coordinator::store::telemetry {

/// Doubles, exactly. Most readings were integers once (an ADC's counts, a decimal text, a mean of n counts): where a
/// common denominator is found they are stored as those integers, with the last bits they differ by; else as they are.
void encode_numbers(std::span<const double> numbers, ByteWriter& out);
/// Reads `numbers.size()` of them. False: the bytes can't be right.
bool decode_numbers(ByteReader& in, std::span<double> numbers);

}  // namespace labhub::coordinator::store::telemetry
