#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"

namespace labhub::coordinator::reservations {

using ReservationId = Id<struct ReservationTag>;

/// A stretch of a device's calendar that is one person's, from `from` up to and without `to`.
struct Reservation {
    ReservationId id;
    DeviceAddress device;
    std::string owner;  ///< "user:ada"
    UtcMillis from, to;
    std::string note;
    UtcMillis made;
    UtcMillis dated;                 ///< when its begin was last set
    std::optional<UtcMillis> begun;  ///< when its begin was acted on
    std::optional<UtcMillis> ended;  ///< before its time
    std::string end_reason;          ///< a word of `end_reason`, or empty

    bool overlaps(UtcMillis begin, UtcMillis end) const { return from < end && begin < to; }
    bool holds_at(UtcMillis time) const { return !ended && from <= time && time < to; }
    std::chrono::milliseconds length() const { return to - from; }
};

/// Why one ended before its time. Stored and shown as it stands here.
namespace end_reason {
inline constexpr std::string_view kCancelled = "cancelled";
inline constexpr std::string_view kNoShow = "no_show";
}  // namespace end_reason

/// planned, present, over, cancelled or released (nobody came).
std::string_view state_of(const Reservation& reservation, UtcMillis now);

/// "sim-1/vessel is reserved for user:ada from … to … (reservation ID: note)".
std::string describe(const Reservation& reservation);

/// One thing that happened to a reservation. Stored in the transaction that makes it so.
struct Event {
    std::int64_t number = 0;  ///< rising, over all reservations; given by the store
    ReservationId reservation;
    DeviceAddress device;
    std::string owner;
    UtcMillis from, to;  ///< as they were then
    UtcMillis time;
    std::string kind;     ///< a word of `event`
    std::string who;      ///< "user:ada"; empty: the coordinator itself
    std::string message;  ///< one sentence for people
};

/// Kinds of events.
namespace event {
inline constexpr std::string_view kMade = "made";
inline constexpr std::string_view kChanged = "changed";
inline constexpr std::string_view kReminder = "reminder";
inline constexpr std::string_view kBegun = "begun";
inline constexpr std::string_view kCancelled = "cancelled";
inline constexpr std::string_view kReleased = "released";
}  // namespace event

Event event_of(const Reservation& reservation, std::string_view kind, UtcMillis time, std::string who,
               std::string message);
/// As it is told to programs, by webhook.
boost::json::object to_json_object(const Event& event);

}  // namespace labhub::coordinator::reservations
