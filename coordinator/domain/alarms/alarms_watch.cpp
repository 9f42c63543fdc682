// How readings become alarms, and what follows from them.
#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include <spdlog/spdlog.h>

#include "coordinator/domain/alarms/alarms.hpp"

namespace labhub::coordinator::alarms {
namespace {

/// The rule that alarms checked by a node are listed under.
const RuleId kNodeRule{"node"};

std::string with_unit(double value, std::string_view unit) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.6g", value);
    return std::string(text.data()) + (unit.empty() ? "" : " " + std::string(unit));
}

std::string about(const DeviceAddress& device, const std::string& metric) {
    return metric + " of " + device.to_string();
}

RuleId rule_of_experiment(const JobId& job, std::size_t index) {
    return RuleId{job.value + "." + std::to_string(index + 1)};
}

}  // namespace

// --- which rules are for which device --------------------------------------------------------------------------------

std::vector<std::shared_ptr<const Rule>> Alarms::rules_for(const DeviceAddress& device) const {
    std::vector<std::shared_ptr<const Rule>> all;
    for (const auto& [id, rule] : rules_) {
        if (!rule->is_for(device)) continue;
        // A rule for every device is for those that have the metric; one for this device misses a metric that is gone.
        if (rule->device == Rule::kAnyDevice && !metric_of(device, rule->metric)) continue;
        all.push_back(rule);
    }
    for (const auto& [id, owned] : experiment_rules_)
        if (owned.second->is_for(device)) all.push_back(owned.second);
    return all;
}

void Alarms::watch(const DeviceAddress& device) {
    WatchedDevice& entry = devices_[device];
    auto before = std::exchange(entry.watched, {});
    for (auto& rule : rules_for(device)) {
        const auto same = std::find_if(before.begin(), before.end(), [&](const Watched& old) {
            // One that was found already has been moved from.
            return old.rule && old.rule->id == rule->id && old.rule->metric == rule->metric &&
                   old.rule->limits == rule->limits;
        });
        if (same != before.end()) {
            same->rule = rule;
            entry.watched.push_back(std::move(*same));
            continue;
        }
        const auto present = present_.find(Key{rule->id, device, rule->metric});
        const Condition was = present == present_.end() ? Condition::none : present->second.condition;
        entry.watched.emplace_back(rule, alarm::LimitCheck(rule->limits, clock_.steady_now(), was));
        // A limit that the rule has no more can't be alarming.
        if (was != Condition::none && entry.watched.back().check.look(clock_.steady_now()))
            found(device, entry.watched.back());
    }
    entry.node_alarms.clear();
    const auto known = fleet_.device(device);
    if (!known) return;
    for (const MetricInfo& metric : (*known)->metrics)
        if (metric.name.starts_with(alarm::kMetricPrefix)) entry.node_alarms.push_back(metric.name);
}

void Alarms::watch_all() {
    std::set<DeviceAddress> all;
    for (const auto& [device, watched] : devices_) all.insert(device);
    for (auto& device : fleet_.devices()) all.insert(std::move(device));
    for (const auto& [id, rule] : rules_) {
        if (rule->device == Rule::kAnyDevice) continue;
        if (auto address = DeviceAddress::parse(rule->device)) all.insert(std::move(*address));
    }
    for (const auto& [job, experiment] : experiments_) all.insert(experiment.device);
    for (const auto& device : all) watch(device);
    clear_unwatched();
}

/// An active alarm whose rule is gone can't clear by itself.
void Alarms::clear_unwatched() {
    if (!has_seen_experiments_) return;
    std::vector<Key> gone;
    for (const auto& [key, alarm] : present_) {
        if (!alarm.is_active() || alarm.is_of_node) continue;
        const auto device = devices_.find(key.device);
        const bool is_watched =
            device != devices_.end() &&
            std::any_of(device->second.watched.begin(), device->second.watched.end(), [&](const Watched& watched) {
                return watched.rule->id == key.rule && watched.rule->metric == key.metric;
            });
        // A rule for every device watches one again as soon as that has announced its metrics.
        const bool may_come_back = rules_.contains(key.rule) && !metric_of(key.device, key.metric);
        if (!is_watched && !may_come_back) gone.push_back(key);
    }
    for (const Key& key : gone) {
        Finding finding;
        finding.message = about(key.device, key.metric) + " is not watched by this rule any more";
        apply(key, std::move(finding));
    }
}

void Alarms::device_born(const DeviceAddress& device) {
    watch(device);
    // A node that was configured anew may not check a metric any more.
    std::vector<Key> gone;
    for (const auto& [key, alarm] : present_) {
        if (!alarm.is_of_node || key.device != device) continue;
        const std::string name = std::string(alarm::kMetricPrefix) + key.metric;
        if (!metric_of(device, name)) gone.push_back(key);
    }
    for (const Key& key : gone) {
        if (present_.at(key).is_active()) {
            Finding finding;
            finding.is_of_node = true;
            finding.message = about(key.device, key.metric) + " is not watched by its node any more";
            apply(key, std::move(finding));
        }
        if (present_.contains(key) && !present_.at(key).is_acknowledged())
            mark_acknowledged(key, "node:" + device.node.value, "the node does not know it any more");
    }
    if (const auto known = fleet_.device(device); known && !devices_[device].node_alarms.empty())
        for (const auto& [metric, reading] : (*known)->latest) node_reading(device, reading);
}

