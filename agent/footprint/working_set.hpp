#pragma once

#include <cstddef>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::footprint {

/// Gives back the pages of programs and libraries that are mapped but were read only at the start or long ago (parsing
/// the configuration, relocating, making keys): on a small node they are the larger half of what the agent occupies.
/// Only pages that are equal to their file are dropped, so that whatever is needed again is read from there, mostly out
/// of the page cache. Returns how many bytes were given back. Error as reading /proc/self/smaps gave it.
Result<std::size_t> release_idle_pages();

/// Does that a few seconds after the start, and then from time to time, until it is cancelled.
Task<void> keep_small();

}  // namespace labhub::agent::footprint
