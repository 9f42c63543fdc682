#pragma once

#include <memory>

#include "coordinator/domain/alarms/alarms.hpp"
#include "coordinator/domain/commands/commander.hpp"
#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/loops/reconcilers.hpp"
#include "coordinator/notify/notifier.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::daemon {

/// The alarms with all they touch: fed by the fleet, asked by the commander, they stop experiments and tell people.
/// Lives on the main thread; what it is given outlives it.
class AlarmWiring {
  public:
    struct Others {
        store::AlarmStore& store;
        fleet::Fleet& fleet;
        leases::Leases& leases;
        commands::Commander& commander;
        jobs::Engine& jobs;
        const Clock& clock;
    };
    AlarmWiring(asio::any_io_executor executor, alarms::Alarms::Settings settings, notify::NotifierSettings channels,
                std::unique_ptr<notify::Courier> courier, Others others);

    /// After the engine's start and before the first reading.
    Task<Result<void>> start(loops::Reconcilers& reconcilers);
    Task<void> stop();

    alarms::Alarms& alarms() { return alarms_; }
    notify::Courier& courier() { return *courier_; }
    const notify::Notifier& notifier() const { return notifier_; }

  private:
    alarms::Effects effects();
    std::vector<alarms::RunningExperiment> experiments() const;
    Task<void> stop_experiment(JobId job, std::string message);
    Task<void> hold(DeviceAddress device, std::string message);
    Task<Result<void>> acknowledge_on_node(DeviceAddress device, std::string metric, std::string who,
                                           std::string comment);

    Others others_;
    std::unique_ptr<notify::Courier> courier_;
    notify::AlarmOutbox outbox_;
    alarms::Alarms alarms_;
    notify::Notifier notifier_;
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::daemon
