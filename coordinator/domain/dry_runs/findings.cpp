#include "coordinator/domain/dry_runs/findings.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "coordinator/domain/dry_runs/unit_advice.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::dry_runs {
namespace {

/// A script that goes wrong in ever new ways is wrong enough.
constexpr std::size_t kMostFindings = 200;

std::string one_digit(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", number);
    return text;
}

std::string rounded(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2g", number);
    return text;
}

std::string with_unit(const std::string& value, const std::string& unit) {
    return unit.empty() ? value : value + " " + unit;
}

bool is_inflow(const MetricInfo& metric) { return metric.unit == "mL/s" && metric.name.ends_with("_in"); }

}  // namespace

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::note: return "note";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "error";
}

std::string moment_text(std::chrono::milliseconds since_start) {
    const auto seconds = since_start.count() / 1000;
    char text[40];
    if (seconds >= 3600)
        std::snprintf(text, sizeof text, "%lldh%02lldm%02llds", static_cast<long long>(seconds / 3600),
                      static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
    else
        std::snprintf(text, sizeof text, "%lldm%02llds", static_cast<long long>(seconds / 60),
                      static_cast<long long>(seconds % 60));
    return text;
}

Findings::Findings(UtcMillis start, std::vector<MetricInfo> metrics) : start_(start), metrics_(std::move(metrics)) {}

const MetricInfo* Findings::metric_of(const std::string& name) const {
    const auto found = find_metric(metrics_, name);
    return found ? *found : nullptr;
}

const Findings::Setting* Findings::setting(const std::string& metric) const {
    const auto found = settings_.find(metric);
    return found == settings_.end() ? nullptr : &found->second;
}

std::string Findings::since_text(const Setting& setting) const {
    return "since " + moment_text(setting.since - start_) +
           (setting.line > 0 ? " (line " + std::to_string(setting.line) + ")" : "");
}

void Findings::add(Finding finding) {
    const std::pair key(finding.kind, finding.subject);
    const auto known = found_.find(key);
    if (known != found_.end())
        ++known->second.times;
    else if (found_.size() < kMostFindings)
        found_.emplace(key, std::move(finding));
}

void Findings::command(const CommandSeen& command) {
    for (const auto& [metric, value] : command.asked) {
        if (!metric_of(metric)) continue;  // a name a script made up
        ActuatorUse& use = uses_[metric];
        ++use.commands;
        if (!command.is_applied) ++use.refused;
        if (command.is_applied) applied(command, metric, value);
    }
    if (!command.is_applied) not_applied(command);
}

void Findings::applied(const CommandSeen& command, const std::string& metric, const Value& value) {
    ActuatorUse& use = uses_[metric];
    use.last = labhub::to_string(value);
    const auto number = as_number(value);
    if (!number) return;
    use.least = std::min(use.least.value_or(*number), *number);
    use.most = std::max(use.most.value_or(*number), *number);
    if (use.steps.size() < ActuatorUse::kMostSteps) use.steps.emplace_back(command.time, *number);
    Setting& setting = settings_[metric];
    if (setting.value != *number || setting.since == UtcMillis{}) setting = {*number, command.time, command.line};
    const MetricInfo* const info = metric_of(metric);
    if (!info || !is_share_for_percent(*info, *number)) return;
    Finding finding{Severity::warning, "wrong_unit", metric, command.time};
    finding.message = metric + " is set to " + with_unit(format_number(*number), info->unit) + ", next to nothing";
    finding.advice = unit_advice(*info, *number, vial_ml_);
    finding.line = command.line;
    finding.value = number;
    add(std::move(finding));
}

/// What is refused for its value is told by metric; all else, once for each reason and line.
void Findings::not_applied(const CommandSeen& command) {
    Finding finding{Severity::error, "refused", command.code + " " + std::to_string(command.line), command.time};
    finding.message = "the node refuses the command: " + command.message;
    finding.line = command.line;
    // Held back by an alarm, or by a lease that has ended: what came before is the fault.
    if (command.code == "conflict") finding.severity = Severity::warning;
    for (const auto& [name, value] : command.asked) {
        const MetricInfo* const metric = metric_of(name);
        const auto number = as_number(value);
        if (!metric || !number || check_setpoint(*metric, value)) continue;
        finding.subject = name;
        finding.value = number;
        finding.message = name + " = " + with_unit(format_number(*number), metric->unit) + " is refused: allowed is " +
                          range_text(*metric);
        if (metric->maximum && *number > *metric->maximum) finding.limit = metric->maximum;
        if (metric->minimum && *number < *metric->minimum) finding.limit = metric->minimum;
        finding.advice = unit_advice(*metric, *number, vial_ml_);
        break;
    }
    add(std::move(finding));
}

void Findings::refused(UtcMillis time, int line, const std::string& what, const Error& error) {
    Finding finding{Severity::error, "refused", what + " " + std::to_string(line), time};
    finding.message = what + " is refused: " + error.message;
    finding.advice = error.detail;
    finding.line = line;
    add(std::move(finding));
}

void Findings::overflow(UtcMillis time, const std::string& vial, double limit) {
    Finding finding{Severity::error, "overflow", vial, time};
    finding.message = "vial " + vial + " runs over: it holds " + one_digit(limit) + " mL";
    finding.limit = limit;
    const std::string in = "pump_" + vial + "_in", out = "pump_" + vial + "_out";
    const Setting* const inflow = setting(in);
    const Setting* const outflow = setting(out);
    if (inflow && inflow->value > 0) {
        finding.line = inflow->line;
        finding.value = inflow->value;
        finding.message += ", and " + in + " brings " + format_number(inflow->value) + " mL/s " + since_text(*inflow);
    }
    const double drawn = outflow ? outflow->value : 0;
    finding.advice =
        drawn > 0 ? out + " draws " + format_number(drawn) + " mL/s, which is too little: let it be faster than " + in
                  : out + " is off: run it at least as fast as " + in;
    add(std::move(finding));
}

/// One block warms all vials: they are one finding, with the first one's time.
void Findings::hot(UtcMillis time, const std::string& vial, double value, double limit) {
    const auto known = found_.find({"culture_hot", "heat"});
    if (known != found_.end()) {
        ++known->second.times;
        return;
    }
    Finding finding{Severity::error, "culture_hot", "heat", time};
    finding.message = "vial " + vial + " is warmer than " + one_digit(limit) + " °C, which its culture doesn't survive";
    finding.value = value;
    finding.limit = limit;
    if (const Setting* const heater = setting("peltier"); heater && heater->value > 0) {
        finding.line = heater->line;
        finding.message += ": peltier heats with " + format_number(heater->value) + " % " + since_text(*heater);
        finding.advice =
            "let the heating depend on the temperature, and bound it: holding a temperature takes about 5 % for "
            "each kelvin above the room";
    }
    add(std::move(finding));
}

void Findings::vessel(UtcMillis time, const std::string& kind, const std::string& subject, double value, double limit) {
    if (kind == "overflow") return overflow(time, subject, limit);
    if (kind == "culture_hot") return hot(time, subject, value, limit);
    Finding finding{Severity::warning, kind, subject, time};
    finding.value = value;
    if (kind == "dry") {
        finding.message = "pump_" + subject + "_out has drawn nothing for " + one_digit(value / 60) + " minutes";
        finding.advice =
            "vial " + subject + " is at the end of its waste tube and nothing comes in: switch the pump off";
        if (const Setting* const pump = setting("pump_" + subject + "_out")) finding.line = pump->line;
    } else if (kind == "full_power") {
        finding.message = "the heater has been at full power for half an hour (" + format_number(value) + " %)";
        finding.advice = "either the temperature that is wanted can't be reached, or the control has run away";
        if (const Setting* const heater = setting("peltier")) finding.line = heater->line;
    } else if (kind == "heater_blind") {
        finding.severity = Severity::error;
        finding.message = "the heater is on, and no culture's temperature can be read";
        finding.advice = "heat only while there is a temperature that is no NaN";
        if (const Setting* const heater = setting("peltier")) finding.line = heater->line;
    } else if (kind == "washed_out") {
        finding.message = "the culture of vial " + subject + " is washed out: OD " + rounded(value) + ", begun with " +
                          rounded(limit);
        finding.advice = "it is diluted faster than it grows";
        if (const Setting* const pump = setting("pump_" + subject + "_in")) finding.line = pump->line;
    } else {
        finding.message = kind + " of " + subject;
    }
    add(std::move(finding));
}

void Findings::alarm(UtcMillis time, const std::string& metric, const std::string& message, const std::string& follows,
                     Severity severity) {
    Finding finding{severity, "alarm", metric, time};
    finding.message = "an alarm is raised: " + message;
    finding.advice = follows;
    add(std::move(finding));
}

void Findings::failure(UtcMillis time, const std::string& type, const std::string& text, int line,
                       const std::string& thread) {
    // One the script raised for what is told already: its command was refused there.
    const auto is_told = [&](const auto& each) { return each.second.kind == "refused" && each.second.time == time; };
    const bool is_consequence = std::any_of(found_.begin(), found_.end(), is_told);
    Finding finding{is_consequence ? Severity::note : Severity::error, "exception", type + " " + std::to_string(line),
                    time};
    finding.message = (thread.empty() ? "the script ends by " : "job " + thread + " fails by ") + type +
                      (text.empty() ? "" : ": " + text);
    finding.line = line;
    add(std::move(finding));
}

void Findings::left_on(UtcMillis time, const MetricInfo& metric, const Value& value) {
    Finding finding{Severity::note, "left_on", metric.name, time};
    finding.message = metric.name + " is left at " + with_unit(labhub::to_string(value), metric.unit) + " at the end";
    finding.advice =
        "the node puts it at its safe value (" + labhub::to_string(metric.safe_value) + ") when the lease ends";
    finding.value = as_number(value);
    if (const Setting* const last = setting(metric.name)) finding.line = last->line;
    add(std::move(finding));
}

void Findings::look(UtcMillis now) {
    for (const auto& [metric, setting] : settings_) look_at_flow(metric, setting, now);
}

/// A rinse is short: what renews the whole vial at such a pace, and goes on, is meant otherwise.
void Findings::look_at_flow(const std::string& metric, const Setting& setting, UtcMillis now) {
    const MetricInfo* const info = metric_of(metric);
    if (!info || !is_inflow(*info) || found_.contains({"wrong_unit", metric})) return;
    const double dilution = dilution_per_h(setting.value, vial_ml_);
    const double came_in = setting.value * static_cast<double>((now - setting.since).count()) / 1000;
    if (dilution < kFastestDilution || came_in < vial_ml_) return;
    Finding finding{Severity::error, "wrong_unit", metric, setting.since};
    finding.message = metric + " at " + format_number(setting.value) + " mL/s renews its vial of " +
                      format_number(vial_ml_) + " mL " + one_digit(dilution) +
                      " times an hour, which no culture stands";
    finding.advice = unit_advice(*info, setting.value, vial_ml_);
    finding.line = setting.line;
    finding.value = setting.value;
    finding.limit = kFastestDilution * vial_ml_ / 3600;
    add(std::move(finding));
}

std::vector<Finding> Findings::list() const {
    std::vector<Finding> all;
    for (const auto& [key, finding] : found_) all.push_back(finding);
    std::sort(all.begin(), all.end(), [](const Finding& a, const Finding& b) {
        return std::tuple(-static_cast<int>(a.severity), a.time, a.kind, a.subject) <
               std::tuple(-static_cast<int>(b.severity), b.time, b.kind, b.subject);
    });
    return all;
}

std::size_t Findings::count(Severity severity) const {
    return static_cast<std::size_t>(std::count_if(found_.begin(), found_.end(),
                                                  [&](const auto& each) { return each.second.severity == severity; }));
}

}  // namespace labhub::coordinator::dry_runs
