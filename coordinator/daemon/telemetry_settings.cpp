#include "coordinator/daemon/telemetry_settings.hpp"

#include <set>

namespace labhub::coordinator::daemon {
namespace {

store::SeriesClass class_of(std::string name, std::vector<std::string> patterns, int keep_days,
                            std::uint64_t max_bytes) {
    store::SeriesClass one;
    one.name = std::move(name);
    one.patterns = std::move(patterns);
    if (keep_days > 0) one.keep_days = keep_days;
    if (max_bytes > 0) one.max_bytes = max_bytes;
    return one;
}

}  // namespace

void add_telemetry_options(config::Options& options, TelemetrySettings& settings) {
    options.add("telemetry.keep_days", &settings.keep_days,
                "Days after which readings are deleted, whole days of UTC at a time; 0: never",
                config::range(0, 36'500));
    options.add("telemetry.max_bytes", &settings.max_bytes,
                "Most bytes of readings on disk, past which the oldest days are deleted, never the present one; 0: no "
                "limit");
    options.add("telemetry.series_bound", &settings.series_bound,
                "Most metrics of all nodes together; readings of more are refused", config::range(1, 10'000'000));
    options.add("telemetry.live_memory", &settings.live_memory,
                "Bytes of live readings kept in memory, so that a client of the stream that was away goes on where it "
                "was",
                config::range(4'096, 1u << 30));
    options.list("telemetry.class", &settings.classes, "Readings that are kept otherwise than the rest",
                 [](config::Options& item, TelemetryClass& one) {
                     item.add("name", &one.name, "What the class is called; names its folder",
                              config::name("class name").required());
                     item.add("metrics", &one.metrics,
                              "Which series: patterns of a metric's name or of node/device/metric, with * and ?",
                              config::range(1, 1'000).required());
                     item.add("keep_days", &one.keep_days, "As telemetry.keep_days, for this class",
                              config::range(0, 36'500));
                     item.add("max_bytes", &one.max_bytes, "As telemetry.max_bytes, for this class");
                 });
}

Result<store::TelemetryOptions> telemetry_options(const TelemetrySettings& settings,
                                                  const std::filesystem::path& data) {
    store::TelemetryOptions options;
    options.import_from = data / "telemetry.db";
    options.series_bound = static_cast<std::size_t>(settings.series_bound);
    std::set<std::string> names{"default", "quarantine"};
    for (const auto& one : settings.classes) {
        if (!names.insert(one.name).second)
            return Error{ErrorCode::conflict, "telemetry.class '" + one.name + "' is taken",
                         "name each class once, and none of them default or quarantine"};
        options.classes.push_back(class_of(one.name, one.metrics, one.keep_days, one.max_bytes));
    }
    options.classes.push_back(class_of("default", {}, settings.keep_days, settings.max_bytes));
    return options;
}

}  // namespace labhub::coordinator::daemon
