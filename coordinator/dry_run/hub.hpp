#pragma once

#include <memory>

#include "coordinator/api/call.hpp"
#include "coordinator/api/metrics.hpp"
#include "coordinator/api/router.hpp"
#include "coordinator/dry_run/plan.hpp"
#include "coordinator/notify/courier.hpp"
#include "coordinator/notify/outbox.hpp"
#include "coordinator/runner/spawn_launcher.hpp"
#include "coordinator/store/account_store.hpp"
#include "coordinator/store/alarm_store.hpp"
#include "coordinator/store/command_store.hpp"
#include "coordinator/store/image_store.hpp"
#include "coordinator/store/job_store.hpp"
#include "coordinator/store/reservation_store.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::dry_run {

/// A hub in miniature: the same operations over the same domain, with one node, one device and one job, in databases
/// of its own, by a clock that is set. It reaches nothing of the hub it is a part of. Lives on one executor; opening
/// and closing it block.
class Hub {
  public:
    /// Error: its databases can't be made.
    static Result<std::unique_ptr<Hub>> open(asio::any_io_executor executor, const Plan& plan, const Clock& clock,
                                             asio::thread_pool& pool, notify::Courier& courier);
    ~Hub();

    /// Once the twin is in the fleet.
    Task<Result<void>> start(const Plan& plan);
    Task<void> stop();

    /// What an alarm with the reaction `stop` does.
    std::function<void(const std::string& message)> on_alarm_stop;

    // In the order they are made; ended in the reverse one.
    std::unique_ptr<sqlite::Writer> writer;
    std::unique_ptr<store::TelemetryStore> telemetry;
    store::JobStore job_store;
    store::CommandStore command_store;
    store::AlarmStore alarm_store;
    store::ImageStore image_store;
    store::AccountStore account_store;
    accounts::Accounts accounts;  ///< of nobody: only the script asks
    store::ReservationStore reservation_store;
    fleet::Fleet fleet;
    leases::Leases leases;
    commands::Commander commander;
    telemetry::Recorder recorder;
    broker::BrokerWatch broker;
    jobs::Results results;
    telemetry::LiveFeed live;
    telemetry::Exporter exporter;
    runner::SpawnLauncher launcher;
    images::Images images;
    jobs::Inputs inputs;
    jobs::Engine jobs;
    jobs::Retention retention;  ///< without rules: it removes nothing
    alarms::Alarms alarms;
    notify::AlarmOutbox outbox;
    notify::Notifier notifier;  ///< without channels
    reservations::Reservations reservations;
    api::Metrics metrics;
    api::Services services;
    api::Router router;

  private:
    Hub(asio::any_io_executor executor, const Plan& plan, const Clock& clock, asio::thread_pool& pool,
        notify::Courier& courier, std::unique_ptr<sqlite::Writer> database,
        std::unique_ptr<store::TelemetryStore> readings);
    alarms::Effects effects(const Plan& plan);
};

}  // namespace labhub::coordinator::dry_run
