#pragma once

#include <string>
#include <string_view>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::telemetry {

/// Both ends included.
struct TimeRange {
    UtcMillis from;
    UtcMillis to;
    auto operator<=>(const TimeRange&) const = default;
};

/// A moment as people and programs write it:
///   "2026-02-15T18:27:28.5+01:00"  RFC 3339; the fraction may be missing, a day alone is its 00:00 UTC
///   "1771179148500"                milliseconds of UTC since 1970
///   "-2h", "+90s", "now"           relative to `now`
/// A blank where the offset's sign belongs is a '+' that a URL lost. `name` stands for it in errors: malformed,
/// out_of_range (before 1970 or after 9999; seconds where milliseconds are meant).
Result<UtcMillis> parse_time(std::string_view name, std::string_view text, UtcMillis now);

/// Error out_of_range unless from < to.
Result<TimeRange> check_range(UtcMillis from, UtcMillis to);

}  // namespace labhub::coordinator::telemetry
