#include "coordinator/store/reservation_store.hpp"

#include <algorithm>

namespace labhub::coordinator::store {
namespace {

using reservations::Event;
using reservations::Reservation;
using reservations::ReservationId;
using sqlite::Database;
using sqlite::Statement;

constexpr const char* kColumns =
    "id, device, owner, from_ms, to_ms, note, made_ms, dated_ms, begun_ms, ended_ms, end_reason";
constexpr const char* kEventColumns = "number, reservation, device, owner, from_ms, to_ms, time_ms, kind, who, message";

Result<Reservation> read_reservation(const Statement& row) {
    Reservation read;
    read.id = ReservationId{row.column_text(0)};
    LABHUB_TRY(read.device, DeviceAddress::parse(row.column_text(1)));
    read.owner = row.column_text(2);
    read.from = row.column_time(3);
    read.to = row.column_time(4);
    read.note = row.column_text(5);
    read.made = row.column_time(6);
    read.dated = row.column_time(7);
    read.begun = row.column_optional<UtcMillis>(8);
    read.ended = row.column_optional<UtcMillis>(9);
    read.end_reason = row.column_text(10);
    return read;
}

Result<Event> read_event(const Statement& row) {
    Event event;
    event.number = row.column_int64(0);
    event.reservation = ReservationId{row.column_text(1)};
    LABHUB_TRY(event.device, DeviceAddress::parse(row.column_text(2)));
    event.owner = row.column_text(3);
    event.from = row.column_time(4);
    event.to = row.column_time(5);
    event.time = row.column_time(6);
    event.kind = row.column_text(7);
    event.who = row.column_text(8);
    event.message = row.column_text(9);
    return event;
}

Result<ReminderMark> read_mark(const Statement& row) {
    return ReminderMark{ReservationId{row.column_text(0)}, row.column_time(1),
                        std::chrono::milliseconds{row.column_int64(2)}};
}

template <class T>
Result<std::vector<T>> read_all(Statement& statement, Result<T> (*read)(const Statement&)) {
    std::vector<T> all;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return all;
        LABHUB_TRY(T one, read(statement));
        all.push_back(std::move(one));
    }
}

std::optional<std::string> name_of(const std::optional<DeviceAddress>& device) {
    return device ? std::optional(device->to_string()) : std::nullopt;
}

Result<void> insert_event(Database& database, const Event& event, const std::vector<std::string>& channels) {
    LABHUB_CHECK(database.run(
        "INSERT INTO reservation_events (reservation, device, owner, from_ms, to_ms, time_ms, kind, who, message) "
        "VALUES (?,?,?,?,?,?,?,?,?)",
        event.reservation, event.device.to_string(), event.owner, event.from, event.to, event.time, event.kind,
        event.who, event.message));
    const auto number = database.last_insert_id();
    for (const auto& channel : channels)
        LABHUB_CHECK(database.run("INSERT INTO reservation_outbox (channel, event) VALUES (?, ?)", channel, number));
    return {};
}

Result<void> insert_reservation(Database& database, const Reservation& made) {
    return database.run(
        "INSERT INTO reservations (id, device, owner, from_ms, to_ms, note, made_ms, dated_ms, begun_ms, ended_ms, "
        "end_reason) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        made.id, made.device.to_string(), made.owner, made.from, made.to, made.note, made.made, made.dated, made.begun,
        made.ended, made.end_reason);
}

Result<void> update_reservation(Database& database, const Reservation& changed) {
    return database.run(
        "UPDATE reservations SET from_ms = ?, to_ms = ?, note = ?, dated_ms = ?, begun_ms = ?, ended_ms = ?, "
        "end_reason = ? WHERE id = ?",
        changed.from, changed.to, changed.note, changed.dated, changed.begun, changed.ended, changed.end_reason,
        changed.id);
}

constexpr const char* kWhere =
    " FROM reservations WHERE (?1 IS NULL OR device = ?1) AND (?2 IS NULL OR to_ms > ?2) AND (?3 IS NULL OR from_ms < "
    "?3) "
    "AND (?4 OR ended_ms IS NULL)";

Result<ReservationPage> select(Database& database, const ReservationQuery& query) {
    ReservationPage page;
    LABHUB_TRY(auto counted, database.cached(std::string("SELECT count(*)") + kWhere));
    counted.bind_all(name_of(query.device), query.from, query.to, query.with_ended);
    LABHUB_TRY([[maybe_unused]] const bool row, counted.step());
    page.total = counted.column_int64(0);
    LABHUB_TRY(auto statement, database.cached(std::string("SELECT ") + kColumns + kWhere +
                                               " ORDER BY from_ms, device, id LIMIT ?5 OFFSET ?6"));
    statement.bind_all(name_of(query.device), query.from, query.to, query.with_ended, query.limit, query.offset);
    LABHUB_TRY(page.reservations, read_all<Reservation>(statement, &read_reservation));
    return page;
}

Result<std::vector<Event>> select_events(Database& database, const ReservationEventQuery& query) {
    const std::string sql = std::string("SELECT ") + kEventColumns +
                            " FROM reservation_events WHERE number > ?1 AND (?2 IS NULL OR device = ?2) "
                            "AND (?3 = '' OR reservation = ?3) ORDER BY number LIMIT ?4";
    LABHUB_TRY(auto statement, database.cached(sql));
    statement.bind_all(query.after, name_of(query.device), query.reservation, query.limit);
    return read_all<Event>(statement, &read_event);
}

Result<std::int64_t> forget_other_channels(Database& database, const std::vector<std::string>& channels) {
    LABHUB_TRY(auto statement, database.prepare("SELECT DISTINCT channel FROM reservation_outbox"));
    std::vector<std::string> gone;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) break;
        auto channel = statement.column_text(0);
        if (std::find(channels.begin(), channels.end(), channel) == channels.end()) gone.push_back(std::move(channel));
    }
    std::int64_t dropped = 0;
    for (const auto& channel : gone) {
        LABHUB_CHECK(database.run("DELETE FROM reservation_outbox WHERE channel = ?", channel));
        dropped += database.changes();
    }
    return dropped;
}

}  // namespace

