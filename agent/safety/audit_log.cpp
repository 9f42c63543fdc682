#include "agent/safety/audit_log.hpp"

#include <spdlog/spdlog.h>

#include "shared/base/json.hpp"

namespace labhub::agent::safety {
namespace {

namespace json = boost::json;
using Found = std::optional<AuditLog::Outcome>;

std::string readings_to_json(const std::vector<Reading>& readings) {
    json::array all;
    for (const Reading& reading : readings)
        all.push_back(json::object{{"metric", reading.metric},
                                   {"value", value_to_json(reading.value)},
                                   {"time_ms", reading.time.count},
                                   {"quality", static_cast<int>(reading.quality)}});
    return to_json(all);
}

Reading reading_from_json(const json::object& object) {
    Reading reading;
    reading.metric = std::string(object.at("metric").as_string());
    if (auto value = value_from_json(object.at("value"))) reading.value = std::move(*value);
    reading.time = UtcMillis{object.at("time_ms").to_number<std::int64_t>()};
    reading.quality = static_cast<Quality>(object.at("quality").to_number<int>());
    return reading;
}

/// What readings_to_json wrote. Text that isn't that (an edited database) gives no readings.
std::vector<Reading> readings_from_json(const std::string& text) {
    std::vector<Reading> readings;
    const auto parsed = parse_json(text);
    if (!parsed || !parsed->is_array()) return readings;
    try {
        for (const json::value& item : parsed->get_array()) readings.push_back(reading_from_json(item.as_object()));
    } catch (const std::exception&) {
        readings.clear();
    }
    return readings;
}

Error under_way(const CommandId& id) {
    return Error{ErrorCode::conflict, "command " + id.value + " is being carried out already", "wait for its answer"};
}

Error outcome_unknown(const CommandId& id) {
    return Error{ErrorCode::conflict,
                 "command " + id.value + " was under way when the agent stopped; what it did is not known",
                 "actuators were made safe since; send a new command"};
}

Result<Found> look_up(sqlite::Database& database, const CommandId& id) {
    LABHUB_TRY(sqlite::Statement row,
               database.cached("SELECT outcome, message, detail, applied FROM command WHERE id = ?"));
    row.bind(1, id);
    LABHUB_TRY(const bool known, row.step());
    if (!known) return Found{};
    if (row.is_null(0)) return Found{AuditLog::Outcome{outcome_unknown(id)}};
    if (row.column_text(0) == "done") return Found{AuditLog::Outcome{readings_from_json(row.column_text(3))}};
    return Found{AuditLog::Outcome{Error{code_from_name(row.column_text(0)), row.column_text(1), row.column_text(2)}}};
}

Result<Found> look_up_or_begin(sqlite::Database& database, const CommandId& id, UtcMillis now) {
    LABHUB_TRY(Found known, look_up(database, id));
    if (known) return known;
    LABHUB_CHECK(database.run("INSERT INTO command(id, time_ms) VALUES(?, ?)", id, now));
    LABHUB_CHECK(
        database.run("DELETE FROM command WHERE seq <= ?", database.last_insert_id() - AuditLog::kMaxCommands));
    return Found{};
}

}  // namespace

std::string setpoints_to_json(const std::vector<Setpoint>& setpoints) {
    json::object all;
    for (const Setpoint& setpoint : setpoints) all[setpoint.metric] = value_to_json(setpoint.value);
    return to_json(all);
}

void AuditLog::remember(const CommandId& id, std::optional<Outcome> outcome) {
    if (remembered_.insert_or_assign(id, std::move(outcome)).second) order_.push_back(id);
    if (order_.size() <= kMaxRemembered) return;
    remembered_.erase(order_.front());
    order_.pop_front();
}

Task<std::optional<AuditLog::Outcome>> AuditLog::begin(CommandId id) {
    if (const auto known = remembered_.find(id); known != remembered_.end()) {
        if (known->second) co_return known->second;
        Outcome busy{under_way(id)};
        co_return std::optional<Outcome>(std::move(busy));
    }
    remember(id, std::nullopt);
    auto work = [id, now = clock_.utc_now()](sqlite::Database& database) {
        return look_up_or_begin(database, id, now);
    };
    auto writing = writer_.write(std::move(work));
    auto found = co_await std::move(writing);
    if (!found) {
        spdlog::error("audit trail: {}; repeated commands are recognised from memory only", found.error().to_string());
        co_return std::nullopt;
    }
    if (*found) remember(id, **found);
    co_return std::move(*found);
}

void AuditLog::finish(const CommandId& id, const Outcome& outcome) {
    remember(id, outcome);
    const Error error = outcome ? Error{} : outcome.error();
    const std::string code = outcome ? "done" : std::string(code_name(error.code));
    const std::string applied = outcome ? readings_to_json(*outcome) : "[]";
    writer_.post([id, error, code, applied](sqlite::Database& database) -> Result<void> {
        return database.run("UPDATE command SET outcome = ?, message = ?, detail = ?, applied = ? WHERE id = ?", code,
                            error.message, error.detail, applied, id);
    });
}

void AuditLog::forget(const CommandId& id) {
    remembered_.erase(id);
    std::erase(order_, id);
    writer_.post([id](sqlite::Database& database) -> Result<void> {
        return database.run("DELETE FROM command WHERE id = ?", id);
    });
}

void AuditLog::record(AuditEntry entry) {
    const std::string outcome = entry.failure ? std::string(code_name(entry.failure->code)) : "done";
    const std::string message = entry.failure ? entry.failure->to_string() : entry.reason;
    spdlog::log(entry.failure ? spdlog::level::warn : spdlog::level::info, "{} on {} by {} ({}): {}{}{}", entry.event,
                entry.device, entry.asker.principal, to_string(entry.asker.origin),
                entry.asked.empty() ? outcome : entry.asked,
                entry.failure ? ": refused or failed: " : (message.empty() ? "" : ": "), message);
    const std::string applied = readings_to_json(entry.applied);
    writer_.post([entry = std::move(entry), outcome, message, applied,
                  now = clock_.utc_now()](sqlite::Database& database) -> Result<void> {
        LABHUB_CHECK(
            database.run("INSERT INTO audit(time_ms, event, device, principal, origin, command_id, lease_id, asked, "
                         "applied, outcome, message) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         now, entry.event, entry.device, entry.asker.principal, to_string(entry.asker.origin),
                         entry.command, entry.lease, entry.asked, applied, outcome, message));
        return database.run("DELETE FROM audit WHERE id <= ?", database.last_insert_id() - kMaxEntries);
    });
}

}  // namespace labhub::agent::safety
