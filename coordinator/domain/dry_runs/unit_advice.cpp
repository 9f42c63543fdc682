#include "coordinator/domain/dry_runs/unit_advice.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "shared/base/text.hpp"

namespace labhub::coordinator::dry_runs {
namespace {

struct Mistake {
    const char* unit;
    double factor;  ///< to mL/s
};
/// In the order in which people make them.
constexpr std::array kFlows{Mistake{"mL/min", 1.0 / 60}, Mistake{"µL/s", 1.0 / 1000}, Mistake{"mL/h", 1.0 / 3600},
                            Mistake{"µL/min", 1.0 / 60'000}};
// The dilution rates that cultures are grown at, 1/h.
constexpr double kSlowest = 0.02, kFastest = 3;
constexpr double kEightBits = 255, kSixteenBits = 65'535;

std::string rounded(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", number);
    return text;
}

std::string flow_advice(double value, double vial_ml) {
    for (const Mistake& mistake : kFlows) {
        const double flow = value * mistake.factor;
        const double dilution = dilution_per_h(flow, vial_ml);
        if (dilution < kSlowest || dilution > kFastest) continue;
        return "if " + format_number(value) + " " + mistake.unit + " was meant, that is " + rounded(flow) +
               " mL/s, which renews the vial " + rounded(dilution) + " times an hour";
    }
    return {};
}

std::string percent_advice(const MetricInfo& metric, double value) {
    if (is_share_for_percent(metric, value))
        return "percent are meant here: a share of " + format_number(value) + " is " + rounded(100 * value) + " %";
    for (const double full : {kEightBits, kSixteenBits})
        if (value > 100 && value <= full)
            return "percent are meant here: " + format_number(value) + " of " + format_number(full) + " is " +
                   rounded(100 * value / full) + " %";
    return {};
}

}  // namespace

double dilution_per_h(double ml_per_s, double vial_ml) { return vial_ml > 0 ? ml_per_s * 3600 / vial_ml : 0; }

bool is_share_for_percent(const MetricInfo& metric, double value) {
    // A controller's output may well be half a percent; nobody stirs that slowly.
    const bool is_signed = metric.minimum && *metric.minimum < 0;
    return metric.unit == "%" && !is_signed && value > 0 && value <= 1;
}

std::string unit_advice(const MetricInfo& metric, double value, double vial_ml) {
    if (!std::isfinite(value) || value <= 0) return {};
    if (metric.unit == "mL/s") return flow_advice(value, vial_ml);
    if (metric.unit == "%") return percent_advice(metric, value);
    return {};
}

}  // namespace labhub::coordinator::dry_runs
