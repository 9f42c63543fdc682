#pragma once

#include <optional>
#include <string>
#include <variant>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

// What was typed behind `labhub reserve`, `unreserve` and `reservations`, one struct for each. Times are as typed.
struct ReserveRequest {
    std::string device, from, until;  ///< `until`: a time, or how long
    std::string note;
};
struct UnreserveRequest {
    std::string id;
};
struct ReservationListRequest {
    std::string device, from, to;
    bool with_ended = false;
};
struct ReservationWeekRequest {
    std::string device, from;
};
struct ReservationChangeRequest {
    std::string id, from, until;
    std::optional<std::string> note;
};
struct ReservationEventsRequest {
    std::string device;
};
using ReservationsCommand = std::variant<ReserveRequest, UnreserveRequest, ReservationListRequest,
                                         ReservationWeekRequest, ReservationChangeRequest, ReservationEventsRequest>;

/// `labhub reserve …`, `labhub unreserve …`, `labhub reservations …`
Task<ExitStatus> run_reservations(Context& context, ReservationsCommand command);

/// A time as typed, for the hub: local time gets its zone, on the day of `near` where it is a time of day alone. Error
/// malformed for a local time that there isn't, or that there is twice, as clocks are set then: says how to tell.
Result<std::string> certain_time(const std::string& text, UtcMillis near);

}  // namespace labhub::cli
