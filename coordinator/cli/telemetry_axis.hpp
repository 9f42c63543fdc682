#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace labhub::cli {

/// A mark on an axis, at a value of it.
struct Tick {
    double at = 0;
    std::string label;
};

/// Round values (1, 2 or 5 times a power of ten) between `low` and `high`, at most `most` of them, at least one where
/// there is a round value at all. Labels have as many decimals as tell them apart.
std::vector<Tick> value_ticks(double low, double high, std::size_t most);

/// Round times of the machine's time zone between two times, milliseconds of UTC, so far apart that labels don't touch
/// on an axis of `width` places: "14:30", "14:30:15" below a minute, "22 Nov" from a day on.
std::vector<Tick> time_ticks(std::int64_t from, std::int64_t to, std::size_t width);

/// The same for the time since `from`: "0s", "30s", "1h30m".
std::vector<Tick> elapsed_ticks(std::int64_t from, std::int64_t to, std::size_t width);

/// "Sun 22 Nov 2026, 14:00 – 15:00 (UTC+1)" in the machine's time zone; seconds where the range is short, both days
/// where there are two.
std::string range_title(std::int64_t from, std::int64_t to);

/// How people write the unit: "°C" for UCUM's "Cel", "µL" for "uL"; others as they are.
std::string unit_text(const std::string& ucum);

}  // namespace labhub::cli
