#include "coordinator/domain/reservations/reservation.hpp"

namespace labhub::coordinator::reservations {

std::string_view state_of(const Reservation& reservation, UtcMillis now) {
    if (reservation.ended) return reservation.end_reason == end_reason::kNoShow ? "released" : "cancelled";
    if (now < reservation.from) return "planned";
    return now < reservation.to ? "present" : "over";
}

std::string describe(const Reservation& reservation) {
    std::string text = reservation.device.to_string() + " is reserved for " + reservation.owner + " from " +
                       to_rfc3339(reservation.from) + " to " + to_rfc3339(reservation.to) + " (reservation " +
                       reservation.id.value;
    if (!reservation.note.empty()) text += ": " + reservation.note;
    return text + ")";
}

Event event_of(const Reservation& reservation, std::string_view kind, UtcMillis time, std::string who,
               std::string message) {
    Event event;
    event.reservation = reservation.id;
    event.device = reservation.device;
    event.owner = reservation.owner;
    event.from = reservation.from;
    event.to = reservation.to;
    event.time = time;
    event.kind = kind;
    event.who = std::move(who);
    event.message = std::move(message);
    return event;
}

boost::json::object to_json_object(const Event& event) {
    return {{"number", event.number},
            {"event", event.kind},
            {"reservation", event.reservation.value},
            {"device", event.device.to_string()},
            {"owner", event.owner},
            {"from", to_rfc3339(event.from)},
            {"to", to_rfc3339(event.to)},
            {"time", to_rfc3339(event.time)},
            {"who", event.who},
            {"message", event.message}};
}

}  // namespace labhub::coordinator::reservations
