#include "coordinator/cli/telemetry_chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "coordinator/cli/table.hpp"
#include "coordinator/cli/telemetry_axis.hpp"

namespace labhub::cli {
namespace {

// The terminal's own palette, so that they can be read on light and dark ground.
constexpr std::array kColours{"\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[32m", "\x1b[34m", "\x1b[31m"};
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kPlain = "\x1b[0m";
constexpr std::size_t kDotsAcross = 2, kDotsDown = 4;
constexpr std::size_t kLeastWidth = 40;

std::string repeat(std::string_view text, std::size_t times) {
    std::string all;
    while (times-- > 0) all += text;
    return all;
}

std::string left_fill(const std::string& text, std::size_t width) {
    const std::size_t has = width_of(text);
    return has < width ? std::string(width - has, ' ') + text : text;
}

/// A grid of braille places, each with dots and the series that set the last of them.
class Canvas {
  public:
    Canvas(std::size_t width, std::size_t height) : width_(width), height_(height), cells_(width * height) {}
    std::size_t dots_across() const { return width_ * kDotsAcross; }
    std::size_t dots_down() const { return height_ * kDotsDown; }

    /// `x` from the left, `y` from below.
    void dot(std::size_t x, std::size_t y, std::size_t owner) {
        if (x >= dots_across() || y >= dots_down()) return;
        static constexpr std::uint8_t kBits[kDotsDown][kDotsAcross] = {
            {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
        const std::size_t down = dots_down() - 1 - y;
        Cell& cell = cells_[down / kDotsDown * width_ + x / kDotsAcross];
        cell.dots |= kBits[down % kDotsDown][x % kDotsAcross];
        cell.owner = owner;
    }
    void line(std::size_t x0, std::size_t y0, std::size_t x1, std::size_t y1, std::size_t owner) {
        const auto across = static_cast<double>(x1) - static_cast<double>(x0);
        const auto up = static_cast<double>(y1) - static_cast<double>(y0);
        const auto steps = static_cast<std::size_t>(std::max({std::fabs(across), std::fabs(up), 1.0}));
        for (std::size_t i = 0; i <= steps; ++i) {
            const double part = static_cast<double>(i) / static_cast<double>(steps);
            dot(static_cast<std::size_t>(std::lround(static_cast<double>(x0) + part * across)),
                static_cast<std::size_t>(std::lround(static_cast<double>(y0) + part * up)), owner);
        }
    }
    std::string row(std::size_t row, bool is_styled) const {
        std::string text;
        std::size_t blanks = 0;
        const char* colour = "";
        for (std::size_t column = 0; column < width_; ++column) {
            const Cell& cell = cells_[row * width_ + column];
            if (cell.dots == 0) {
                ++blanks;
                continue;
            }
            text += std::string(std::exchange(blanks, 0), ' ');
            const char* const wanted = is_styled ? kColours[cell.owner % kColours.size()] : "";
            if (wanted != colour) text += colour = wanted;
            text += static_cast<char>(0xE2);  // U+2800 and the dots, in UTF-8
            text += static_cast<char>(0xA0 | (cell.dots >> 6));
            text += static_cast<char>(0x80 | (cell.dots & 0x3F));
        }
        return *colour ? text + kPlain : text;
    }

  private:
    struct Cell {
        std::uint8_t dots = 0;
        std::size_t owner = 0;
    };
    std::size_t width_, height_;
    std::vector<Cell> cells_;
};

struct Extent {
    double low = 0, high = 0;
    bool is_empty = true;
    void take(double value) {
        low = is_empty ? value : std::min(low, value);
        high = is_empty ? value : std::max(high, value);
        is_empty = false;
    }
};

Extent extent_of(const std::vector<const ChartSeries*>& panel) {
    Extent extent;
    for (const ChartSeries* const series : panel)
        for (const auto& value : series->values)
            if (value) extent.take(*value);
    if (!extent.is_empty && panel.front()->has_steps) return Extent{0, 1, false};
    if (extent.is_empty || extent.high > extent.low) return extent;
    const double room = extent.low == 0 ? 1 : std::fabs(extent.low) * 0.05;
    extent.low -= room;
    extent.high += room;
    return extent;
}

/// Longer than this between two samples is a gap.
std::int64_t gap_of(const ChartSeries& series, std::int64_t one_dot) {
    std::vector<std::int64_t> distances;
    for (std::size_t i = 1; i < series.times.size(); ++i) distances.push_back(series.times[i] - series.times[i - 1]);
    if (distances.empty()) return one_dot;
    const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
    std::nth_element(distances.begin(), middle, distances.end());
    return std::max(*middle * 5, one_dot * 3);
}

class Plot {
  public:
    Plot(std::vector<const ChartSeries*> panel, const ChartOptions& options, std::size_t width, std::size_t height)
        : panel_(std::move(panel)), options_(options), height_(height), canvas_(width, height) {
        extent_ = extent_of(panel_);
        if (extent_.is_empty) return;
        for (std::size_t i = 0; i < panel_.size(); ++i) draw(*panel_[i], i);
        place_ticks();
    }
    bool is_empty() const { return extent_.is_empty; }
    std::string text(std::size_t gutter) const {
        std::string all;
        const std::string dim = options_.is_styled ? kDim : "", plain = options_.is_styled ? kPlain : "";
        for (std::size_t row = 0; row < height_; ++row) {
            std::string line = dim + left_fill(labels_[row], gutter) + (labels_[row].empty() ? " │" : " ┤") + plain +
                               canvas_.row(row, options_.is_styled);
            all += line + "\n";
        }
        return all;
    }

  private:
    std::size_t x_of(std::int64_t time) const {
        const double part = static_cast<double>(time - options_.from) /
                            static_cast<double>(std::max<std::int64_t>(options_.to - options_.from, 1));
        const double last = static_cast<double>(canvas_.dots_across() - 1);
        return static_cast<std::size_t>(std::lround(std::clamp(part, 0.0, 1.0) * last));
    }
    std::size_t y_of(double value) const {
        const double part = (value - extent_.low) / (extent_.high - extent_.low);
        return static_cast<std::size_t>(std::lround(part * static_cast<double>(canvas_.dots_down() - 1)));
    }
    void draw(const ChartSeries& series, std::size_t owner) {
        const std::int64_t one_dot =
            std::max<std::int64_t>((options_.to - options_.from) / static_cast<std::int64_t>(canvas_.dots_across()), 1);
        const std::int64_t gap = series.has_steps ? INT64_MAX : gap_of(series, one_dot);
        std::optional<std::size_t> before;
        for (std::size_t i = 0; i < series.times.size(); ++i) {
            if (!series.values[i]) {
                before.reset();
                continue;
            }
            const std::size_t x = x_of(series.times[i]), y = y_of(*series.values[i]);
            if (before && series.times[i] - series.times[*before] <= gap) {
                const std::size_t last_x = x_of(series.times[*before]), last_y = y_of(*series.values[*before]);
                if (series.has_steps) canvas_.line(last_x, last_y, x, last_y, owner);
                canvas_.line(series.has_steps ? x : last_x, last_y, x, y, owner);
            }
            canvas_.dot(x, y, owner);
            before = i;
        }
    }
    void place_ticks() {
        labels_.assign(height_, "");
        const bool is_switch =
            std::all_of(panel_.begin(), panel_.end(), [](const auto* one) { return one->has_steps; });
        std::vector<Tick> ticks{{0, "off"}, {1, "on"}};
        // One mark is no scale: the steps become finer until there are two.
        for (std::size_t most = std::max<std::size_t>(height_ / 2, 2); !is_switch && most <= height_ + 1; ++most) {
            ticks = value_ticks(extent_.low, extent_.high, most);
            if (ticks.size() > 1) break;
        }
        for (const Tick& tick : ticks) {
            if (tick.at < extent_.low || tick.at > extent_.high) continue;
            const std::size_t row = height_ - 1 - std::min(y_of(tick.at) / kDotsDown, height_ - 1);
            if (labels_[row].empty()) labels_[row] = tick.label;
        }
    }

    std::vector<const ChartSeries*> panel_;
    const ChartOptions& options_;
    std::size_t height_;
    Canvas canvas_;
    Extent extent_;
    std::vector<std::string> labels_;
};

std::string number_text(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.5g", value);
    return text.data();
}

std::string figures_of(const ChartSeries& series) {
    if (!series.remark.empty()) return series.remark;
    Extent extent;
    std::optional<double> last;
    for (const auto& value : series.values) {
        if (!value) continue;
        extent.take(*value);
        last = value;
    }
    if (!last) return series.times.empty() ? "no readings" : "no value could be had";
    if (series.has_steps) return *last != 0 ? "on" : "off";
    return "last " + number_text(*last) + "   min " + number_text(extent.low) + "   max " + number_text(extent.high);
}

std::string cut(std::string text, std::size_t width) {
    if (width_of(text) <= width) return text;
    while (width_of(text) + 1 > width) {
        while ((static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
        text.pop_back();
    }
    return text + "…";
}

/// Name and unit to the left, figures to the right; below each other where both don't fit.
std::string heading(const ChartSeries& series, std::size_t colour, bool shares_plot, const ChartOptions& options) {
    const std::string unit = series.unit.empty() ? "" : "  " + series.unit;
    const std::size_t mark_width = shares_plot ? 3 : 0;
    const std::string name = cut(series.name, options.width - std::min(options.width / 2, width_of(unit) + mark_width));
    const std::string figures = cut(figures_of(series), options.width);
    const std::size_t used = width_of(name + unit) + width_of(figures) + mark_width;
    const std::string fill = used + 2 <= options.width ? std::string(options.width - used, ' ')
                                                       : "\n" + std::string(options.width - width_of(figures), ' ');
    if (!options.is_styled) return name + unit + fill + figures + "\n";
    const std::string mark = shares_plot ? std::string(kColours[colour % kColours.size()]) + "━━ " + kPlain : "";
    return mark + kBold + name + kPlain + unit + fill + kDim + figures + kPlain + "\n";
}

std::vector<std::vector<const ChartSeries*>> panels_of(const std::vector<ChartSeries>& series,
                                                       const ChartOptions& options) {
    const bool is_styled = options.is_styled;
    std::vector<std::vector<const ChartSeries*>> panels;
    if (options.is_overlay) {
        panels.emplace_back();
        for (const ChartSeries& one : series) panels.back().push_back(&one);
        return panels;
    }
    for (const ChartSeries& one : series) {
        const auto fits = [&](const std::vector<const ChartSeries*>& panel) {
            return is_styled && panel.size() < kColours.size() && panel.front()->unit == one.unit &&
                   panel.front()->has_steps == one.has_steps && !one.has_steps && one.remark.empty() &&
                   panel.front()->remark.empty();
        };
        const auto found = std::find_if(panels.begin(), panels.end(), fits);
        if (found != panels.end())
            found->push_back(&one);
        else
            panels.push_back({&one});
    }
    return panels;
}

std::string time_axis(const ChartOptions& options, std::size_t gutter, std::size_t width) {
    const auto ticks = options.is_elapsed ? elapsed_ticks(options.from, options.to, width)
                                          : time_ticks(options.from, options.to, width);
    std::string line, labels(gutter + 2, ' ');
    std::vector<bool> is_tick(width, false);
    for (const Tick& tick : ticks) {
        const double part =
            (tick.at - static_cast<double>(options.from)) / static_cast<double>(options.to - options.from);
        const auto at = static_cast<std::size_t>(std::lround(part * static_cast<double>(width - 1)));
        is_tick[std::min(at, width - 1)] = true;
        const std::size_t middle = gutter + 2 + at;
        std::size_t begin = middle - std::min(middle, tick.label.size() / 2);
        begin = std::min(begin, gutter + 2 + width - std::min(width, tick.label.size()));
        if (begin < labels.size() && labels.find_last_not_of(' ') != std::string::npos) continue;  // would touch
        if (begin > labels.size()) labels.resize(begin, ' ');
        labels.replace(begin, std::min(tick.label.size(), labels.size() - begin), tick.label);
        labels += ' ';
    }
    for (std::size_t i = 0; i < width; ++i) line += is_tick[i] ? "┬" : "─";
    labels.erase(labels.find_last_not_of(' ') + 1);
    const std::string dim = options.is_styled ? kDim : "", plain = options.is_styled ? kPlain : "";
    return dim + std::string(gutter + 1, ' ') + "└" + line + "\n" + labels + plain + "\n";
}

}  // namespace

std::string chart_mark(std::size_t place, bool is_styled) {
    return is_styled ? std::string(kColours[place % kColours.size()]) + "━━" + kPlain : "";
}

std::size_t chart_points(std::size_t width) { return std::max(width, kLeastWidth) * kDotsAcross * 2; }

std::string chart_text(const std::vector<ChartSeries>& series, const ChartOptions& given) {
    ChartOptions options = given;
    options.width = std::max(options.width, kLeastWidth);
    constexpr std::size_t kGutter = 9;
    const auto panels = panels_of(series, options);
    const std::size_t usual = panels.size() <= 1 ? 14 : panels.size() <= 3 ? 8 : 5;
    const std::size_t height = options.height > 0 ? options.height : usual;
    const std::size_t width = options.width - kGutter - 2;
    std::string all;
    bool has_plot = false;
    for (const auto& panel : panels) {
        if (!all.empty()) all += "\n";
        const bool shares_plot = panel.size() > 1;
        for (std::size_t i = 0; i < panel.size() && !options.is_overlay; ++i)
            all += heading(*panel[i], i, shares_plot, options);
        const bool is_switch = panel.front()->has_steps;
        const Plot plot(panel, options, width, is_switch ? 2 : height);
        if (plot.is_empty()) continue;
        all += plot.text(kGutter);
        has_plot = true;
    }
    return has_plot ? all + time_axis(options, kGutter, width) : all;
}

}  // namespace labhub::cli
