#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/base/value.hpp"

namespace labhub::agent::spool {

/// Readings of one device that belong together: one row of the spool, one DDATA message.
struct Batch {
    std::string device;
    std::vector<Reading> readings;
};

/// The bytes of a batch in the spool, about ten a reading: names share what they have in common with the one before,
/// times are differences, numbers that fit a float take four bytes. Self-contained, so that any row can be lost.
///
///     version(1) device(text) count(varint)  then for each reading:
///     shared(1 byte: bytes of the previous name kept) rest(text) time(zigzag varint: ms since the previous reading's)
///     quality(varint) type(1) value
std::string encode_batch(const Batch& batch);
/// Error corrupt for anything encode_batch can't have written.
Result<Batch> decode_batch(std::string_view bytes);

}  // namespace labhub::agent::spool
