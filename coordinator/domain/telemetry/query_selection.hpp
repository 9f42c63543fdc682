#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::telemetry {

/// Whether `text` is `pattern`, in which '*' stands for any characters (also '/') and '?' for one, which may be several
/// bytes of UTF-8. A '\' takes the next character as it is: "\*". Case matters.
bool matches(std::string_view pattern, std::string_view text);
/// Whether a '*' or '?' in it stands for others.
bool has_wildcard(std::string_view pattern);
/// A pattern without wildcards as the text it fits.
std::string literal(std::string_view pattern);
/// The pattern that fits this text alone, also within a list of words: "a*b, c" is "a\*b\, c".
std::string pattern_of(std::string_view text);

/// Which series are meant: by id, by `node/device/metric`, by the parts of it, each with '*' and '?'.
struct Selection {
    std::vector<std::string> series;   ///< any of these: "12", "sim-1/vessel/vial_A_temp", "*/vial_?_temp"; empty: all
    std::string device;                ///< and of this device, "sim-1/vessel" or "sim-*/*"; empty: any
    std::vector<std::string> metrics;  ///< and any of these metrics, "vial_*"; empty: all

    bool is_everything() const { return series.empty() && device.empty() && metrics.empty(); }
    /// `id` 0 is a series without one: a live reading, which ids don't select.
    bool includes(std::int64_t id, std::string_view device_name, std::string_view metric) const;
};

/// At most so many characters of patterns in one selection; matching costs their number times the text's.
inline constexpr std::size_t kMaxPatternBytes = 8 * 1024;

/// Comma-separated patterns without blanks at their ends; empty ones are left out. A comma or blank after a '\' is part
/// of its word.
std::vector<std::string> comma_list(std::string_view text);
/// Error malformed, too_large: a pattern that can't match, or too many.
Result<void> check_selection(const Selection& selection);

/// One that is known, as far as a selection needs it.
struct SeriesName {
    std::int64_t id = 0;
    std::string device;  ///< "sim-1/vessel"
    std::string metric;
};

/// Error not_found for the first part of the selection that nothing known fits, with the nearest names there are.
/// Nothing selected is no error when nothing is known yet and nothing was named.
Result<void> check_found(const Selection& selection, const std::vector<SeriesName>& known);

}  // namespace labhub::coordinator::telemetry
