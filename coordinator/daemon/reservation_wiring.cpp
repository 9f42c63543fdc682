#include "coordinator/daemon/reservation_wiring.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::daemon {
namespace {

constexpr std::chrono::seconds kLookPeriod{1};
constexpr std::chrono::hours kTidyPeriod{1};

notify::NotifierSettings of_reservations(notify::NotifierSettings channels) {
    std::erase_if(channels.channels, [](const notify::Channel& channel) { return !channel.tells_of_reservations; });
    return channels;
}

}  // namespace

ReservationWiring::ReservationWiring(asio::any_io_executor executor, reservations::Settings settings,
                                     notify::NotifierSettings channels, Others others)
    : others_(others),
      outbox_(others.store),
      notifier_(executor, of_reservations(std::move(channels)), outbox_, others.courier, others.clock),
      calendar_(std::move(settings), others.store, others.commands, others.fleet, others.clock, surroundings()) {}

reservations::Surroundings ReservationWiring::surroundings() {
    reservations::Surroundings around;
    around.held_by_another = [this](const DeviceAddress& device, const std::string& owner) {
        return held_by_another(device, owner);
    };
    around.has_job = [this](const reservations::Reservation& of) {
        return others_.jobs.has_use_for(of.device, of.owner, of.from, of.to);
    };
    around.end_manual_hold = [this](reservations::Reservation of) { return end_manual_hold(std::move(of)); };
    around.changed = [this] {
        if (reconcilers_) reconcilers_->nudge("queue");
    };
    around.wake_notifier = [this] { notifier_.wake(); };
    return around;
}

Task<Result<void>> ReservationWiring::start(loops::Reconcilers& reconcilers) {
    reconcilers_ = &reconcilers;
    auto started = co_await calendar_.start();
    if (!started) co_return started;
    started = co_await notifier_.start();
    if (!started) co_return started;
    others_.jobs.reserved = [this](const std::set<DeviceAddress>& devices) { return reserved(devices); };
    others_.commander.may_use = [this](const DeviceAddress& device, const std::string& principal) {
        return calendar_.check_may_use(device, principal);
    };
    reconcilers.add("reservations", kLookPeriod, [this] { return calendar_.look(); });
    reconcilers.add("old reservations", kTidyPeriod, [this] { return calendar_.tidy(); });
    co_return started;
}

Task<void> ReservationWiring::stop() { co_await notifier_.stop(); }

std::optional<reservations::Hold> ReservationWiring::held_by_another(const DeviceAddress& device,
                                                                     const std::string& owner) const {
    const jobs::Job* const job = others_.jobs.job_on(device);
    if (!job || job->requested_by == owner) return std::nullopt;
    return reservations::Hold{"experiment " + job->id.value + " of " + job->requested_by, others_.jobs.ends_by(*job)};
}

std::vector<jobs::Reserved> ReservationWiring::reserved(const std::set<DeviceAddress>& devices) const {
    std::vector<jobs::Reserved> all;
    for (const auto& [id, each] : calendar_.kept())
        if (!each.ended && devices.contains(each.device))
            all.push_back({each.device, each.owner, each.from, each.to, id.value});
    return all;
}

/// A job's doing ends with its lease; what a person has set by hand stays for as long as the node's manual hold, which
/// is not to reach into somebody else's reservation.
Task<void> ReservationWiring::end_manual_hold(reservations::Reservation of) {
    if (others_.leases.find(of.device)) co_return;
    auto last = co_await others_.commands.last_applied(of.device);
    if (!last) spdlog::error("can't tell who set {} last: {}", of.device.to_string(), last.error().to_string());
    if (!last || !*last) co_return;
    const store::CommandRecord& command = **last;
    const bool is_manual = command.job.empty() && !command.asked.empty();
    if (!is_manual || command.principal == of.owner || others_.leases.find(of.device)) co_return;
    auto held = co_await others_.commander.hold(of.device, "reservation", describe(of));
    if (!held)
        spdlog::warn("{} keeps what {} has set by hand: {}", of.device.to_string(), command.principal,
                     held.error().to_string());
}

}  // namespace labhub::coordinator::daemon
