#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/domain/alarms/alarm.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::store {

/// Which part of the history is wanted; what is empty doesn't matter.
struct AlarmHistoryQuery {
    std::string device, metric;
    JobId job;
    alarms::AlarmId alarm;
    std::optional<UtcMillis> from, to;   ///< both included
    std::optional<std::int64_t> before;  ///< only events with a lower number: the next page
    std::int64_t limit = 100;
};

/// Alarm rules, alarms, their history and the notifications still to be sent, in labhub.db. What changes an alarm
/// changes its row, the history and the outbox in one transaction, so that no crash leaves one without the others. Used
/// from the main thread; the work happens on the writer's. Failures come back as they are: nothing has changed then.
class AlarmStore {
  public:
    explicit AlarmStore(sqlite::Writer& writer) : writer_(writer) {}

    Task<Result<std::vector<alarms::Rule>>> load_rules();
    /// Makes or replaces it.
    Task<Result<void>> put_rule(alarms::Rule rule);
    Task<Result<void>> remove_rule(alarms::RuleId id);

    /// The alarms that are active or not acknowledged, oldest first.
    Task<Result<std::vector<alarms::Alarm>>> load_present();
    /// One transition: the alarm as it is now, what happened, and which channels are to tell of it.
    Task<Result<void>> record(alarms::Alarm alarm, alarms::Event event, std::vector<std::string> channels);
    /// Newest first.
    Task<Result<std::vector<alarms::Event>>> history(AlarmHistoryQuery query);
    /// Deletes the history before that time, but for alarms that are still present and what waits to be sent. Returns
    /// how many events went.
    Task<Result<std::int64_t>> forget_before(UtcMillis time);

    /// What a channel has still to deliver, oldest first.
    Task<Result<std::vector<alarms::Event>>> undelivered(std::string channel, std::int64_t limit);
    /// The channel has delivered (or given up) everything up to that event.
    Task<Result<void>> delivered(std::string channel, std::int64_t up_to);
    /// Forgets what waits for channels that aren't configured any more. Returns how many deliveries that were.
    Task<Result<std::int64_t>> keep_channels(std::vector<std::string> channels);

  private:
    sqlite::Writer& writer_;
};

}  // namespace labhub::coordinator::store
