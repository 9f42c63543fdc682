#include "coordinator/dry_run/series.hpp"

#include <algorithm>
#include <cmath>

namespace labhub::coordinator::dry_run {
namespace {

constexpr std::size_t kMostPoints = 480;
/// Half the points: each column keeps its least and its greatest.
constexpr std::size_t kColumns = 240;
constexpr double kChangedVolume = 0.5;  // mL

double round_to(double value, double steps) { return std::round(value * steps) / steps; }

bool is_used(const rpc::VialState& vial, const dry_runs::Findings& findings) {
    const auto is_set = [&](const char* way) {
        const auto found = findings.actuators().find("pump_" + vial.vial() + way);
        return found != findings.actuators().end() && found->second.most.value_or(0) > 0;
    };
    return is_set("_in") || is_set("_out");
}

/// A row of the states for each column of points.
template <class Value>
api::DryRunSeries model_series(std::string metric, std::string unit, const std::vector<rpc::TwinState>& states,
                               Value value) {
    api::DryRunSeries series;
    series.metric = std::move(metric);
    series.unit = std::move(unit);
    const std::size_t stride = states.size() / kMostPoints + 1;
    for (std::size_t i = 0; i < states.size(); i += stride) {
        series.times.push_back(states[i].time_ms());
        series.values.push_back(value(states[i]));
    }
    return series;
}

api::DryRunSeries actuator_series(const std::string& metric, const std::string& unit, const dry_runs::ActuatorUse& use,
                                  UtcMillis end) {
    api::DryRunSeries series;
    series.metric = metric;
    series.unit = unit;
    series.has_steps = true;
    const auto add = [&](const std::pair<UtcMillis, double>& step) {
        series.times.push_back(step.first.count);
        series.values.push_back(step.second);
    };
    const auto& steps = use.steps;
    if (steps.size() <= kMostPoints) {
        std::for_each(steps.begin(), steps.end(), add);
    } else {
        for (std::size_t column = 0; column < kColumns; ++column) {
            const auto first = steps.begin() + static_cast<std::ptrdiff_t>(column * steps.size() / kColumns);
            const auto last = steps.begin() + static_cast<std::ptrdiff_t>((column + 1) * steps.size() / kColumns);
            auto [least, most] =
                std::minmax_element(first, last, [](const auto& a, const auto& b) { return a.second < b.second; });
            if (least > most) std::swap(least, most);
            add(*least);
            if (least != most) add(*most);
        }
    }
    if (!steps.empty() && series.times.back() < end.count) add({end, steps.back().second});
    return series;
}

void add_vial(int index, const std::vector<rpc::TwinState>& states, std::vector<api::DryRunSeries>& all) {
    const auto of = [index](const rpc::TwinState& state) -> const rpc::VialState& { return state.vials(index); };
    const std::string name = "vial_" + of(states.front()).vial();
    all.push_back(
        model_series(name + "_od", "", states, [&](const auto& state) { return round_to(of(state).od(), 1e4); }));
    all.push_back(model_series(name + "_temp", "Cel", states,
                               [&](const auto& state) { return round_to(of(state).celsius(), 100); }));
    const double begun = of(states.front()).volume_ml();
    const bool changed = std::any_of(states.begin(), states.end(), [&](const auto& state) {
        return std::abs(of(state).volume_ml() - begun) > kChangedVolume;
    });
    if (changed)
        all.push_back(model_series(name + "_volume", "mL", states,
                                   [&](const auto& state) { return round_to(of(state).volume_ml(), 100); }));
}

}  // namespace

std::vector<api::DryRunVial> vials_of(const std::vector<rpc::TwinState>& states) {
    std::vector<api::DryRunVial> vials;
    if (states.empty()) return vials;
    for (const rpc::VialState& vial : states.back().vials())
        vials.push_back({vial.vial(), round_to(vial.volume_ml(), 100), round_to(vial.od(), 1e4),
                         round_to(vial.celsius(), 100), round_to(vial.in_ml(), 100), round_to(vial.out_ml(), 100),
                         round_to(vial.overflow_ml(), 100)});
    return vials;
}

std::vector<api::DryRunSeries> series_of(const std::vector<rpc::TwinState>& states, const dry_runs::Findings& findings,
                                         const std::vector<MetricInfo>& metrics, UtcMillis end) {
    std::vector<api::DryRunSeries> all;
    if (!states.empty()) {
        for (int i = 0; i < states.front().vials_size(); ++i)
            if (is_used(states.front().vials(i), findings)) add_vial(i, states, all);
        if (all.empty() && states.front().vials_size() > 0) add_vial(0, states, all);
    }
    // What flows is looked at first.
    for (const bool is_of_pumps : {true, false})
        for (const auto& [metric, use] : findings.actuators())
            if (metric.starts_with("pump_") == is_of_pumps && !use.steps.empty()) {
                const auto info = find_metric(metrics, metric);
                all.push_back(actuator_series(metric, info ? (*info)->unit : std::string{}, use, end));
            }
    return all;
}

}  // namespace labhub::coordinator::dry_run
