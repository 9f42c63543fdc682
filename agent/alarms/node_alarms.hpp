#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "agent/safety/command_path.hpp"
#include "shared/alarm/limit_check.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::agent::alarms {

/// What this node watches by itself, network or not.
struct Rule {
    std::string device;
    std::string metric;
    alarm::Limits limits;
    bool makes_safe = true;              ///< false: it is only told
    std::vector<std::string> actuators;  ///< those that are made safe; empty: all of the device
};

/// The alarms that are checked on the node, because what follows is a matter of safety: when one is raised, its device
/// (or some of its actuators) goes to its safe values through the command path, and stays there, whoever asks, until
/// the alarm has cleared and a person has acknowledged it. The state of each is a metric of its device, named
/// alarm::kMetricPrefix + the watched metric; see alarm::NodeAlarm for its value.
///
/// Thread: the agent's main thread. What must outlive a restart is in the state database, which is written behind; a
/// failure there is logged, as the alarm itself goes on.
class NodeAlarms {
  public:
    /// Gets the state of an alarm each time it changes, to be stored and sent.
    using Tell = std::function<void(const std::string& device, Reading state)>;

    NodeAlarms(asio::any_io_executor executor, std::vector<Rule> rules, safety::CommandPath& path,
               sqlite::Writer& memory, const Clock& clock);

    /// Reads what was raised before the restart, and puts the interlock into the command path. Blocks; once, before
    /// the first reading. No state gets a time up to `newest`.
    void start(Tell tell, UtcMillis newest);
    /// Readings of a device, as they were accepted.
    void take(const std::string& device, const std::vector<Reading>& readings);
    /// Finds what only time brings about; until it is cancelled.
    Task<void> watch();
    /// The same, once.
    void look();
    /// Ends what was begun: the making safe.
    Task<void> stop() { return tasks_.stop(); }

    /// A person has seen it. `metric` "all" means every one of the device; an empty device the only one. Says what was
    /// acknowledged. Errors not_found (naming the choices), forbidden (a viewer).
    Result<std::string> acknowledge(const std::string& device, const std::string& metric, const safety::Asker& asker,
                                    const std::string& comment);

    /// The metrics that tell of a device's alarms, with their present values: part of its birth.
    std::vector<std::pair<MetricInfo, Reading>> metrics_of(const std::string& device) const;
    /// One line an alarm that isn't normal, for people; empty: there is none.
    std::string describe() const;
    bool is_empty() const { return watched_.empty(); }

  private:
    struct Watched {
        Watched(Rule rule_in, alarm::LimitCheck check_in) : rule(std::move(rule_in)), check(std::move(check_in)) {}
        Rule rule;
        alarm::LimitCheck check;
        alarm::NodeAlarm state;
        alarm::Severity worst = alarm::Severity::none;  ///< since it was raised
        UtcMillis since{};                              ///< of the state
    };

    void changed(Watched& watched);
    void publish(Watched& watched);
    void make_safe(const Watched& watched);
    Task<void> hold(safety::Hold hold);
    void load(Watched& watched);
    Result<void> interlock(const std::string& device, const MetricInfo& metric, const Value& value) const;
    std::string what(const Watched& watched) const;
    Steady::time_point next_look() const;

    asio::any_io_executor executor_;
    std::vector<Watched> watched_;
    safety::CommandPath& path_;
    sqlite::Writer& memory_;
    const Clock& clock_;
    Tell tell_;
    UtcMillis newest_{};
    asio::steady_timer wake_;
    TaskGroup tasks_;
};

}  // namespace labhub::agent::alarms
