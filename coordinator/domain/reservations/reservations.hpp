#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/reservations/reservation.hpp"
#include "coordinator/store/command_store.hpp"
#include "coordinator/store/reservation_store.hpp"

namespace labhub::coordinator::reservations {

struct Settings {
    std::chrono::milliseconds shortest{std::chrono::minutes{5}}, longest{std::chrono::hours{24 * 7}};
    std::chrono::milliseconds furthest{std::chrono::hours{24 * 90}};  ///< a reservation ends before that from now
    std::size_t most_of_one = 100;                                    ///< that one person may have, planned or present
    std::vector<std::chrono::milliseconds> reminders{std::chrono::minutes{15}};  ///< so long before the begin
    std::chrono::milliseconds no_show_after{std::chrono::minutes{15}};           ///< 0: never
    std::chrono::milliseconds history{std::chrono::hours{24 * 365}};  ///< how long what is over is remembered
    std::vector<std::string> channels;                                ///< that tell people of reminders and releases
};

/// What a person asks for.
struct Wish {
    DeviceAddress device;
    std::string owner;
    UtcMillis from, to;
    std::string note;
};

/// What is to be another than it was.
struct Change {
    std::optional<UtcMillis> from, to;
    std::optional<std::string> note;
};

/// What somebody has of a device now, and until when at the latest.
struct Hold {
    std::string who;
    UtcMillis until;
};

/// What reservations ask of, and do to, the rest of the lab.
struct Surroundings {
    /// The job of another than `owner` that holds the device now.
    std::function<std::optional<Hold>(const DeviceAddress& device, const std::string& owner)> held_by_another;
    /// Whether the owner has a job on the device, has had one since the begin, or has one that waits for it.
    std::function<bool(const Reservation&)> has_job;
    /// What another than the owner has set by hand goes to its safe value.
    std::function<Task<void>(Reservation)> end_manual_hold;
    std::function<void()> changed;        ///< what waits may be able to start, or not any more
    std::function<void()> wake_notifier;  ///< there is something to tell
};

/// The devices' calendar: at any time a device is at most one person's. It keeps others from starting jobs into a
/// reservation (the schedule asks kept()) and from commanding a reserved device by hand (check_may_use). Lives on the
/// main thread. What is here is what the store has: after a write that failed, it is read again.
class Reservations {
  public:
    Reservations(Settings settings, store::ReservationStore& store, store::CommandStore& commands,
                 const fleet::Fleet& fleet, const Clock& clock, Surroundings surroundings);

    Task<Result<void>> start();

    /// Errors: not_found (device), out_of_range (in the past, too far ahead, too short or long), conflict (naming the
    /// reservation or job in the way, and when it is free next), too_many.
    Task<Result<Reservation>> make(Wish wish);
    /// Errors as make; conflict for one that is over or whose begin has passed.
    Task<Result<Reservation>> change(ReservationId id, Change change, std::string who);
    /// It ends now, or never begins. Errors not_found, conflict (it is over).
    Task<Result<void>> cancel(ReservationId id, std::string who);
    /// Also one that is over. Error not_found.
    Task<Result<Reservation>> find(ReservationId id) { return store_.find(std::move(id)); }
    Task<Result<store::ReservationPage>> list(store::ReservationQuery query) { return store_.list(std::move(query)); }
    Task<Result<std::vector<Event>>> events(store::ReservationEventQuery query) {
        return store_.events(std::move(query));
    }

    /// The planned and present ones.
    const std::map<ReservationId, Reservation>& kept() const { return kept_; }
    /// Whose the device is at that time; nullptr: nobody's.
    const Reservation* at(const DeviceAddress& device, UtcMillis time) const;
    /// Error conflict: the device is another's now. Asked before each command by hand.
    Result<void> check_may_use(const DeviceAddress& device, const std::string& principal) const;
    const Settings& settings() const { return settings_; }

    /// Reminds, begins and releases what is due. Idempotent; a reconciler runs it.
    Task<void> look();
    /// Forgets what was over long ago. Idempotent; a reconciler runs it.
    Task<void> tidy();

  private:
    Result<void> check_span(const Wish& wish, UtcMillis now) const;
    Result<void> check_owner(const std::string& owner) const;
    Result<void> check_free(const Wish& wish, const ReservationId& self, UtcMillis now) const;
    std::string next_free(const Wish& wish, const ReservationId& self, UtcMillis now) const;
    std::vector<const Reservation*> of_device(const DeviceAddress& device, const ReservationId& except) const;
    Result<Reservation> changed(const Reservation& present, const Change& change, UtcMillis now) const;
    Task<Result<void>> store_change(Reservation changed, Event event, std::vector<std::string> channels);
    Task<void> read_again(ReservationId id);
    Task<Result<const Reservation*>> find_kept(ReservationId id);
    void forget(const ReservationId& id);

    std::vector<ReservationId> due(UtcMillis now) const;
    std::vector<store::ReminderMark> due_reminders(const Reservation& of, UtcMillis now) const;
    bool is_no_show_due(const Reservation& of, UtcMillis now) const;
    Task<void> look_at(ReservationId id);
    Task<void> remind(ReservationId id);
    Task<void> begin(ReservationId id);
    Task<void> release_unless_used(ReservationId id);

    Settings settings_;
    store::ReservationStore& store_;
    store::CommandStore& commands_;
    const fleet::Fleet& fleet_;
    const Clock& clock_;
    Surroundings surroundings_;
    UtcMillis since_;  ///< the start: who comes while the hub is away can't be seen
    std::map<ReservationId, Reservation> kept_;
    std::map<ReservationId, std::set<std::chrono::milliseconds>> reminded_;  ///< of the present begin, so long before
    std::set<ReservationId> used_;                                           ///< their owner has come
};

}  // namespace labhub::coordinator::reservations
