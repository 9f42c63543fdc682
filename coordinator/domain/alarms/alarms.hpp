#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordinator/domain/alarms/alarm.hpp"
#include "coordinator/domain/alarms/journal.hpp"
#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/store/alarm_store.hpp"
#include "shared/base/clock.hpp"

namespace labhub::coordinator::alarms {

/// A way people are told, as far as alarms need to know it.
struct Channel {
    std::string name;
    Severity at_least = Severity::minor;
};

/// An experiment that holds its device, and what it declared.
struct RunningExperiment {
    JobId job;
    DeviceAddress device;
    std::vector<ExperimentAlarm> alarms;
};

/// What alarms set off, done by others.
struct Effects {
    /// The experiments that hold a device now.
    std::function<std::vector<RunningExperiment>()> experiments;
    /// Makes the device safe and stops the experiment, for the reason `alarm`; doing it again is fine.
    std::function<void(const JobId&, const DeviceAddress&, const std::string& message)> stop_experiment;
    /// Acknowledges an alarm the node itself checks: device, metric, who, comment.
    std::function<Task<Result<void>>(DeviceAddress, std::string, std::string, std::string)> acknowledge_on_node;
    /// Something happened to an alarm of the experiment's device. May be unset.
    std::function<void(const JobId&, const std::string& what)> tell_experiment;
    /// There may be something to tell people.
    std::function<void()> wake_notifier;
};

/// The lab's alarms: which metrics are watched, which are alarming, what follows. Fed with live readings only, so that
/// replayed ones never raise an alarm. Lives on the main thread. A device that no rule is for costs one look-up for
/// each batch of readings.
///
/// An alarm begins when its rule's condition is met, and is over when that has cleared and a person has acknowledged
/// it. A severity higher than any before asks for a new acknowledgement. What happens is in force at once and stored in
/// the background (Journal); an acknowledgement is answered when it is stored. After a restart alarms stay as they were
/// until a reading tells otherwise.
class Alarms {
  public:
    struct Settings {
        std::vector<Rule> rules;  ///< of the configuration; they can't be changed by the API
        std::vector<Channel> channels;
        std::chrono::milliseconds delay{0};         ///< of rules that don't say
        std::chrono::milliseconds no_data{60'000};  ///< the same
        std::chrono::milliseconds history{std::chrono::hours{24 * 365}};
    };
    struct Counts {
        std::map<Severity, std::size_t> active;
        std::size_t unacknowledged = 0, rules = 0;
        std::uint64_t raised = 0;  ///< since the start
    };
    static constexpr std::size_t kMaxRules = 5'000;

    Alarms(asio::any_io_executor executor, Settings settings, store::AlarmStore& store, const fleet::Fleet& fleet,
           const Clock& clock, Effects effects);

    /// Loads rules and alarms. Once, before the first reading. Errors: the store's; malformed for configured rules.
    Task<Result<void>> start();
    Task<void> stop() { return journal_.stop(); }

    // What the fleet sees.
    void device_born(const DeviceAddress& device);
    void readings(const DeviceAddress& device, const std::vector<Reading>& readings);
    /// Finds what only time brings about: delays and readings that don't come. Idempotent; a reconciler runs it.
    void look();
    /// Brings the rules of experiments in and out. Idempotent; a reconciler runs it.
    void look_at_experiments();
    /// Deletes history that is too old. A reconciler runs it.
    Task<void> tidy();

    const Settings& settings() const { return settings_; }
    /// The lab's rules, and those of running experiments.
    std::vector<const Rule*> rules() const;
    Result<const Rule*> rule(const RuleId& id) const;
    /// Makes or replaces one. Errors as check_rule; not_found and malformed for metrics of a device that is known;
    /// conflict for a rule of the configuration; too_many.
    Task<Result<Rule>> set_rule(Rule rule);
    /// Its alarms clear; they stay until they are acknowledged. Errors not_found, conflict.
    Task<Result<void>> remove_rule(RuleId id);

