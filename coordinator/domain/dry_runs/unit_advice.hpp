#pragma once

#include <string>

#include "shared/base/value.hpp"

namespace labhub::coordinator::dry_runs {

/// More than this no culture grows by: what is renewed faster was a mistake in the unit, or a rinse.
inline constexpr double kFastestDilution = 10;  // 1/h

/// How often a flow into it (mL/s) renews a vial in an hour.
double dilution_per_h(double ml_per_s, double vial_ml);

/// What a value that can't be meant as it stands may have been meant as, given the metric's own unit: "0.5 mL/min would
/// be 0.00833 mL/s"; empty where nothing suggests itself. `vial_ml`: what a pump's flow is judged by.
std::string unit_advice(const MetricInfo& metric, double value, double vial_ml);

/// Whether a percentage looks like the share it stands for: 0.4 for 40 %.
bool is_share_for_percent(const MetricInfo& metric, double value);

}  // namespace labhub::coordinator::dry_runs
