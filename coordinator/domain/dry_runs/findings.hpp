#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/domain/dry_runs/finding.hpp"
#include "shared/base/result.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::dry_runs {

/// A wish for actuators as the script made it, and what became of it.
struct CommandSeen {
    UtcMillis time;
    int line = 0;
    std::map<std::string, Value> asked;
    bool is_applied = false;
    std::string code;     ///< of the error
    std::string message;  ///< the same, for people
};

/// What an actuator was told over a dry run, in short.
struct ActuatorUse {
    std::int64_t commands = 0, refused = 0;
    std::optional<double> least, most;  ///< of what was applied
    std::string last;
    std::vector<std::pair<UtcMillis, double>> steps;  ///< what was applied, and when; the first kMostSteps
    static constexpr std::size_t kMostSteps = 20'000;
};

/// Turns what a dry run lives through into findings: one for each thing that is wrong, with the script's line and what
/// would be right, however often it happens. Knows no clock: all times are given.
class Findings {
  public:
    Findings(UtcMillis start, std::vector<MetricInfo> metrics);

    /// What a vial holds at the start, mL, by which flows are judged.
    void set_vial_volume(double ml) { vial_ml_ = ml; }
    void command(const CommandSeen& command);
    /// A request of the script that changes something, and was refused before it became a command.
    void refused(UtcMillis time, int line, const std::string& what, const Error& error);
    /// What the twin said of its vessel.
    void vessel(UtcMillis time, const std::string& kind, const std::string& subject, double value, double limit);
    void alarm(UtcMillis time, const std::string& metric, const std::string& message, const std::string& follows,
               Severity severity);
    /// An exception of the script; `thread` is empty for the main one, or whose exception the script survives.
    void failure(UtcMillis time, const std::string& type, const std::string& text, int line, const std::string& thread);
    /// An actuator that was away from its safe value when the script ended.
    void left_on(UtcMillis time, const MetricInfo& metric, const Value& value);
    void add(Finding finding);
    /// Looks at what lasts: flows that go on.
    void look(UtcMillis now);

    /// The worst first, then by time.
    std::vector<Finding> list() const;
    std::size_t count(Severity severity) const;
    const std::map<std::string, ActuatorUse>& actuators() const { return uses_; }

  private:
    struct Setting {
        double value = 0;
        UtcMillis since;
        int line = 0;
    };
    void applied(const CommandSeen& command, const std::string& metric, const Value& value);
    void not_applied(const CommandSeen& command);
    void overflow(UtcMillis time, const std::string& vial, double limit);
    void hot(UtcMillis time, const std::string& vial, double value, double limit);
    void look_at_flow(const std::string& metric, const Setting& setting, UtcMillis now);
    const MetricInfo* metric_of(const std::string& name) const;
    const Setting* setting(const std::string& metric) const;
    std::string since_text(const Setting& setting) const;

    UtcMillis start_;
    std::vector<MetricInfo> metrics_;
    double vial_ml_ = 25;
    std::map<std::string, Setting> settings_;
    std::map<std::string, ActuatorUse> uses_;
    std::map<std::pair<std::string, std::string>, Finding> found_;  ///< by kind and subject
};

/// "2h13m05s" into the dry run: as people say when.
std::string moment_text(std::chrono::milliseconds since_start);

}  // namespace labhub::coordinator::dry_runs
