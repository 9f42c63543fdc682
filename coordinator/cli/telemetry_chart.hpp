#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace labhub::cli {

/// One series as a chart shows it.
struct ChartSeries {
    std::string name;                           ///< "vial_A_temp", or with the device before it
    std::string unit;                           ///< as people write it; empty: none
    std::vector<std::int64_t> times;            ///< milliseconds of UTC, ascending
    std::vector<std::optional<double>> values;  ///< of each time; nothing where none could be had
    bool has_steps = false;                     ///< a switch: holds its value until the next one
    std::string remark;                         ///< shown in place of a plot, as for text
};

struct ChartOptions {
    std::int64_t from = 0, to = 0;  ///< milliseconds of UTC: the ends of the time axis
    std::size_t width = 80;         ///< places
    std::size_t height = 0;         ///< lines of each plot; 0: by how many there are
    bool is_styled = false;         ///< bold, dim and colours
    bool is_elapsed = false;        ///< the axis shows the time since `from`
    bool is_overlay = false;        ///< all series in one plot, without a heading: the caller says which is which
};

/// Charts of braille dots, two by four to a place, above one axis of local time. Where colours can tell them apart,
/// series of one unit share a plot; else each has its own. Lines end where samples are missing.
std::string chart_text(const std::vector<ChartSeries>& series, const ChartOptions& options);

/// What a series of an overlay is drawn in, as a mark for a legend: "━━" in its colour.
std::string chart_mark(std::size_t place, bool is_styled);

/// How many points of a series such a chart can show: the least and the greatest of each column of dots.
std::size_t chart_points(std::size_t width);

}  // namespace labhub::cli
