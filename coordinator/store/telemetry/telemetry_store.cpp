#include "coordinator/store/telemetry/telemetry_store.hpp"

#include <pthread.h>

#include <algorithm>

#include <spdlog/spdlog.h>

#include "coordinator/store/telemetry/parts.hpp"
#include "coordinator/store/telemetry/questioning.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::store {
namespace {

constexpr std::chrono::seconds kQueryLimit{30};
constexpr std::chrono::seconds kTendPeriod{1};

SeriesInfo info_of(const telemetry::Series& series) {
    return {series.id,
            series.device,
            series.metric,
            series.unit,
            {series.count > 0 ? series.first : 0},
            {series.count > 0 ? series.last : 0},
            series.count};
}

Result<void> check_classes(const std::vector<SeriesClass>& classes) {
    for (const auto& one : classes) {
        LABHUB_CHECK(check_name("telemetry class", one.name));
        if (one.name == "quarantine")
            return Error{ErrorCode::malformed, "a telemetry class can't be called quarantine",
                         "that folder is for damaged files"};
    }
    return {};
}

}  // namespace

bool SeriesFilter::admits(const DeviceAddress& address, const std::string& metric) const {
    if (!node.empty() && address.node.value != node) return false;
    if (!device.empty() && address.device != device) return false;
    return metrics.empty() || std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
}