    /// Whether an experiment may declare these; with no device, one that is not chosen yet. Errors as set_rule;
    /// not_found for a rule that isn't there.
    Result<void> check_declared(const DeviceAddress& device, const std::vector<ExperimentAlarm>& declared) const;

    /// Newest first.
    std::vector<const Alarm*> present() const;
    Counts counts() const;
    /// Errors not_found; unavailable (its node can't be reached, or it couldn't be stored yet). Once more is fine.
    Task<Result<Alarm>> acknowledge(AlarmId id, std::string who, std::string comment);
    /// Lets the commands it pauses go on before it has cleared; that acknowledges it, too. They are paused again when
    /// it gets worse than ever, or clears and comes back. Errors not_found; conflict: it pauses none; unavailable (it
    /// couldn't be stored yet). Once more is fine.
    Task<Result<Alarm>> resume_commands(AlarmId id, std::string who, std::string comment);
    Task<Result<std::vector<Event>>> history(store::AlarmHistoryQuery query) {
        return store_.history(std::move(query));
    }
    /// Error conflict, saying which alarm, while the commands of that experiment are paused: until the alarm has
    /// cleared and was acknowledged.
    Result<void> check_commands(const JobId& job) const;
    const Journal& journal() const { return journal_; }

  private:
    /// An alarm is known by what it is about.
    struct Key {
        RuleId rule;
        DeviceAddress device;
        std::string metric;
        auto operator<=>(const Key&) const = default;
    };
    struct Watched {
        Watched(std::shared_ptr<const Rule> rule_in, alarm::LimitCheck check_in)
            : rule(std::move(rule_in)), check(std::move(check_in)) {}
        std::shared_ptr<const Rule> rule;
        alarm::LimitCheck check;
    };
    struct WatchedDevice {
        std::vector<Watched> watched;
        std::vector<std::string> node_alarms;  ///< metrics the node itself has alarms for
    };
    /// What an alarm is to become.
    struct Finding {
        Condition condition = Condition::none;
        Severity severity = Severity::none;
        std::optional<double> value, limit;
        std::string message;
        Reaction reaction = Reaction::notify;
        std::string description;
        bool is_of_node = false;
    };

    Result<void> check_metric(const std::string& device, const Rule& rule) const;
    const MetricInfo* metric_of(const DeviceAddress& device, std::string_view metric) const;
    const RunningExperiment* experiment_on(const DeviceAddress& device) const;
    std::vector<std::shared_ptr<const Rule>> rules_for(const DeviceAddress& device) const;
    void watch(const DeviceAddress& device);
    void watch_all();
    void clear_unwatched();
    void found(const DeviceAddress& device, const Watched& watched);
    void node_reading(const DeviceAddress& device, const Reading& reading);
    void apply(const Key& key, Finding finding);
    void change(const Key& key, Alarm& alarm, const Finding& finding);
    void record(const Key& key, EventKind kind);
    void react(const Alarm& alarm);
    Reaction reaction_for(const Rule& rule, const DeviceAddress& device) const;
    Alarm* find(const AlarmId& id, Key* key);
    std::uint64_t mark_acknowledged(const Key& key, std::string who, std::string comment);

    Settings settings_;
    store::AlarmStore& store_;
    const fleet::Fleet& fleet_;
    const Clock& clock_;
    Effects effects_;
    Journal journal_;
    std::map<RuleId, std::shared_ptr<const Rule>> rules_;  ///< of the lab
    std::map<JobId, RunningExperiment> experiments_;
    std::map<RuleId, std::pair<JobId, std::shared_ptr<const Rule>>> experiment_rules_;
    std::unordered_map<DeviceAddress, WatchedDevice> devices_;
    std::map<Key, Alarm> present_;
    std::uint64_t last_number_ = 0;  ///< of the journal's last transition
    std::uint64_t raised_ = 0;
    bool has_seen_experiments_ = false;
};

}  // namespace labhub::coordinator::alarms