// --- readings --------------------------------------------------------------------------------------------------------

void Alarms::readings(const DeviceAddress& device, const std::vector<Reading>& readings) {
    const auto found_device = devices_.find(device);
    if (found_device == devices_.end()) return;
    WatchedDevice& entry = found_device->second;
    if (entry.watched.empty() && entry.node_alarms.empty()) return;
    const auto now = clock_.steady_now();
    for (const Reading& reading : readings) {
        for (Watched& watched : entry.watched)
            if (watched.rule->metric == reading.metric && watched.check.take(reading, now)) found(device, watched);
        if (!entry.node_alarms.empty()) node_reading(device, reading);
    }
}

void Alarms::look() {
    const auto now = clock_.steady_now();
    for (auto& [device, entry] : devices_)
        for (Watched& watched : entry.watched)
            if (watched.check.next_look() <= now && watched.check.look(now)) found(device, watched);
}

void Alarms::found(const DeviceAddress& device, const Watched& watched) {
    const Rule& rule = *watched.rule;
    const MetricInfo* const metric = metric_of(device, rule.metric);
    const std::string unit = metric ? metric->unit : std::string{};
    Finding finding;
    finding.condition = watched.check.condition();
    finding.severity = watched.check.severity();
    finding.value = watched.check.value();
    finding.limit = watched.check.limit();
    finding.reaction = reaction_for(rule, device);
    finding.description = rule.description;
    const bool is_active = finding.condition != Condition::none;
    const bool has_value = finding.condition != Condition::no_data && finding.condition != Condition::bad_quality;
    finding.message = about(device, rule.metric) +
                      (is_active ? (has_value ? " is " : ": ") + alarm::explain(rule.limits, finding.condition, unit)
                                 : " is normal again");
    if (finding.value && has_value) finding.message += ": " + with_unit(*finding.value, unit);
    apply(Key{rule.id, device, rule.metric}, std::move(finding));
}

void Alarms::node_reading(const DeviceAddress& device, const Reading& reading) {
    if (!reading.metric.starts_with(alarm::kMetricPrefix)) return;
    const auto* const text = std::get_if<std::string>(&reading.value);
    const auto said = text ? alarm::node_alarm_from(*text) : Result<alarm::NodeAlarm>(alarm::NodeAlarm{});
    if (!text || !said) return;  // it has no state to be had now
    const Key key{kNodeRule, device, reading.metric.substr(alarm::kMetricPrefix.size())};
    const bool is_active = said->severity != Severity::none;
    const auto present = present_.find(key);
    if (!is_active && said->is_acknowledged && present == present_.end()) return;
    const MetricInfo* const metric = metric_of(device, key.metric);
    Finding finding;
    finding.is_of_node = true;
    finding.condition = is_active ? said->condition : Condition::none;
    finding.severity = said->severity;
    if (const auto known = fleet_.device(device)) {
        const auto latest = (*known)->latest.find(key.metric);
        if (latest != (*known)->latest.end()) finding.value = as_number(latest->second.value);
    }
    finding.message = about(device, key.metric) + " (checked by its node) is " +
                      (is_active ? std::string(alarm::to_string(said->condition)) : "normal again");
    if (finding.value) finding.message += ": " + with_unit(*finding.value, metric ? metric->unit : "");
    apply(key, std::move(finding));
    const auto now = present_.find(key);
    if (said->is_acknowledged && now != present_.end() && !now->second.is_acknowledged())
        mark_acknowledged(key, "node:" + device.node.value, "acknowledged at the node");
}

// --- what becomes of an alarm ----------------------------------------------------------------------------------------

void Alarms::apply(const Key& key, Finding finding) {
    const auto known = present_.find(key);
    if (known != present_.end()) {
        Alarm& alarm = known->second;
        if (alarm.condition == finding.condition && alarm.severity == finding.severity) return;
        return change(key, alarm, finding);
    }
    if (finding.condition == Condition::none) return;
    Alarm alarm;
    alarm.id = AlarmId{new_id()};
    alarm.rule = key.rule;
    alarm.device = key.device;
    alarm.metric = key.metric;
    alarm.is_of_node = finding.is_of_node;
    alarm.description = finding.description;
    if (const MetricInfo* const metric = metric_of(key.device, key.metric)) alarm.unit = metric->unit;
    change(key, present_[key] = std::move(alarm), finding);
}

