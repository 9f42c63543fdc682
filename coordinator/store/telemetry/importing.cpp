#include <spdlog/spdlog.h>

#include "coordinator/store/telemetry/parts.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSamplesInOneCommit = 50'000;

Value read_value(const sqlite::Statement& row, int column) {
    switch (row.column_type(column)) {
        case sqlite::ColumnType::integer: return row.column_int64(column);
        case sqlite::ColumnType::real: return row.column_double(column);
        case sqlite::ColumnType::text: return row.column_text(column);
        default: return {};
    }
}

/// Old series id → new one.
Result<std::map<std::int64_t, SeriesId>> import_series(TelemetryStore& store, sqlite::Database& database) {
    LABHUB_TRY(auto row, database.prepare("SELECT id, device, metric, unit FROM series ORDER BY id"));
    std::map<std::int64_t, SeriesId> series;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (!more) return series;
        LABHUB_TRY(const auto device, DeviceAddress::parse(row.column_text(1)));
        MetricInfo metric;
        metric.name = row.column_text(2);
        metric.unit = row.column_text(3);
        LABHUB_CHECK(store.describe(device, {metric}));
        LABHUB_TRY(series[row.column_int64(0)], store.resolve(device, metric.name));
    }
}

Result<std::uint64_t> import_rows(TelemetryStore& store, sqlite::Database& database) {
    LABHUB_TRY(const auto series, import_series(store, database));
    LABHUB_TRY(auto row,
               database.prepare("SELECT series, time_ms, quality, value FROM samples ORDER BY series, time_ms"));
    std::vector<NewSample> samples;
    std::uint64_t stored = 0;
    while (true) {
        LABHUB_TRY(const bool more, row.step());
        if (samples.size() >= kSamplesInOneCommit || (!more && !samples.empty())) {
            LABHUB_TRY(const auto counts, store.append(std::span<const NewSample>(samples)));
            stored += counts.stored;
            samples.clear();
            LABHUB_CHECK(store.tend().map([](const TendReport&) {}));
        }
        if (!more) return stored;
        const auto id = series.find(row.column_int64(0));
        if (id == series.end()) continue;
        samples.push_back(
            {id->second, static_cast<Quality>(row.column_int64(2)), row.column_time(1), read_value(row, 3)});
    }
}

Result<bool> has_samples_table(sqlite::Database& database) {
    LABHUB_TRY(auto row, database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'samples'"));
    return row.step();
}

}  // namespace

Result<void> import_samples(TelemetryStore& store, const fs::path& path) {
    std::error_code failure;
    if (!fs::exists(path, failure)) return {};
    std::uint64_t stored = 0;
    {
        // Opened for writing, as a killed coordinator's last commits are brought back that way.
        LABHUB_TRY(auto database, sqlite::Database::open(path));
        LABHUB_TRY(const bool has_samples, has_samples_table(database));
        if (has_samples) {
            spdlog::info("telemetry: importing {}", path.string());
            auto imported = import_rows(store, database);
            if (!imported) return imported.error().within("import " + path.string());
            stored = *imported;
        }
    }
    LABHUB_CHECK(store.settle().map([](const TendReport&) {}));
    fs::rename(path, path.string() + ".imported", failure);
    if (failure) return system_error("rename " + path.string(), failure.value());
    spdlog::info("telemetry: imported {} readings; the old file is now {}.imported", stored, path.string());
    return {};
}

}  // namespace labhub::coordinator::store