TelemetryStore::TelemetryStore(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
TelemetryStore::~TelemetryStore() = default;

Result<std::unique_ptr<TelemetryStore>> TelemetryStore::open(const std::filesystem::path& folder,
                                                             TelemetryOptions options) {
    LABHUB_CHECK(check_classes(options.classes));
    LABHUB_CHECK(make_folder(folder, 0700));
    LABHUB_TRY(auto partitions, telemetry::PartitionSet::open(folder / "partitions"));
    LABHUB_TRY(auto journal, telemetry::Journal::open(folder / "journal.db"));
    LABHUB_TRY(auto removals, journal.removals());
    for (const auto& key : removals)
        if (partitions->contains(key)) LABHUB_CHECK(partitions->remove(key));
    auto parts = std::make_shared<Parts>(std::move(options), std::move(partitions), std::move(journal));
    parts->keeper.were_removed(removals);
    LABHUB_CHECK(parts->appender.replay());
    const std::int64_t tomorrow = telemetry::day_of(parts->clock.utc_now().count) + telemetry::kDayMs;
    LABHUB_CHECK(parts->appender.reclassify(tomorrow));
    std::unique_ptr<TelemetryStore> store(new TelemetryStore(parts));
    if (!parts->options.import_from.empty()) LABHUB_CHECK(import_samples(*store, parts->options.import_from));
    if (parts->options.has_own_thread) parts->start_keeping();
    return store;
}

TelemetryStore::Parts::~Parts() {
    is_closing = true;
    keep_changed.notify_all();
    if (keeping.joinable()) keeping.join();
    readers.join();
}

void TelemetryStore::Parts::start_keeping() {
    keeping = std::thread([this] { keep(); });
}

void TelemetryStore::Parts::keep() {
    ::pthread_setname_np(::pthread_self(), "telemetry-keep");
    while (true) {
        {
            std::unique_lock lock(keep_mutex);
            keep_changed.wait_for(lock, kTendPeriod, [this] { return is_nudged || is_closing; });
            is_nudged = false;
            if (is_closing) return;
        }
        (void)keeper.tend(false);  // failures are logged and shown by statistics
    }
}

Result<SeriesId> TelemetryStore::resolve(const DeviceAddress& device, std::string_view metric) {
    const std::lock_guard lock(parts_->catalogue.mutex);
    return parts_->catalogue.resolve(device, metric).map([](const telemetry::Series* series) { return series->id; });
}

Result<StoreCounts> TelemetryStore::append(std::span<const NewSample> samples,
                                           std::span<const SpoolPosition> positions) {
    auto counts = parts_->appender.append(samples, positions);
    if (parts_->appender.unsealed() >= parts_->options.seal_samples) {
        const std::lock_guard lock(parts_->keep_mutex);
        parts_->is_nudged = true;
        parts_->keep_changed.notify_all();
    }
    return counts;
}

Result<StoreCounts> TelemetryStore::append(const std::vector<ReadingBatch>& batches) {
    std::vector<NewSample> samples;
    {
        const std::lock_guard lock(parts_->catalogue.mutex);
        for (const auto& batch : batches) {
            for (const auto& reading : batch.readings) {
                LABHUB_TRY(const auto* series, parts_->catalogue.resolve(batch.device, reading.metric));
                samples.push_back({series->id, reading.quality, reading.time, reading.value});
            }
        }
    }
    return append(std::span<const NewSample>(samples));
}

Result<void> TelemetryStore::describe(std::span<const DescribedDevice> devices) {
    return parts_->appender.describe(devices);
}

Result<void> TelemetryStore::describe(const DeviceAddress& device, const std::vector<MetricInfo>& metrics) {
    const DescribedDevice one{device, metrics};
    return describe(std::span(&one, 1));
}

std::optional<std::int64_t> TelemetryStore::spool_position(const NodeId& node, std::string_view life) const {
    return parts_->appender.positions().find(node, life);
}

std::vector<SeriesInfo> TelemetryStore::series(const SeriesFilter& filter) const {
    constexpr std::size_t kAtOnce = 1'024;  // who stores, or asks for one, waits for no more than these
    std::vector<SeriesInfo> found;
    for (std::size_t at = 0;;) {
        const std::lock_guard lock(parts_->catalogue.mutex);
        const auto& all = parts_->catalogue.all();
        const std::size_t end = std::min(all.size(), at + kAtOnce);
        for (; at < end; ++at)
            if (filter.admits(all[at].device, all[at].metric)) found.push_back(info_of(all[at]));
        if (at == all.size()) return found;
    }
}

Result<SeriesInfo> TelemetryStore::info(SeriesId id) const {
    const std::lock_guard lock(parts_->catalogue.mutex);
    if (const auto* series = parts_->catalogue.get(id)) return info_of(*series);
    return Error{ErrorCode::not_found, "no series " + std::to_string(static_cast<std::uint32_t>(id))};
}

std::optional<SeriesId> TelemetryStore::find(const DeviceAddress& device, std::string_view metric) const {
    const std::lock_guard lock(parts_->catalogue.mutex);
    const auto* series = parts_->catalogue.find(device, metric);
    return series ? std::optional(series->id) : std::nullopt;
}

Task<Result<std::vector<std::string>>> TelemetryStore::metrics_of(DeviceAddress device) {
    std::vector<std::string> metrics;
    const std::lock_guard lock(parts_->catalogue.mutex);
    if (const auto* ids = parts_->catalogue.of_device(device))
        for (const auto id : *ids) metrics.push_back(parts_->catalogue.get(id)->metric);
    co_return metrics;
}

Result<std::vector<SeriesPoints>> TelemetryStore::query_here(const SeriesQuery& question) {
    return telemetry::answer(parts_->sources, question, Steady::now() + kQueryLimit);
}

Task<Result<std::vector<SeriesPoints>>> TelemetryStore::query(SeriesQuery question) {
    return parts_->read([this, question = std::move(question)] { return query_here(question); });
}

Task<Result<std::vector<std::pair<SeriesId, Sample>>>> TelemetryStore::latest(std::vector<SeriesId> series) {
    using Newest = std::vector<std::pair<SeriesId, Sample>>;
    return parts_->read([this, series = std::move(series)]() -> Result<Newest> {
        Newest newest;
        for (const auto id : series) {
            LABHUB_TRY(auto sample, telemetry::newest_of(parts_->sources, id));
            if (sample) newest.emplace_back(id, std::move(*sample));
        }
        return newest;
    });
}

Result<TendReport> TelemetryStore::tend() { return parts_->keeper.tend(false); }
Result<TendReport> TelemetryStore::settle() { return parts_->keeper.tend(true); }

TelemetryStatistics TelemetryStore::statistics() const {
    TelemetryStatistics statistics;
    {
        const std::lock_guard lock(parts_->catalogue.mutex);
        statistics.series = parts_->catalogue.all().size();
        statistics.samples = parts_->catalogue.samples;
    }
    const auto files = parts_->partitions->figures();
    statistics.partitions = files.partitions;
    statistics.blocks = files.blocks;
    statistics.partition_bytes = files.bytes;
    statistics.quarantined_blocks = files.quarantined + parts_->appender.journal_damaged();
    statistics.unsealed_samples = parts_->appender.unsealed();
    statistics.journal_bytes = parts_->appender.journal_bytes();
    const auto counts = parts_->appender.counts();
    statistics.duplicates = counts.duplicates;
    statistics.refused = counts.refused;
    parts_->keeper.add_to(statistics);
    return statistics;
}

}  // namespace labhub::coordinator::store