void Alarms::change(const Key& key, Alarm& alarm, const Finding& finding) {
    const bool was_active = alarm.is_active();
    const Severity highest_before = alarm.highest;
    alarm.condition = finding.condition;
    alarm.severity = finding.severity;
    alarm.value = finding.value;
    alarm.limit = finding.limit;
    alarm.message = finding.message;
    alarm.changed = clock_.utc_now();
    if (!alarm.is_active()) {
        alarm.cleared = alarm.changed;
        return record(key, EventKind::cleared);
    }
    alarm.cleared.reset();
    alarm.highest = std::max(alarm.highest, alarm.severity);
    const bool is_worse = alarm.highest > highest_before;
    if (!was_active || is_worse) {
        alarm.reaction = finding.reaction;  // else a person may have let the commands go on
        alarm.acknowledged.reset();
        alarm.acknowledged_by.clear();
        alarm.comment.clear();
    }
    if (!was_active) {
        alarm.raised = alarm.changed;
        ++raised_;
        const RunningExperiment* const experiment = experiment_on(key.device);
        alarm.job = experiment ? experiment->job : JobId{};
    }
    const Alarm now = alarm;
    record(key, was_active ? EventKind::severity_changed : EventKind::raised);
    if (!was_active || is_worse) react(now);
}

void Alarms::record(const Key& key, EventKind kind) {
    const Alarm& alarm = present_.at(key);
    const Event event = event_of(alarm, kind, alarm.changed);
    std::vector<std::string> channels;
    if (alarm.reaction >= Reaction::notify)
        for (const Channel& channel : settings_.channels)
            if (alarm.highest >= channel.at_least) channels.push_back(channel.name);
    if (kind != EventKind::acknowledged)
        spdlog::log(alarm.is_active() ? spdlog::level::warn : spdlog::level::info, "alarm {} {} ({}): {}",
                    alarm.id.value, to_string(kind), alarm::to_string(alarm.severity), alarm.message);
    last_number_ = journal_.record(alarm, event, std::move(channels));
    if (effects_.tell_experiment && !alarm.job.empty())
        effects_.tell_experiment(alarm.job, std::string(to_string(kind)) + ": " + alarm.message);
    if (alarm.is_over()) present_.erase(key);
}

void Alarms::react(const Alarm& alarm) {
    if (alarm.job.empty() || alarm.reaction < Reaction::pause) return;
    if (alarm.reaction == Reaction::pause)
        return spdlog::warn("commands of experiment {} are paused until alarm {} is over", alarm.job.value,
                            alarm.id.value);
    effects_.stop_experiment(alarm.job, alarm.device, alarm.message);
}

Reaction Alarms::reaction_for(const Rule& rule, const DeviceAddress& device) const {
    Reaction reaction = rule.reaction;
    const RunningExperiment* const experiment = experiment_on(device);
    if (!experiment) return reaction;
    for (const ExperimentAlarm& declared : experiment->alarms)
        if (declared.rule == rule.id) reaction = std::max(reaction, declared.reaction);
    return reaction;
}

// --- experiments -----------------------------------------------------------------------------------------------------

const RunningExperiment* Alarms::experiment_on(const DeviceAddress& device) const {
    for (const auto& [job, experiment] : experiments_)
        if (experiment.device == device) return &experiment;
    return nullptr;
}

void Alarms::look_at_experiments() {
    auto running = effects_.experiments();
    const bool is_same = has_seen_experiments_ && running.size() == experiments_.size() &&
                         std::all_of(running.begin(), running.end(),
                                     [&](const RunningExperiment& one) { return experiments_.contains(one.job); });
    if (is_same) return;
    std::vector<JobId> begun;
    for (const RunningExperiment& one : running)
        if (!experiments_.contains(one.job)) begun.push_back(one.job);
    experiments_.clear();
    experiment_rules_.clear();
    for (RunningExperiment& one : running) {
        for (std::size_t i = 0; i < one.alarms.size(); ++i) {
            const ExperimentAlarm& declared = one.alarms[i];
            if (!declared.rule.empty()) continue;
            Rule rule;
            rule.id = rule_of_experiment(one.job, i);
            rule.device = one.device.to_string();
            rule.metric = declared.metric;
            rule.limits = declared.limits;
            rule.reaction = declared.reaction;
            rule.description = declared.description;
            rule.set_by = "job:" + one.job.value;
            rule.set_at = clock_.utc_now();
            const RuleId id = rule.id;
            experiment_rules_[id] = {one.job, std::make_shared<const Rule>(std::move(rule))};
        }
        const JobId job = one.job;
        experiments_[job] = std::move(one);
    }
    has_seen_experiments_ = true;
    watch_all();
    // What is alarming already, and known to nobody yet, holds for an experiment that begins.
    for (auto& [key, alarm] : present_) {
        const RunningExperiment* const experiment = experiment_on(key.device);
        if (!experiment || !alarm.is_active() || alarm.is_acknowledged() || alarm.is_of_node) continue;
        if (std::find(begun.begin(), begun.end(), experiment->job) == begun.end()) continue;
        alarm.job = experiment->job;
        if (const auto rule = rules_.find(key.rule); rule != rules_.end())
            alarm.reaction = reaction_for(*rule->second, key.device);
        react(alarm);
    }
}

}  // namespace labhub::coordinator::alarms
