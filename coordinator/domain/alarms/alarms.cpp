#include "coordinator/domain/alarms/alarms.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::alarms {
namespace {

constexpr std::chrono::seconds kStoreWait{5};

Error no_such_alarm(const AlarmId& id) {
    return {ErrorCode::not_found, "no present alarm '" + id.value.substr(0, 64) + "'",
            "it is over, or never was: see labhub alarms list"};
}

/// What has to happen before the commands that an alarm pauses go on.
std::string way_out(const Alarm& alarm) {
    const std::string acknowledge = "labhub alarms ack " + alarm.id.value;
    if (!alarm.is_active()) return "until a person has acknowledged it: " + acknowledge;
    const std::string until =
        alarm.is_acknowledged() ? "until it has cleared; " : "until it has cleared and a person has acknowledged it; ";
    return until + acknowledge + " --resume lets them go on before";
}

Error no_such_rule(const RuleId& id) {
    return {ErrorCode::not_found, "no alarm rule '" + id.value.substr(0, 64) + "'", "see: labhub alarms rules"};
}

}  // namespace

Alarms::Alarms(asio::any_io_executor executor, Settings settings, store::AlarmStore& store, const fleet::Fleet& fleet,
               const Clock& clock, Effects effects)
    : settings_(std::move(settings)),
      store_(store),
      fleet_(fleet),
      clock_(clock),
      effects_(std::move(effects)),
      journal_(executor, store) {
    journal_.on_stored = [this] { effects_.wake_notifier(); };
}

Task<Result<void>> Alarms::start() {
    auto stored = co_await store_.load_rules();
    if (!stored) co_return std::move(stored).error();
    for (auto& rule : *stored) {
        const RuleId id = rule.id;
        rules_[id] = std::make_shared<const Rule>(std::move(rule));
    }
    for (Rule rule : settings_.rules) {
        rule.set_by = Rule::kConfiguration;
        if (auto good = check_rule(rule); !good)
            co_return good.error().within("alarm rule '" + rule.id.value + "' of the configuration");
        const RuleId id = rule.id;
        rules_[id] = std::make_shared<const Rule>(std::move(rule));
    }
    auto present = co_await store_.load_present();
    if (!present) co_return std::move(present).error();
    for (auto& alarm : *present) {
        const Key key{alarm.rule, alarm.device, alarm.metric};
        present_[key] = std::move(alarm);
    }
    watch_all();
    co_return Result<void>{};
}

const MetricInfo* Alarms::metric_of(const DeviceAddress& device, std::string_view metric) const {
    const auto known = fleet_.device(device);
    if (!known) return nullptr;
    for (const MetricInfo& info : (*known)->metrics)
        if (info.name == metric) return &info;
    return nullptr;
}

// --- rules -----------------------------------------------------------------------------------------------------------

std::vector<const Rule*> Alarms::rules() const {
    std::vector<const Rule*> all;
    for (const auto& [id, rule] : rules_) all.push_back(rule.get());
    for (const auto& [id, owned] : experiment_rules_) all.push_back(owned.second.get());
    return all;
}

Result<const Rule*> Alarms::rule(const RuleId& id) const {
    if (const auto found = rules_.find(id); found != rules_.end()) return found->second.get();
    if (const auto found = experiment_rules_.find(id); found != experiment_rules_.end())
        return found->second.second.get();
    return no_such_rule(id);
}

/// Only what is known can be checked: a rule may be made before its device was ever there.
Result<void> Alarms::check_metric(const std::string& device, const Rule& rule) const {
    if (device == Rule::kAnyDevice) return {};
    LABHUB_TRY(const DeviceAddress address, DeviceAddress::parse(device));
    const auto known = fleet_.device(address);
    if (!known && known.error().code == ErrorCode::not_found && fleet_.nodes().contains(address.node))
        return known.error();
    if (!known || (*known)->metrics.empty()) return {};
    LABHUB_TRY(const MetricInfo* const metric, find_metric((*known)->metrics, rule.metric));
    const bool has_limit = rule.limits.lowlow || rule.limits.low || rule.limits.high || rule.limits.highhigh;
    if (metric->type == ValueType::text && has_limit)
        return Error{ErrorCode::malformed, rule.metric + " is text and has no limits",
                     "watch it for no_data and quality only"};
    return {};
}

