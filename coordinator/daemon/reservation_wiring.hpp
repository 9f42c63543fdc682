#pragma once

#include "coordinator/domain/commands/commander.hpp"
#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/domain/reservations/reservations.hpp"
#include "coordinator/loops/reconcilers.hpp"
#include "coordinator/notify/notifier.hpp"

namespace labhub::coordinator::daemon {

/// The calendar with all it touches: the engine starts nothing into it, the commander asks it, it tells people. Lives
/// on the main thread; what it is given outlives it.
class ReservationWiring {
  public:
    struct Others {
        store::ReservationStore& store;
        store::CommandStore& commands;
        fleet::Fleet& fleet;
        leases::Leases& leases;
        commands::Commander& commander;
        jobs::Engine& jobs;
        notify::Courier& courier;
        const Clock& clock;
    };
    ReservationWiring(asio::any_io_executor executor, reservations::Settings settings,
                      notify::NotifierSettings channels, Others others);

    /// After the engine's start and before anybody is heard.
    Task<Result<void>> start(loops::Reconcilers& reconcilers);
    /// Before the courier's.
    Task<void> stop();

    reservations::Reservations& calendar() { return calendar_; }

  private:
    reservations::Surroundings surroundings();
    std::optional<reservations::Hold> held_by_another(const DeviceAddress& device, const std::string& owner) const;
    std::vector<jobs::Reserved> reserved(const std::set<DeviceAddress>& devices) const;
    Task<void> end_manual_hold(reservations::Reservation reservation);

    Others others_;
    loops::Reconcilers* reconcilers_ = nullptr;
    notify::ReservationOutbox outbox_;
    notify::Notifier notifier_;
    reservations::Reservations calendar_;
};

}  // namespace labhub::coordinator::daemon
