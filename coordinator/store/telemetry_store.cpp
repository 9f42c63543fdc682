#include "coordinator/store/telemetry_store.hpp"

#include "coordinator/store/telemetry_migrations/migrations.hpp"

namespace labhub::coordinator::store {
namespace {

using sqlite::ColumnType;
using sqlite::Database;
using sqlite::Statement;

void bind_value(Statement& statement, int index, const Value& value) {
    struct Binder {
        Statement& statement;
        int index;
        void operator()(std::monostate) const { statement.bind(index, nullptr); }
        void operator()(bool b) const { statement.bind(index, std::int64_t{b}); }
        void operator()(std::int64_t i) const { statement.bind(index, i); }
        void operator()(double d) const { statement.bind(index, d); }
        void operator()(const std::string& s) const { statement.bind(index, s); }
    };
    std::visit(Binder{statement, index}, value);
}

Value read_value(const Statement& row, int column) {
    switch (row.column_type(column)) {
        case ColumnType::integer: return row.column_int64(column);
        case ColumnType::real: return row.column_double(column);
        case ColumnType::text: return row.column_text(column);
        default: return {};
    }
}

Result<std::map<std::int64_t, std::size_t>> columns_of(Database& database, const DeviceAddress& device,
                                                       const std::vector<std::string>& metrics) {
    LABHUB_TRY(auto statement, database.cached("SELECT id FROM series WHERE device = ? AND metric = ?"));
    std::map<std::int64_t, std::size_t> columns;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        statement.bind_all(device.to_string(), metrics[i]);
        LABHUB_TRY(const bool found, statement.step());
        if (found) columns[statement.column_int64(0)] = i;
        statement.reset();
    }
    return columns;
}

/// One statement over all series of the device: the primary key gives each series in order of time, SQLite merges.
Result<void> select_rows(Database& database, const DeviceAddress& device, const std::vector<std::string>& metrics,
                         UtcMillis from, UtcMillis to, const std::function<Result<void>(const TelemetryRow&)>& emit) {
    LABHUB_TRY(const auto columns, columns_of(database, device, metrics));
    LABHUB_TRY(
        auto statement,
        database.prepare("SELECT time_ms, series, value FROM samples WHERE series IN "
                         "(SELECT id FROM series WHERE device = ?) AND time_ms BETWEEN ? AND ? ORDER BY time_ms"));
    statement.bind_all(device.to_string(), from, to);
    TelemetryRow row;
    bool has_row = false;
    while (true) {
        LABHUB_TRY(const bool found, statement.step());
        const UtcMillis time = found ? statement.column_time(0) : UtcMillis{};
        if (has_row && (!found || time != row.time)) {
            LABHUB_CHECK(emit(row));
            has_row = false;
        }
        if (!found) return {};
        if (!has_row) row = TelemetryRow{time, std::vector<Value>(metrics.size())};
        has_row = true;
        const auto column = columns.find(statement.column_int64(1));
        if (column != columns.end()) row.values[column->second] = read_value(statement, 2);
    }
}

}  // namespace

Result<std::unique_ptr<TelemetryStore>> TelemetryStore::open(const std::filesystem::path& path) {
    LABHUB_TRY(auto database, Database::open(path));
    LABHUB_CHECK(sqlite::migrate(database, telemetry_migrations::migrations()));
    LABHUB_TRY(auto readers, sqlite::Readers::start(path, 2));
    return std::unique_ptr<TelemetryStore>(new TelemetryStore(std::move(database), std::move(readers)));
}

Result<std::int64_t> TelemetryStore::series_id(const DeviceAddress& device, const std::string& metric) {
    const std::string key = device.to_string() + "/" + metric;
    const auto known = series_.find(key);
    if (known != series_.end()) return known->second;
    LABHUB_CHECK(
        database_.run("INSERT OR IGNORE INTO series (device, metric) VALUES (?, ?)", device.to_string(), metric));
    LABHUB_TRY(auto statement, database_.cached("SELECT id FROM series WHERE device = ? AND metric = ?"));
    statement.bind_all(device.to_string(), metric);
    LABHUB_TRY([[maybe_unused]] const bool found, statement.step());
    const std::int64_t id = statement.column_int64(0);
    series_.emplace(key, id);
    return id;
}

Result<StoreCounts> TelemetryStore::append(const std::vector<ReadingBatch>& batches) {
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    StoreCounts counts;
    for (const auto& batch : batches) {
        for (const auto& reading : batch.readings) {
            auto id = series_id(batch.device, reading.metric);
            if (!id) return series_.clear(), std::move(id).error();  // ids of this transaction are undone with it
            LABHUB_TRY(auto insert,
                       database_.cached(
                           "INSERT OR IGNORE INTO samples (series, time_ms, quality, value) VALUES (?, ?, ?, ?)"));
            insert.bind_all(*id, reading.time, static_cast<int>(reading.quality));
            bind_value(insert, 4, reading.value);
            if (auto inserted = insert.run(); !inserted) return series_.clear(), std::move(inserted).error();
            ++(database_.changes() > 0 ? counts.stored : counts.duplicates);
        }
    }
    if (auto committed = transaction.commit(); !committed) return series_.clear(), std::move(committed).error();
    return counts;
}

Result<void> TelemetryStore::describe(const DeviceAddress& device, const std::vector<MetricInfo>& metrics) {
    LABHUB_TRY(auto transaction, sqlite::Transaction::begin(database_));
    for (const auto& metric : metrics)
        LABHUB_CHECK(
            database_.run("INSERT INTO series (device, metric, unit) VALUES (?, ?, ?) "
                          "ON CONFLICT (device, metric) DO UPDATE SET unit = excluded.unit",
                          device.to_string(), metric.name, metric.unit));
    return transaction.commit();
}

Task<Result<void>> TelemetryStore::each_row(DeviceAddress device, std::vector<std::string> metrics, UtcMillis from,
                                            UtcMillis to, std::function<Result<void>(const TelemetryRow&)> row) {
    return readers_->read([device = std::move(device), metrics = std::move(metrics), from, to, row = std::move(row)](
                              Database& database) { return select_rows(database, device, metrics, from, to, row); });
}

Task<Result<std::vector<std::string>>> TelemetryStore::metrics_of(DeviceAddress device) {
    return readers_->read([device = std::move(device)](Database& database) -> Result<std::vector<std::string>> {
        LABHUB_TRY(auto statement, database.cached("SELECT metric FROM series WHERE device = ? ORDER BY id"));
        statement.bind_all(device.to_string());
        std::vector<std::string> metrics;
        while (true) {
            LABHUB_TRY(const bool found, statement.step());
            if (!found) return metrics;
            metrics.push_back(statement.column_text(0));
        }
    });
}

}  // namespace labhub::coordinator::store