Task<Result<Rule>> Alarms::set_rule(Rule rule) {
    auto good = check_rule(rule);
    if (good) good = check_metric(rule.device, rule);
    if (!good) co_return good.error();
    const auto known = rules_.find(rule.id);
    if (known != rules_.end() && known->second->set_by == Rule::kConfiguration) {
        Error fixed{ErrorCode::conflict, "alarm rule '" + rule.id.value + "' is set by the configuration file",
                    "change it there, or choose another id"};
        co_return fixed;
    }
    if (known == rules_.end() && rules_.size() >= kMaxRules) {
        Error full{ErrorCode::too_many, "there are too many alarm rules", "at most " + std::to_string(kMaxRules)};
        co_return full;
    }
    rule.set_at = clock_.utc_now();
    auto stored = co_await store_.put_rule(rule);
    if (!stored) co_return std::move(stored).error();
    rules_[rule.id] = std::make_shared<const Rule>(rule);
    spdlog::info("alarm rule {} is set by {}: {} of {}", rule.id.value, rule.set_by, rule.metric, rule.device);
    watch_all();
    co_return rule;
}

Task<Result<void>> Alarms::remove_rule(RuleId id) {
    const auto known = rules_.find(id);
    if (known == rules_.end()) {
        Error missing = no_such_rule(id);
        if (experiment_rules_.contains(id)) {
            missing = Error{ErrorCode::conflict, "alarm rule '" + id.value + "' belongs to an experiment",
                            "it goes when that ends"};
        }
        co_return missing;
    }
    if (known->second->set_by == Rule::kConfiguration) {
        Error fixed{ErrorCode::conflict, "alarm rule '" + id.value + "' is set by the configuration file",
                    "remove it there"};
        co_return fixed;
    }
    auto removed = co_await store_.remove_rule(id);
    if (!removed) co_return removed;
    rules_.erase(id);
    spdlog::info("alarm rule {} is removed", id.value);
    watch_all();
    co_return removed;
}

Result<void> Alarms::check_declared(const DeviceAddress& device, const std::vector<ExperimentAlarm>& declared) const {
    constexpr std::size_t kMaxDeclared = 100;
    if (declared.size() > kMaxDeclared)
        return Error{ErrorCode::too_many, "the experiment declares too many alarms", "at most 100"};
    for (std::size_t i = 0; i < declared.size(); ++i) {
        const ExperimentAlarm& one = declared[i];
        const auto in_place = [&](const Error& error) { return error.within("alarms[" + std::to_string(i) + "]"); };
        if (!one.rule.empty()) {
            const auto found = rules_.find(one.rule);
            if (found == rules_.end()) return in_place(no_such_rule(one.rule));
            if (!found->second->is_for(device))
                return in_place(Error{ErrorCode::malformed,
                                      "alarm rule '" + one.rule.value + "' is not for this device",
                                      "it is for " + found->second->device});
            continue;
        }
        Rule rule;
        rule.id = RuleId{"declared"};
        rule.device = device.node.empty() ? std::string(Rule::kAnyDevice) : device.to_string();
        rule.metric = one.metric;
        rule.limits = one.limits;
        rule.description = one.description;
        if (auto good = check_rule(rule); !good) return in_place(good.error());
        if (auto good = check_metric(rule.device, rule); !good) return in_place(good.error());
    }
    return {};
}

// --- what is present -------------------------------------------------------------------------------------------------

std::vector<const Alarm*> Alarms::present() const {
    std::vector<const Alarm*> all;
    for (const auto& [key, alarm] : present_) all.push_back(&alarm);
    std::sort(all.begin(), all.end(),
              [](const Alarm* a, const Alarm* b) { return std::tie(a->raised, a->id) > std::tie(b->raised, b->id); });
    return all;
}