Task<Result<std::vector<Reservation>>> ReservationStore::load_kept(UtcMillis now) {
    return writer_.write([now](Database& database) -> Result<std::vector<Reservation>> {
        ReservationQuery query;
        query.from = now;
        query.limit = -1;
        LABHUB_TRY(auto page, select(database, query));
        return std::move(page.reservations);
    });
}

Task<Result<std::vector<ReminderMark>>> ReservationStore::load_marks() {
    return writer_.write([](Database& database) -> Result<std::vector<ReminderMark>> {
        LABHUB_TRY(auto statement, database.prepare("SELECT reservation, from_ms, lead_ms FROM reservation_reminders"));
        return read_all<ReminderMark>(statement, &read_mark);
    });
}

Task<Result<void>> ReservationStore::insert(Reservation reservation, Event event) {
    return writer_.write([made = std::move(reservation), event = std::move(event)](Database& database) -> Result<void> {
        LABHUB_CHECK(insert_reservation(database, made));
        return insert_event(database, event, {});
    });
}

Task<Result<void>> ReservationStore::update(Reservation reservation, Event event, std::vector<std::string> channels) {
    return writer_.write([changed = std::move(reservation), event = std::move(event),
                          channels = std::move(channels)](Database& database) -> Result<void> {
        LABHUB_CHECK(update_reservation(database, changed));
        return insert_event(database, event, channels);
    });
}

Task<Result<void>> ReservationStore::remind(std::vector<ReminderMark> marks, Event event,
                                            std::vector<std::string> channels) {
    return writer_.write([marks = std::move(marks), event = std::move(event),
                          channels = std::move(channels)](Database& database) -> Result<void> {
        for (const auto& mark : marks)
            LABHUB_CHECK(
                database.run("INSERT INTO reservation_reminders (reservation, from_ms, lead_ms) VALUES (?, ?, ?)",
                             mark.reservation, mark.from, mark.lead.count()));
        return insert_event(database, event, channels);
    });
}

Task<Result<Reservation>> ReservationStore::find(ReservationId id) {
    return writer_.write([id = std::move(id)](Database& database) -> Result<Reservation> {
        LABHUB_TRY(auto statement,
                   database.cached(std::string("SELECT ") + kColumns + " FROM reservations WHERE id = ?"));
        statement.bind(1, id);
        LABHUB_TRY(const bool row, statement.step());
        if (row) return read_reservation(statement);
        return Error{ErrorCode::not_found, "no reservation '" + id.value.substr(0, 64) + "'",
                     "see: labhub reservations"};
    });
}

Task<Result<ReservationPage>> ReservationStore::list(ReservationQuery query) {
    return writer_.write([query = std::move(query)](Database& database) { return select(database, query); });
}

Task<Result<std::vector<Event>>> ReservationStore::events(ReservationEventQuery query) {
    return writer_.write([query = std::move(query)](Database& database) { return select_events(database, query); });
}

Task<Result<void>> ReservationStore::forget_before(UtcMillis time) {
    return writer_.write([time](Database& database) -> Result<void> {
        LABHUB_CHECK(database.run("DELETE FROM reservations WHERE to_ms < ?", time));
        return database.run(
            "DELETE FROM reservation_events WHERE time_ms < ? AND reservation NOT IN (SELECT id FROM reservations) AND "
            "number NOT IN (SELECT event FROM reservation_outbox)",
            time);
    });
}

Task<Result<std::vector<Event>>> ReservationStore::undelivered(std::string channel, std::int64_t limit) {
    return writer_.write([channel = std::move(channel), limit](Database& database) -> Result<std::vector<Event>> {
        LABHUB_TRY(auto statement, database.cached(std::string("SELECT ") + kEventColumns +
                                                   " FROM reservation_outbox JOIN reservation_events ON number = event "
                                                   "WHERE channel = ? ORDER BY event LIMIT ?"));
        statement.bind_all(channel, limit);
        return read_all<Event>(statement, &read_event);
    });
}

Task<Result<void>> ReservationStore::delivered(std::string channel, std::int64_t up_to) {
    return writer_.write([channel = std::move(channel), up_to](Database& database) {
        return database.run("DELETE FROM reservation_outbox WHERE channel = ? AND event <= ?", channel, up_to);
    });
}

Task<Result<std::int64_t>> ReservationStore::keep_channels(std::vector<std::string> channels) {
    return writer_.write(
        [channels = std::move(channels)](Database& database) { return forget_other_channels(database, channels); });
}

}  // namespace labhub::coordinator::store
