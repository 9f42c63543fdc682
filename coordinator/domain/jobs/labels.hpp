#pragma once

#include "coordinator/domain/jobs/job.hpp"

namespace labhub::coordinator::jobs {

inline constexpr std::size_t kMostTags = 32;
inline constexpr std::size_t kLongestTag = 64;
inline constexpr std::size_t kLongestNote = 4'096;

/// Tags sorted and each once. A tag is 1 to 64 bytes of UTF-8 without blanks, commas and control characters, and does
/// not begin with '-'; a note any text of up to 4,096 bytes. Errors malformed, too_large.
Result<Labels> checked_labels(Labels labels);

}  // namespace labhub::coordinator::jobs
