#include "agent/twin/vessel_start.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace labhub::agent::twin {
namespace {

namespace sim = firmware_bridge::sim;

// What a thermometer in a culture or a block can show.
constexpr double kColdest = -5, kHottest = 95;
/// Volts of the reference above the dark below which the lamp was off.
constexpr double kLeastLight = 0.2;
constexpr double kMostOd = 20;

std::optional<double> number_of(const std::vector<Reading>& readings, const std::string& metric) {
    for (const Reading& reading : readings)
        if (reading.metric == metric && is_usable(reading.quality)) return as_number(reading.value);
    return std::nullopt;
}

std::optional<double> plausible(std::optional<double> celsius) {
    return celsius && *celsius > kColdest && *celsius < kHottest ? celsius : std::nullopt;
}

/// The board's analogue thermometers: 0.5 V at 0 degrees Celsius, 10 mV per degree.
std::optional<double> celsius_of_volts(std::optional<double> volts) {
    return volts ? plausible((*volts - 0.5) / 0.01) : std::nullopt;
}

std::string vial_metric(std::size_t n, const char* what) {
    return std::string("vial_") + static_cast<char>('A' + n) + "_" + what;
}

std::optional<double> od_of(const std::vector<Reading>& readings, std::size_t n, const sim::OpticsOptions& optics) {
    const auto passed = number_of(readings, vial_metric(n, "180_degree"));
    const auto lamp = number_of(readings, vial_metric(n, "reference"));
    if (!passed || !lamp || *lamp - optics.dark < kLeastLight || *passed <= optics.dark) return std::nullopt;
    const double od = -std::log10((*passed - optics.dark) / (*lamp - optics.dark)) / optics.through;
    return od < kMostOd ? std::optional(std::max(od, 0.001)) : std::nullopt;
}

std::string text(const char* format, double a, double b = 0) {
    char buffer[160];
    std::snprintf(buffer, sizeof buffer, format, a, b);
    return buffer;
}

std::string letters(const std::array<std::optional<double>, VESSEL_VIALS>& known, bool is_known) {
    std::string list;
    for (std::size_t n = 0; n < known.size(); ++n)
        if (known[n].has_value() == is_known)
            list += (list.empty() ? "" : ", ") + std::string(1, static_cast<char>('A' + n));
    return list;
}

}  // namespace

Beginning beginning_from(const std::vector<Reading>& readings, const sim::VesselOptions& model) {
    Beginning beginning;
    sim::VesselStart& start = beginning.start;
    for (std::size_t n = 0; n < VESSEL_VIALS; ++n) {
        start.celsius[n] = plausible(number_of(readings, vial_metric(n, "temp")));
        start.od[n] = od_of(readings, n, model.optics);
    }
    start.block = celsius_of_volts(number_of(readings, "io_temp_out"));
    start.ambient = celsius_of_volts(number_of(readings, "io_temp_in"));
    auto& said = beginning.assumptions;
    said.push_back(text("each vial begins with %.0f mL of at most %.0f mL: no sensor tells its volume",
                        model.vial.volume, model.vial.capacity));
    if (const auto unknown = letters(start.od, false); !unknown.empty())
        said.push_back(text("the lamp is off, so that the optical density begins at %.2f in vial ", model.vial.od) +
                       unknown);
    if (const auto known = letters(start.od, true); !known.empty())
        said.push_back("the optical density was read off the photodiodes, by the model's calibration, in vial " +
                       known);
    if (const auto unknown = letters(start.celsius, false); !unknown.empty())
        said.push_back("without a usable temperature, a vial begins as warm as the block: " + unknown);
    said.push_back(text("the culture is a budding yeast that doubles in %.1f h at best, fed with %.0f g/L of substrate",
                        std::log(2) / model.culture.mu_max, model.vial.feed_substrate));
    return beginning;
}

}  // namespace labhub::agent::twin
