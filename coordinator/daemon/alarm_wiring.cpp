#include "coordinator/daemon/alarm_wiring.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::daemon {
namespace {

constexpr std::chrono::milliseconds kLookPeriod{200};
constexpr std::chrono::milliseconds kExperimentPeriod{500};
constexpr std::chrono::hours kTidyPeriod{1};
constexpr std::string_view kJobHolder = "job:";

alarms::Alarms::Settings with_channels(alarms::Alarms::Settings settings, const notify::NotifierSettings& notifier) {
    for (const auto& channel : notifier.channels) settings.channels.push_back({channel.name, channel.at_least});
    return settings;
}

Task<void> look(alarms::Alarms* alarms) {
    alarms->look();
    co_return;
}

Task<void> look_at_experiments(alarms::Alarms* alarms) {
    alarms->look_at_experiments();
    co_return;
}

}  // namespace

AlarmWiring::AlarmWiring(asio::any_io_executor executor, alarms::Alarms::Settings settings,
                         notify::NotifierSettings channels, std::unique_ptr<notify::Courier> courier, Others others)
    : others_(others),
      courier_(std::move(courier)),
      outbox_(others.store),
      alarms_(executor, with_channels(std::move(settings), channels), others.store, others.fleet, others.clock,
              effects()),
      notifier_(executor, std::move(channels), outbox_, *courier_, others.clock),
      tasks_(executor) {}

alarms::Effects AlarmWiring::effects() {
    alarms::Effects effects;
    effects.experiments = [this] { return experiments(); };
    effects.stop_experiment = [this](const JobId& job, const DeviceAddress& device, const std::string& message) {
        tasks_.spawn("hold by alarm", hold(device, message));
        tasks_.spawn("stop by alarm", stop_experiment(job, message));
    };
    effects.acknowledge_on_node = [this](DeviceAddress device, std::string metric, std::string who,
                                         std::string comment) {
        return acknowledge_on_node(std::move(device), std::move(metric), std::move(who), std::move(comment));
    };
    effects.tell_experiment = [this](const JobId& job, const std::string& what) {
        others_.jobs.remark(job, jobs::event::kAlarm, what);
    };
    effects.wake_notifier = [this] { notifier_.wake(); };
    return effects;
}

Task<Result<void>> AlarmWiring::start(loops::Reconcilers& reconcilers) {
    auto started = co_await alarms_.start();
    if (!started) co_return started;
    started = co_await notifier_.start();
    if (!started) co_return started;
    others_.fleet.on_device_born = [this](const DeviceAddress& device) { alarms_.device_born(device); };
    others_.fleet.on_readings = [this](const DeviceAddress& device, const std::vector<Reading>& readings) {
        alarms_.readings(device, readings);
    };
    others_.commander.may_command = [this](const JobId& job) -> Result<void> {
        LABHUB_CHECK(others_.jobs.check_commands(job));
        return alarms_.check_commands(job);
    };
    reconcilers.add("alarms", kLookPeriod, [this] { return look(&alarms_); });
    reconcilers.add("alarms of experiments", kExperimentPeriod, [this] { return look_at_experiments(&alarms_); });
    reconcilers.add("alarm history", kTidyPeriod, [this] { return alarms_.tidy(); });
    co_return started;
}

Task<void> AlarmWiring::stop() {
    co_await tasks_.stop();
    co_await notifier_.stop();
    courier_->stop();
    co_await alarms_.stop();
}

std::vector<alarms::RunningExperiment> AlarmWiring::experiments() const {
    std::vector<alarms::RunningExperiment> running;
    for (const auto& [device, lease] : others_.leases.all()) {
        if (!lease.holder.starts_with(kJobHolder) || lease.is_ending || lease.ended) continue;
        const JobId id{lease.holder.substr(kJobHolder.size())};
        const auto job = others_.jobs.find(id);
        if (job && jobs::is_active((*job)->status)) running.push_back({id, device, (*job)->alarms});
    }
    return running;
}

Task<void> AlarmWiring::stop_experiment(JobId job, std::string message) {
    auto stopped = co_await others_.jobs.stop(job, std::string(jobs::reason::kAlarm), std::move(message));
    if (!stopped) spdlog::warn("experiment {} is not stopped by its alarm: {}", job.value, stopped.error().to_string());
}

/// At once, as the script has some seconds to end.
Task<void> AlarmWiring::hold(DeviceAddress device, std::string message) {
    auto held = co_await others_.commander.hold(device, "alarm", message);
    if (!held)
        spdlog::error("{} can't be made safe for an alarm, its lease ends with the experiment: {}", device.to_string(),
                      held.error().to_string());
}

Task<Result<void>> AlarmWiring::acknowledge_on_node(DeviceAddress device, std::string metric, std::string who,
                                                    std::string comment) {
    auto link = others_.fleet.reach(device);
    if (!link) co_return std::move(link).error();
    co_return co_await (*link)->acknowledge_alarm(device.device, std::move(metric), std::move(who), std::move(comment));
}

}  // namespace labhub::coordinator::daemon
