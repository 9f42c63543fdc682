#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/domain/reservations/reservation.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::store {

/// Which part of the calendar is wanted; what is unset doesn't matter.
struct ReservationQuery {
    std::optional<DeviceAddress> device;
    std::optional<UtcMillis> from, to;  ///< those that overlap [from, to)
    bool with_ended = false;            ///< also what was cancelled or released
    std::int64_t offset = 0;            ///< leave out so many of the first
    std::int64_t limit = 1'000;
};

/// A page of the calendar.
struct ReservationPage {
    std::vector<reservations::Reservation> reservations;
    std::int64_t total = 0;  ///< on all pages
};

/// Which part of the record is wanted.
struct ReservationEventQuery {
    std::int64_t after = 0;  ///< only events with a larger number
    std::optional<DeviceAddress> device;
    reservations::ReservationId reservation;
    std::int64_t limit = 1'000;
};

/// A begin that was reminded of, so long before.
struct ReminderMark {
    reservations::ReservationId reservation;
    UtcMillis from;
    std::chrono::milliseconds lead{0};
};

/// The devices' calendar, its record and the notifications still to be sent, in labhub.db. What changes a reservation
/// changes its row, the record and the outbox in one transaction. Two that overlap the database itself refuses: Error
/// conflict. Used from the main thread; the work happens on the writer's. Failures come back as they are: nothing has
/// changed then.
class ReservationStore {
  public:
    explicit ReservationStore(sqlite::Writer& writer) : writer_(writer) {}

    /// Those that have not ended and are not over at `now`.
    Task<Result<std::vector<reservations::Reservation>>> load_kept(UtcMillis now);
    Task<Result<std::vector<ReminderMark>>> load_marks();

    Task<Result<void>> insert(reservations::Reservation reservation, reservations::Event event);
    /// The reservation as it is now, what happened, and which channels are to tell of it.
    Task<Result<void>> update(reservations::Reservation reservation, reservations::Event event,
                              std::vector<std::string> channels);
    /// A reminder, once: Error conflict where one of these marks is there already.
    Task<Result<void>> remind(std::vector<ReminderMark> marks, reservations::Event event,
                              std::vector<std::string> channels);

    /// Error not_found.
    Task<Result<reservations::Reservation>> find(reservations::ReservationId id);
    /// By begin.
    Task<Result<ReservationPage>> list(ReservationQuery query);
    /// Oldest first.
    Task<Result<std::vector<reservations::Event>>> events(ReservationEventQuery query);
    /// Deletes reservations that were over before that time, with the record of them, but for what waits to be sent.
    Task<Result<void>> forget_before(UtcMillis time);

    /// What a channel has still to deliver, oldest first.
    Task<Result<std::vector<reservations::Event>>> undelivered(std::string channel, std::int64_t limit);
    /// The channel has delivered (or given up) everything up to that event.
    Task<Result<void>> delivered(std::string channel, std::int64_t up_to);
    /// Forgets what waits for channels that aren't configured any more. Returns how many deliveries that were.
    Task<Result<std::int64_t>> keep_channels(std::vector<std::string> channels);

  private:
    sqlite::Writer& writer_;
};

}  // namespace labhub::coordinator::store