Alarms::Counts Alarms::counts() const {
    Counts counts;
    for (const Severity severity : {Severity::minor, Severity::major, Severity::invalid}) counts.active[severity] = 0;
    for (const auto& [key, alarm] : present_) {
        if (alarm.is_active()) ++counts.active[alarm.severity];
        if (!alarm.is_acknowledged()) ++counts.unacknowledged;
    }
    counts.rules = rules_.size() + experiment_rules_.size();
    counts.raised = raised_;
    return counts;
}

Alarm* Alarms::find(const AlarmId& id, Key* key) {
    for (auto& [known, alarm] : present_) {
        if (alarm.id != id) continue;
        *key = known;
        return &alarm;
    }
    return nullptr;
}

std::uint64_t Alarms::mark_acknowledged(const Key& key, std::string who, std::string comment) {
    Alarm& alarm = present_.at(key);
    alarm.acknowledged = alarm.changed = clock_.utc_now();
    alarm.acknowledged_by = std::move(who);
    alarm.comment = std::move(comment);
    spdlog::info("alarm {} ({}) is acknowledged by {}{}", alarm.id.value, alarm.message, alarm.acknowledged_by,
                 alarm.comment.empty() ? "" : ": " + alarm.comment);
    record(key, EventKind::acknowledged);
    return last_number_;
}

Task<Result<Alarm>> Alarms::acknowledge(AlarmId id, std::string who, std::string comment) {
    Key key;
    const Alarm* alarm = find(id, &key);
    if (!alarm) {
        Error missing = no_such_alarm(id);
        co_return missing;
    }
    Alarm shown = *alarm;
    if (shown.is_acknowledged()) co_return shown;
    if (shown.is_of_node) {
        auto told = co_await effects_.acknowledge_on_node(key.device, key.metric, who, comment);
        if (!told) co_return std::move(told).error();
        alarm = find(id, &key);
    }
    shown.acknowledged = clock_.utc_now();
    shown.acknowledged_by = who;
    shown.comment = comment;
    // Its node may have been quicker to say so than to answer.
    const bool is_done = !alarm || alarm->is_acknowledged();
    const auto number = is_done ? last_number_ : mark_acknowledged(key, std::move(who), std::move(comment));
    auto stored = co_await journal_.wait_for(number, kStoreWait);
    if (!stored) co_return std::move(stored).error();
    co_return shown;
}

Task<Result<Alarm>> Alarms::resume_commands(AlarmId id, std::string who, std::string comment) {
    Key key;
    Alarm* const alarm = find(id, &key);
    if (!alarm) {
        Error missing = no_such_alarm(id);
        co_return missing;
    }
    if (alarm->reaction != Reaction::pause) {
        if (alarm->is_acknowledged()) co_return *alarm;
        Error nothing{ErrorCode::conflict, "alarm '" + id.value + "' pauses no commands",
                      "acknowledge it without resume"};
        co_return nothing;
    }
    // A reaction is stored with its alarm, so that a restart pauses nothing anew.
    alarm->reaction = Reaction::notify;
    Alarm shown = *alarm;
    comment.insert(0, comment.empty() ? "commands go on" : "commands go on: ");
    shown.acknowledged = clock_.utc_now();
    shown.acknowledged_by = who;
    shown.comment = comment;
    const auto number = mark_acknowledged(key, std::move(who), std::move(comment));
    auto stored = co_await journal_.wait_for(number, kStoreWait);
    if (!stored) co_return std::move(stored).error();
    co_return shown;
}

Result<void> Alarms::check_commands(const JobId& job) const {
    for (const auto& [key, alarm] : present_) {
        if (alarm.job != job || alarm.reaction < Reaction::pause) continue;
        if (alarm.reaction == Reaction::stop)
            return Error{ErrorCode::conflict, "the experiment is being stopped by an alarm: " + alarm.message};
        return Error{ErrorCode::conflict, "commands are paused by an alarm: " + alarm.message, way_out(alarm)};
    }
    return {};
}

Task<void> Alarms::tidy() {
    auto gone = co_await store_.forget_before(clock_.utc_now() - settings_.history);
    if (!gone) spdlog::error("old alarm history can't be deleted: {}", gone.error().to_string());
    if (gone && *gone > 0) spdlog::info("deleted {} events of the alarm history", *gone);
}

}  // namespace labhub::coordinator::alarms
