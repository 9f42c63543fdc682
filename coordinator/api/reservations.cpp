// The devices' calendar: who has reserved what and when, and making, moving and giving up reservations.
#include "coordinator/api/reservations.hpp"

#include "coordinator/api/operations.hpp"
#include "coordinator/api/request_values.hpp"
#include "coordinator/domain/telemetry/query_time.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

using reservations::Reservation;
using reservations::ReservationId;

constexpr std::size_t kMostNoteBytes = 500;
constexpr std::int64_t kMostListed = 1'000;

struct ReservationView {
    std::string id, device, owner, state;
    std::int64_t from = 0, to = 0;
    std::string note;
    std::int64_t made_at = 0;
    std::optional<std::int64_t> ended_at;
};
BOOST_DESCRIBE_STRUCT(ReservationView, (), (id, device, owner, state, from, to, note, made_at, ended_at))
}  // namespace
template <>
struct MemberDocs<ReservationView> {
    static constexpr MemberDoc list[] = {
        {"owner", "who made it: user:NAME"},
        {"state", "planned, present, over, cancelled, or released as its owner did not come"},
        {"from", "milliseconds of UTC since 1970, as all times here"},
        {"to", "not included: another may begin then"},
        {"ended_at", "when it was cancelled or released; null otherwise"}};
};
namespace {

struct ReservationReply {
    ReservationView reservation;
    std::string message;
};
BOOST_DESCRIBE_STRUCT(ReservationReply, (), (reservation, message))
struct ReservationList {
    std::vector<ReservationView> reservations;
    std::optional<std::int64_t> next;
    std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(ReservationList, (), (reservations, next, total))
}  // namespace
template <>
struct MemberDocs<ReservationList> {
    static constexpr MemberDoc list[] = {{"reservations", "by begin"},
                                         {"next", "the offset of the next page; null: this was the last"},
                                         {"total", "how many there are on all pages"}};
};
namespace {

ReservationView view_of(const Reservation& reservation, UtcMillis now) {
    ReservationView shown;
    shown.id = reservation.id.value;
    shown.device = reservation.device.to_string();
    shown.owner = reservation.owner;
    shown.state = state_of(reservation, now);
    shown.from = reservation.from.count;
    shown.to = reservation.to.count;
    shown.note = reservation.note;
    shown.made_at = reservation.made.count;
    if (reservation.ended) shown.ended_at = reservation.ended->count;
    return shown;
}

/// The one place that says who changes a reservation: whoever made it, or an administrator.
Result<void> check_may_change(const Caller& caller, const Reservation& reservation) {
    if (caller.principal() == reservation.owner || caller.is_admin) return {};
    return Error{ErrorCode::forbidden, "reservation " + reservation.id.value + " is of " + reservation.owner,
                 "only its owner, or an administrator, can change or delete it"};
}

// --- looking --------------------------------------------------------------------------------------------------------

Result<store::ReservationQuery> query_of(const Call& call, UtcMillis now) {
    store::ReservationQuery query;
    LABHUB_TRY(query.device, device_in_query(call));
    LABHUB_TRY(query.from, telemetry::parse_time("from", call.request.query_value("from").value_or("now"), now));
    if (const auto to = call.request.query_value("to")) {
        LABHUB_TRY(query.to, telemetry::parse_time("to", *to, now));
        LABHUB_CHECK(telemetry::check_range(*query.from, *query.to));
    }
    LABHUB_TRY(query.with_ended, query_flag(call, "all"));
    LABHUB_TRY(query.limit, query_integer(call, "limit", kMostListed, 1, kMostListed));
    LABHUB_TRY(query.offset, query_integer(call, "offset", 0, 0, 1LL << 40));
    return query;
}

Task<Result<ReservationList>> list_reservations(Services& services, Call call, Nothing) {
    const UtcMillis now = services.clock.utc_now();
    auto query = query_of(call, now);
    if (!query) co_return std::move(query).error();
    const std::int64_t offset = query->offset;
    auto found = co_await services.reservations.list(std::move(*query));
    if (!found) co_return std::move(found).error();
    ReservationList reply;
    reply.total = found->total;
    for (const auto& each : found->reservations) reply.reservations.push_back(view_of(each, now));
    const std::int64_t end = offset + static_cast<std::int64_t>(reply.reservations.size());
    if (!reply.reservations.empty() && end < reply.total) reply.next = end;
    co_return reply;
}

struct OneReservation {
    ReservationView reservation;
};
BOOST_DESCRIBE_STRUCT(OneReservation, (), (reservation))

Task<Result<OneReservation>> get_reservation(Services& services, Call call, Nothing) {
    ReservationId id{call.path["id"]};
    auto found = co_await services.reservations.find(std::move(id));
    if (!found) co_return std::move(found).error();
    OneReservation reply;
    reply.reservation = view_of(*found, services.clock.utc_now());
    co_return reply;
}

// --- making ---------------------------------------------------------------------------------------------------------

struct MakeRequest {
    std::string device;
    boost::json::value from;
    std::optional<boost::json::value> to, duration;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(MakeRequest, (), (device, from, to, duration, note))
struct ChangeRequest {
    std::optional<boost::json::value> from, to, duration;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(ChangeRequest, (), (from, to, duration, note))
}  // namespace
template <>
struct MemberDocs<MakeRequest> {
    static constexpr MemberDoc list[] = {
        {"device", "node/device"},
        {"from",
         "milliseconds of UTC since 1970, or text as '2026-02-15T18:00:00+01:00', '+2h' or 'now'; a minute ago at the "
         "earliest"},
        {"to", "the same; not included"},
        {"duration", "instead of to: seconds, or text as '1h30m'"},
        {"note", "for others, at most 500 bytes"}};
};
template <>
struct MemberDocs<ChangeRequest> {
    static constexpr MemberDoc list[] = {{"from", "as when it is made; only until it has begun"},
                                         {"to", "as when it is made"},
                                         {"duration", "instead of to, from the begin on"}};
};
namespace {

Result<UtcMillis> time_of(std::string_view name, const boost::json::value& given, UtcMillis now) {
    LABHUB_TRY(const auto text, number_or_text(name, given));
    return telemetry::parse_time(name, text, now);
}

/// The end by either of its two ways; nothing where neither is given.
Result<std::optional<UtcMillis>> end_of(const std::optional<boost::json::value>& to,
                                        const std::optional<boost::json::value>& duration, UtcMillis from,
                                        UtcMillis now) {
    if (to && duration) return Error{ErrorCode::malformed, "the end is given twice", "either 'to' or 'duration'"};
    if (to) {
        LABHUB_TRY(const auto end, time_of("to", *to, now));
        return std::optional(end);
    }
    if (!duration) return std::optional<UtcMillis>{};
    LABHUB_TRY(const auto text, number_or_text("duration", *duration));
    LABHUB_TRY(const auto length, parse_duration(text));
    constexpr std::chrono::hours kLongest{24 * 366 * 10};  // far past any setting, and not past what can be reckoned
    if (length > kLongest) return Error{ErrorCode::out_of_range, "'duration' is out of range", "at most ten years"};
    return std::optional(from + length);
}

Result<std::string> note_of(const std::optional<std::string>& given) {
    if (!given) return std::string{};
    if (given->size() > kMostNoteBytes)
        return Error{ErrorCode::too_large, "'note' has " + std::to_string(given->size()) + " bytes", "at most 500"};
    return printable(*given, kMostNoteBytes);
}

Result<reservations::Wish> wish_of(const Call& call, const MakeRequest& request, UtcMillis now) {
    reservations::Wish wish;
    wish.owner = call.caller.principal();
    LABHUB_TRY(wish.device, DeviceAddress::parse(request.device));
    LABHUB_TRY(wish.from, time_of("from", request.from, now));
    LABHUB_TRY(const auto to, end_of(request.to, request.duration, wish.from, now));
    if (!to) return Error{ErrorCode::malformed, "'to' is missing", "or give a 'duration'"};
    wish.to = *to;
    LABHUB_TRY(wish.note, note_of(request.note));
    return wish;
}

Task<Result<ReservationReply>> make(Services& services, Call call, MakeRequest request) {
    auto wish = wish_of(call, request, services.clock.utc_now());
    if (!wish) co_return std::move(wish).error();
    auto made = co_await services.reservations.make(std::move(*wish));
    if (!made) co_return std::move(made).error();
    ReservationReply reply;
    reply.reservation = view_of(*made, services.clock.utc_now());
    reply.message = describe(*made);
    co_return reply;
}

Result<reservations::Change> change_of(const ChangeRequest& request, const Reservation& present, UtcMillis now) {
    reservations::Change change;
    if (request.from) {
        LABHUB_TRY(change.from, time_of("from", *request.from, now));
    }
    LABHUB_TRY(change.to, end_of(request.to, request.duration, change.from.value_or(present.from), now));
    // Moved as a whole where only its begin is said.
    if (change.from && !change.to) change.to = *change.from + present.length();
    if (request.note) {
        LABHUB_TRY(change.note, note_of(request.note));
    }
    if (!change.from && !change.to && !change.note)
        return Error{ErrorCode::malformed, "nothing to change", "give from, to, duration or note"};
    return change;
}

Task<Result<ReservationReply>> change(Services& services, Call call, ChangeRequest request) {
    ReservationId id{call.path["id"]};
    auto present = co_await services.reservations.find(id);
    if (!present) co_return std::move(present).error();
    if (auto may = check_may_change(call.caller, *present); !may) co_return may.error();
    auto wanted = change_of(request, *present, services.clock.utc_now());
    if (!wanted) co_return std::move(wanted).error();
    auto changed = co_await services.reservations.change(std::move(id), std::move(*wanted), call.caller.principal());
    if (!changed) co_return std::move(changed).error();
    ReservationReply reply;
    reply.reservation = view_of(*changed, services.clock.utc_now());
    reply.message = describe(*changed);
    co_return reply;
}

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> cancel(Services& services, Call call, Nothing) {
    ReservationId id{call.path["id"]};
    auto present = co_await services.reservations.find(id);
    if (!present) co_return std::move(present).error();
    if (auto may = check_may_change(call.caller, *present); !may) co_return may.error();
    auto cancelled = co_await services.reservations.cancel(std::move(id), call.caller.principal());
    if (!cancelled) co_return std::move(cancelled).error();
    co_return MessageReply{"reservation " + present->id.value + " of " + present->device.to_string() + " is cancelled"};
}

}  // namespace

Result<std::optional<DeviceAddress>> device_in_query(const Call& call) {
    const auto named = call.request.query_value("device");
    if (!named) return std::optional<DeviceAddress>{};
    LABHUB_TRY(auto device, DeviceAddress::parse(*named));
    return std::optional(std::move(device));
}

Operation reservation_row(std::string verb, std::string path, std::string id, std::string summary,
                          std::vector<QueryParameter> query) {
    return Operation{std::move(verb),
                     "/api/reservations" + path,
                     std::move(id),
                     "reservations",
                     std::move(summary),
                     Access::user,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

void add_reservations(std::vector<Operation>& list) {
    const std::vector<QueryParameter> which{
        {"device", "only of this one, as node/device"},   {"from", "those that are not over then; now when left out"},
        {"to", "those that begin before then"},           {"all", "true: also what was cancelled or released"},
        {"limit", "at most so many, 1000 when left out"}, {"offset", "leave out so many of them first"}};
    list.push_back(with_handler(
        reservation_row("GET", "", "listReservations", "Who has reserved what, by begin", which), &list_reservations));
    list.push_back(with_handler(reservation_row("POST", "", "makeReservation", "Reserve a device for a time"), &make));
    add_reservation_events(list);  // before what any id matches
    list.push_back(
        with_handler(reservation_row("GET", "/{id}", "getReservation", "One reservation"), &get_reservation));
    list.push_back(with_handler(reservation_row("PATCH", "/{id}", "changeReservation",
                                                "Move, shorten or extend a reservation, or note something else"),
                                &change));
    list.push_back(with_handler(
        reservation_row("DELETE", "/{id}", "cancelReservation", "Give a reservation up, now if it is present"),
        &cancel));
}

}  // namespace labhub::coordinator::api
