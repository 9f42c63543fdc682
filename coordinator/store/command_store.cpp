#include "coordinator/store/command_store.hpp"

#include "shared/base/json.hpp"

namespace labhub::coordinator::store {
namespace {

using sqlite::Database;

std::string encode_values(const std::map<std::string, Value>& values) {
    boost::json::object object;
    for (const auto& [metric, value] : values) object[metric] = value_to_json(value);
    return to_json(object);
}

Result<std::map<std::string, Value>> decode_values(std::string_view text) {
    LABHUB_TRY(const auto parsed, parse_json(text));
    std::map<std::string, Value> values;
    if (!parsed.is_object()) return Error{ErrorCode::corrupt, "the stored values of a command are not an object"};
    for (const auto& member : parsed.get_object()) {
        auto value = value_from_json(member.value());
        values[std::string(member.key())] = value ? std::move(*value) : Value{};
    }
    return values;
}

Result<void> insert(Database& database, const CommandRecord& record) {
    LABHUB_TRY(auto statement, database.prepare("INSERT INTO commands (id, device, principal, job_id, asked_ms, "
                                                "answered_ms, asked, applied, outcome, message) "
                                                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    statement.bind(1, record.id.value);
    statement.bind(2, record.device.to_string());
    statement.bind(3, record.principal);
    statement.bind(4, record.job.value);
    statement.bind(5, record.asked_at.count);
    statement.bind(6, record.answered_at.count);
    statement.bind(7, encode_values(record.asked));
    statement.bind(8, encode_values(record.applied));
    statement.bind(9, record.outcome);
    statement.bind(10, record.message);
    LABHUB_TRY([[maybe_unused]] const bool row, statement.step());
    return {};
}

constexpr const char* kColumns = "id, principal, job_id, asked_ms, answered_ms, asked, applied, outcome, message";

Result<CommandRecord> read_record(const sqlite::Statement& row, const DeviceAddress& device) {
    CommandRecord record;
    record.id = CommandId{std::string(row.column_text(0))};
    record.device = device;
    record.principal = row.column_text(1);
    record.job = JobId{std::string(row.column_text(2))};
    record.asked_at = UtcMillis{row.column_int64(3)};
    record.answered_at = UtcMillis{row.column_int64(4)};
    LABHUB_TRY(record.asked, decode_values(row.column_text(5)));
    LABHUB_TRY(record.applied, decode_values(row.column_text(6)));
    record.outcome = row.column_text(7);
    record.message = row.column_text(8);
    return record;
}

Result<std::vector<CommandRecord>> select(Database& database, const DeviceAddress& device, UtcMillis from,
                                          UtcMillis to) {
    LABHUB_TRY(auto statement, database.prepare(std::string("SELECT ") + kColumns +
                                                " FROM commands WHERE device = ? AND asked_ms BETWEEN ? AND ? "
                                                "ORDER BY asked_ms, rowid"));
    statement.bind_all(device.to_string(), from, to);
    std::vector<CommandRecord> records;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return records;
        LABHUB_TRY(auto record, read_record(statement, device));
        records.push_back(std::move(record));
    }
}

Result<std::optional<CommandRecord>> select_last(Database& database, const DeviceAddress& device) {
    LABHUB_TRY(auto statement, database.prepare(std::string("SELECT ") + kColumns +
                                                " FROM commands WHERE device = ? AND outcome = 'applied' "
                                                "ORDER BY asked_ms DESC, rowid DESC LIMIT 1"));
    statement.bind(1, device.to_string());
    LABHUB_TRY(const bool row, statement.step());
    if (!row) return std::optional<CommandRecord>{};
    LABHUB_TRY(auto record, read_record(statement, device));
    return std::optional(std::move(record));
}

}  // namespace

void CommandStore::append(CommandRecord record) {
    writer_.post([record = std::move(record)](Database& database) { return insert(database, record); });
}

Task<Result<std::optional<CommandRecord>>> CommandStore::last_applied(DeviceAddress device) {
    return writer_.write([device = std::move(device)](Database& database) { return select_last(database, device); });
}

Task<Result<std::vector<CommandRecord>>> CommandStore::of_device(DeviceAddress device, UtcMillis from, UtcMillis to) {
    return writer_.write(
        [device = std::move(device), from, to](Database& database) { return select(database, device, from, to); });
}

}  // namespace labhub::coordinator::store
