// What happened to reservations.
#include "coordinator/api/reservations.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::int64_t kMostEvents = 1'000;

struct EventView {
    std::int64_t number = 0, time = 0;
    std::string event, reservation, device, owner;
    std::int64_t from = 0, to = 0;
    std::string who, message;
};
BOOST_DESCRIBE_STRUCT(EventView, (), (number, time, event, reservation, device, owner, from, to, who, message))
}  // namespace
template <>
struct MemberDocs<EventView> {
    static constexpr MemberDoc list[] = {
        {"event", "made, changed, reminder, begun, cancelled, or released as its owner did not come"},
        {"from", "of the reservation, as it was then"},
        {"who", "user:NAME; empty: the hub itself"}};
};
namespace {

struct EventList {
    std::vector<EventView> events;
};
BOOST_DESCRIBE_STRUCT(EventList, (), (events))

EventView view_of(const reservations::Event& event) {
    EventView shown;
    shown.number = event.number;
    shown.time = event.time.count;
    shown.event = event.kind;
    shown.reservation = event.reservation.value;
    shown.device = event.device.to_string();
    shown.owner = event.owner;
    shown.from = event.from.count;
    shown.to = event.to.count;
    shown.who = event.who;
    shown.message = event.message;
    return shown;
}

Result<store::ReservationEventQuery> event_query_of(const Call& call) {
    store::ReservationEventQuery query;
    LABHUB_TRY(query.after, query_integer(call, "after", 0, 0, INT64_MAX));
    LABHUB_TRY(query.limit, query_integer(call, "limit", kMostEvents, 1, kMostEvents));
    LABHUB_TRY(query.device, device_in_query(call));
    query.reservation = reservations::ReservationId{std::string(call.request.query_value("reservation").value_or(""))};
    return query;
}

Task<Result<EventList>> list_events(Services& services, Call call, Nothing) {
    auto query = event_query_of(call);
    if (!query) co_return std::move(query).error();
    auto found = co_await services.reservations.events(std::move(*query));
    if (!found) co_return std::move(found).error();
    EventList reply;
    for (const auto& event : *found) reply.events.push_back(view_of(event));
    co_return reply;
}

}  // namespace

void add_reservation_events(std::vector<Operation>& list) {
    const std::vector<QueryParameter> of{{"after", "only events with a larger number"},
                                         {"device", "only of this one, as node/device"},
                                         {"reservation", "only of this one"},
                                         {"limit", "at most so many, 1000 when left out"}};
    list.push_back(with_handler(
        reservation_row("GET", "/events", "listReservationEvents", "What happened to reservations, oldest first", of),
        &list_events));
}

}  // namespace labhub::coordinator::api
