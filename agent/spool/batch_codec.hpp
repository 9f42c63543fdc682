#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/base/value.hpp"

namespace labhub::agent::spool {

/// What is given up first when space or time runs out: plain readings before changes of state before alarms. The
/// numbers are stored.
enum class Class : std::uint8_t { alarm = 0, state_change = 1, reading = 2 };
inline constexpr std::size_t kClasses = 3;
/// "alarms", "state changes", "readings".
std::string_view to_string(Class of);

/// Readings of one device that belong together: one row of the spool, one DDATA message (or a part of one, replayed).
struct Batch {
    std::string device;  ///< empty: metrics of the node itself
    std::vector<Reading> readings;
    bool clock_unsure = false;  ///< the times come from a clock that wasn't known to be right
    /// Comes a while after it was measured, and so among what is newer: history to a host. Not stored.
    bool is_late = false;
};

/// The names of a batch's readings, in order. Most rows repeat one of a few shapes, so that a row need only say which.
using Shape = std::vector<std::string>;
Shape shape_of(const Batch& batch);
std::string encode_shape(const Shape& shape);
/// Error corrupt for anything encode_shape can't have written.
Result<Shape> decode_shape(std::string_view bytes);

/// The bytes of a batch in the spool: three to six a reading with a shape, about ten without. `shape` 0: the names are
/// written out, and the row is good without anything else. The device's id is stored beside it.
///
///     version(1: 2 with shape, 3 with names) crc32(4, of all that follows) shape(varint) or names(as encode_shape)
///     flags(1: unsure clock, one time for all, all good) time(zigzag varint, of the first)
///     then for each reading: [time(zigzag varint: ms since the previous one's)] [quality(varint)] type(1) value
///
/// Numbers that a few decimal digits give exactly are integers with an exponent, others a float where that is exact,
/// else a double. Rows of version 1, which an earlier agent left behind, are read too.
std::string encode_batch(const Batch& batch, std::uint32_t shape = 0);

/// The shape a row refers to, 0 for none. Error corrupt.
Result<std::uint32_t> shape_in(std::string_view bytes);
/// Error corrupt for anything encode_batch can't have written, also where the checksum doesn't fit or `shape` is of
/// another length than the row. The device is left empty (but for version 1).
Result<Batch> decode_batch(std::string_view bytes, const Shape* shape = nullptr);

}  // namespace labhub::agent::spool
